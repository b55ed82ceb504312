use super::Query;
use crate::error::Error;
use crate::request::range::Range;

fn parse(text: &str) -> Query {
    Query::parse(text, false).unwrap()
}

#[test]
fn every_name_that_is_not_reserved_is_a_filter() {
    let query = parse("select=id&id=eq.1&my%20column=eq.a%2Bb+c&limit=5&offset=2&clients.name=eq.x");
    let names: Vec<_> = query.filters.iter().map(|(path, f)| (path.len(), f.field.name.as_str())).collect();
    assert_eq!(names, [(0, "id"), (0, "my column"), (1, "name")]);
    assert_eq!(query.range(), Range { first: 2, last: Some(6) });
}

#[test]
fn embedded_relations_have_parameters_of_their_own() {
    let query = parse("clients.limit=2&clients.order=id&clients.or=(a.eq.1,b.eq.2)&not.and=(a.eq.1)");
    assert_eq!(query.ranges, [(vec!["clients".to_owned()], Range { first: 0, last: Some(1) })]);
    assert_eq!(query.order[0].0, ["clients"]);
    assert_eq!((query.logic[0].0.len(), query.logic[1].0.len()), (1, 0));
    assert_eq!(query.range(), Range::ALL);
}

#[test]
fn a_call_takes_what_has_no_operator_as_an_argument() {
    let query = Query::parse("a=1&b=eq.2&c=eq", true).unwrap();
    let arguments: Vec<_> = query.arguments.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!((arguments, query.filters.len()), (vec![("a", "1"), ("c", "eq")], 1));
}

#[test]
fn the_canonical_form_is_sorted_and_encoded() {
    assert_eq!(parse("b=eq.2&a=eq.%20x").canonical, "a=eq.%20x&b=eq.2");
    assert_eq!(parse("").canonical, "");
}

#[test]
fn what_can_not_be_decoded_is_refused() {
    assert!(matches!(Query::parse("id=eq.%ff", false), Err(Error::Parse { .. })));
    assert!(Query::parse(&"a=eq.1&".repeat(1001), false).is_err());
}

#[test]
fn names_alone_are_ignored() {
    assert!(parse("&x&").filters.is_empty());
}
