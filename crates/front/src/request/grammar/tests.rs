use super::{columns, logic, operation, order, path, select};
use crate::error::Error;
use crate::request::tree::{
    Aggregate, Comparison, Direction, Field, JsonOperand, Logic, LogicOperator, Nulls, Operation, Quantifier,
    SelectItem,
};

fn filter(text: &str) -> Result<Operation, Error> {
    operation(Field::default(), text).map(|filter| filter.operation)
}

fn failure<T: std::fmt::Debug>(result: Result<T, Error>) -> (String, String) {
    match result {
        Err(Error::Parse { message, details }) => (message, details),
        other => panic!("{other:?}"),
    }
}

fn names(text: &str) -> Vec<String> {
    let items = select(text).unwrap().into_iter();
    items
        .map(|item| match item {
            SelectItem::Field(field) => field.field.name,
            SelectItem::Embed(embed) => format!("{}({})", embed.relation, embed.select.len()),
        })
        .collect()
}

#[test]
fn select_takes_names_in_all_their_forms() {
    assert_eq!(names("id, full name ,x-y,$1,ñandú"), ["id", "full name", "x-y", "$1", "ñandú"]);
    assert_eq!(names(r#""a,b","say \"hi\"""#), ["a,b", "say \"hi\""]);
    assert_eq!(names("*,clients(id,name),...x!inner()"), ["*", "clients(2)", "x(0)"]);
    assert!(select("").unwrap().is_empty());
}

#[test]
fn a_field_has_alias_path_casts_and_aggregate() {
    let items = select("n:data->a->>-1::text.sum()::int,count(),c:count()").unwrap();
    let SelectItem::Field(field) = &items[0] else { panic!() };
    assert_eq!(field.alias.as_deref(), Some("n"));
    assert_eq!(field.field.path[1].operand, JsonOperand::Index("-1".to_owned()));
    assert!(field.field.path[1].as_text && !field.field.path[0].as_text);
    assert_eq!((field.cast.as_deref(), field.aggregate_cast.as_deref()), (Some("text"), Some("int")));
    let SelectItem::Field(count) = &items[1] else { panic!() };
    assert_eq!((count.aggregate, count.field.name.as_str()), (Some(Aggregate::Count), "*"));
}

#[test]
fn an_embedding_has_alias_hint_and_join() {
    let items = select("who:people!author_id!inner(name,notes(*))").unwrap();
    let SelectItem::Embed(embed) = &items[0] else { panic!() };
    assert_eq!(
        (embed.alias.as_deref(), embed.hint.as_deref(), embed.inner),
        (Some("who"), Some("author_id"), true)
    );
    assert_eq!(embed.select.len(), 2);
}

#[test]
fn select_refuses_what_is_no_list_of_items() {
    for text in ["a,", ",a", "a;b", "a,,b", "\"a", "a(b", "a!b", "a'b", "a::", "x.sum"] {
        let (message, _) = failure(select(text));
        assert!(message.starts_with("\"failed to parse select parameter ("), "{text}: {message}");
    }
}

#[test]
fn deep_nesting_is_refused_with_its_limit() {
    let deep = format!("{}*{}", "a(".repeat(40), ")".repeat(40));
    assert!(failure(select(&deep)).0.contains("deeper than 32 levels"));
    let deep = format!("{}a.eq.1{}", "(and".repeat(40), ")".repeat(40));
    assert!(failure(logic("and", &deep)).0.contains("deeper than 32 levels"));
    let deep = format!("{}*{}", "a(".repeat(20_000), ")".repeat(20_000));
    assert!(failure(select(&deep)).0.contains("deeper than 32 levels"));
}

#[test]
fn an_operation_is_an_operator_and_the_rest_as_it_is() {
    let operator = Comparison::Equal;
    let equal =
        |value: &str, quantifier| Operation::Compare { operator, quantifier, value: value.to_owned() };
    assert_eq!(filter("eq.a.b,\"c\" ").unwrap(), equal("a.b,\"c\" ", None));
    assert_eq!(filter("eq(any).{1,2}").unwrap(), equal("{1,2}", Some(Quantifier::Any)));
    assert_eq!(filter("eq.").unwrap(), equal("", None));
    assert!(operation(Field::default(), "not.is.NULL").unwrap().negated);
    let list = ["a", "b,c", "d\"e"].map(str::to_owned).to_vec();
    assert_eq!(filter(r#"in.(a,"b,c","d\"e")"#).unwrap(), Operation::In(list));
    assert_eq!(filter("in.()").unwrap(), Operation::In(vec![String::new()]));
    for text in ["plfts(english).cat", "wfts.dog", "cs.{1}", "nxl.(1,2)", "isdistinct.x", "imatch(all).{a}"] {
        assert!(filter(text).is_ok(), "{text}");
    }
}

#[test]
fn an_unknown_operator_says_where_and_what_is_expected() {
    let (message, details) = failure(filter("noop.0"));
    assert_eq!(message, "\"failed to parse filter (noop.0)\" (line 1, column 1)");
    assert!(details.starts_with("unexpected \"n\" expecting ") && details.contains("operator (eq, gt, ...)"));
    for text in ["eq", "", "is.maybe", "in.1,2", "eq().1", "in.(a"] {
        assert!(filter(text).is_err(), "{text}");
    }
}

#[test]
fn logic_nests_and_negates() {
    let Logic::Group { negated, operator, members } =
        logic("not.or", "(a.eq.\"x,)\",not.and(b.lt.3,c.is.null),d.cs.{1,2})").unwrap()
    else {
        panic!()
    };
    assert_eq!((negated, operator, members.len()), (true, LogicOperator::Or, 3));
    let (message, _) = failure(logic("or", "()"));
    assert_eq!(message, "\"failed to parse logic tree (())\" (line 1, column 4)");
}

#[test]
fn order_takes_direction_and_place_of_nulls() {
    let terms = order("a, b.desc.nullslast,c.nullsfirst,r(d->e).asc").unwrap();
    assert_eq!(terms[1].direction, Some(Direction::Descending));
    assert_eq!((terms[1].nulls, terms[2].nulls), (Some(Nulls::Last), Some(Nulls::First)));
    assert_eq!(terms[3].relation.as_deref(), Some("r"));
    for text in ["", "a.up", "a.desc.x", "a,", "a.nullslast.desc", "r(a,b)"] {
        assert!(order(text).is_err(), "{text}");
    }
    let (message, _) = failure(order("id.asc.nullslastx"));
    assert!(message.ends_with("column 17)"), "{message}");
}

#[test]
fn a_parameter_name_is_a_path_and_a_field() {
    let (embedded, field) = path("clients.projects.data->>k").unwrap();
    assert_eq!(
        (embedded.join("/"), field.name.as_str(), field.path.len()),
        ("clients/projects".to_owned(), "data", 1)
    );
    assert_eq!(path("\"a.b\"").unwrap().1.name, "a.b");
    assert_eq!(columns("columns parameter", "a, \"b,c\"").unwrap(), ["a", "b,c"]);
}
