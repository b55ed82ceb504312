//! The grammar of parameter names and values, after PostgREST's.

use winnow::combinator::{alt, cut_err, delimited, eof, opt, peek, preceded, repeat, separated, terminated};
use winnow::error::{ContextError, ErrMode, StrContext, StrContextValue};
use winnow::token::{any, none_of, rest, take_while};
use winnow::{ModalResult, Parser};

use crate::error::Error;

/// Which columns are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Selection {
    #[default]
    All,
    Columns(Vec<String>),
}

/// A condition on one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) column: String,
    pub(crate) operator: Operator,
    pub(crate) value: String,
}

/// What a filter compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
}

/// One term of `order=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderTerm {
    pub(crate) column: String,
    pub(crate) direction: Option<Direction>,
    pub(crate) nulls: Option<Nulls>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nulls {
    First,
    Last,
}

/// `select=`: `*`, nothing, or column names by commas.
pub(super) fn select(text: &str) -> Result<Selection, Error> {
    run("select parameter", text, selection)
}

/// `order=`: `column[.asc|.desc][.nullsfirst|.nullslast]` by commas.
pub(super) fn order(text: &str) -> Result<Vec<OrderTerm>, Error> {
    run("order", text, separated(1.., padded(order_term), ','))
}

/// `<column>=<operator>.<value>`.
pub(super) fn filter(name: &str, text: &str) -> Result<Filter, Error> {
    let mut path: Vec<String> = run("tree path", name, separated(1.., field_name, '.'))?;
    let column = path.pop().unwrap_or_default();
    if let Some(embedded) = path.into_iter().next() {
        return Err(Error::NotEmbedded(embedded));
    }
    let (operator, value) = run("filter", text, (operator, rest))?;
    Ok(Filter { column, operator, value: value.to_owned() })
}

fn run<'a, T>(
    what: &str,
    text: &'a str,
    mut parser: impl Parser<&'a str, T, ErrMode<ContextError>>,
) -> Result<T, Error> {
    parser.parse(text).map_err(|error| {
        let column = text.get(..error.offset()).unwrap_or_default().chars().count() + 1;
        let unexpected = text.get(error.offset()..).and_then(|rest| rest.chars().next());
        let unexpected = unexpected.map_or_else(|| "end of input".to_owned(), |found| format!("{found:?}"));
        let expected: Vec<_> = error.inner().context().filter_map(expected).collect();
        let expecting =
            if expected.is_empty() { String::new() } else { format!(" expecting {}", expected.join(" or ")) };
        Error::Parse {
            message: format!("\"failed to parse {what} ({text})\" (line 1, column {column})"),
            details: format!("unexpected {unexpected}{expecting}"),
        }
    })
}

fn expected(context: &StrContext) -> Option<&'static str> {
    match context {
        StrContext::Expected(StrContextValue::Description(text)) => Some(text),
        _ => None,
    }
}

fn describe(text: &'static str) -> StrContext {
    StrContext::Expected(StrContextValue::Description(text))
}

fn padded<'a, T>(
    parser: impl Parser<&'a str, T, ErrMode<ContextError>>,
) -> impl Parser<&'a str, T, ErrMode<ContextError>> {
    delimited(blanks, parser, blanks)
}

fn blanks<'a>(input: &mut &'a str) -> ModalResult<&'a str> {
    take_while(0.., [' ', '\t']).parse_next(input)
}

fn selection(input: &mut &str) -> ModalResult<Selection> {
    let all = (blanks, opt('*'), blanks, eof).value(Selection::All);
    let columns = separated(1.., padded(field_name), ',').map(Selection::Columns);
    alt((all, columns)).parse_next(input)
}

fn order_term(input: &mut &str) -> ModalResult<OrderTerm> {
    let direction = alt((".asc".value(Direction::Ascending), ".desc".value(Direction::Descending)));
    let nulls = alt((".nullsfirst".value(Nulls::First), ".nullslast".value(Nulls::Last)));
    let end =
        peek(alt((blanks_then_comma, eof.void()))).context(describe("asc, desc, nullsfirst or nullslast"));
    (field_name, opt(direction), opt(nulls), cut_err(end))
        .map(|(column, direction, nulls, ())| OrderTerm { column, direction, nulls })
        .parse_next(input)
}

fn blanks_then_comma(input: &mut &str) -> ModalResult<()> {
    (blanks, alt((",", eof))).void().parse_next(input)
}

fn operator(input: &mut &str) -> ModalResult<Operator> {
    let name = alt(("eq".value(Operator::Equal),));
    terminated(name, '.').context(describe("operator (eq)")).parse_next(input)
}

/// A name in double quotes, or letters, digits, `_`, `$`, inner blanks and dashes.
fn field_name(input: &mut &str) -> ModalResult<String> {
    alt((quoted_name, bare_name)).context(describe("field name (* or [a..z0..9_$])")).parse_next(input)
}

fn quoted_name(input: &mut &str) -> ModalResult<String> {
    let character = alt((preceded('\\', any), none_of(['\\', '"'])));
    delimited('"', repeat(0.., character), '"').parse_next(input)
}

fn bare_name(input: &mut &str) -> ModalResult<String> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '$' | '-');
    let name = take_while(1.., is_name).map(|name: &str| name.trim().to_owned());
    name.verify(|name: &String| !name.is_empty() && !name.starts_with('-')).parse_next(input)
}

#[cfg(test)]
mod tests {
    use super::{Direction, Nulls, Operator, OrderTerm, Selection, filter, order, select};
    use crate::error::Error;

    fn columns(names: &[&str]) -> Selection {
        Selection::Columns(names.iter().map(|&name| name.to_owned()).collect())
    }

    fn failure<T: std::fmt::Debug>(result: Result<T, Error>) -> (String, String) {
        match result {
            Err(Error::Parse { message, details }) => (message, details),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn select_takes_names_in_all_their_forms() {
        assert_eq!(
            select("id, full name ,x-y,$1,ñandú").unwrap(),
            columns(&["id", "full name", "x-y", "$1", "ñandú"])
        );
        assert_eq!(select(r#""a,b","say \"hi\"""#).unwrap(), columns(&["a,b", "say \"hi\""]));
        assert_eq!(select("*").unwrap(), Selection::All);
        assert_eq!(select("").unwrap(), Selection::All);
    }

    #[test]
    fn select_refuses_what_is_no_list_of_names() {
        for text in ["a,", ",a", "a;b", "a,,b", "\"a", "a(b)", "a::text", "x:a", "a->b", "a'b"] {
            let (message, _) = failure(select(text));
            assert!(message.starts_with("\"failed to parse select parameter ("), "{message}");
        }
    }

    #[test]
    fn a_filter_is_an_operator_and_the_rest_as_it_is() {
        let parsed = filter("id", "eq.a.b,\"c\" ").unwrap();
        assert_eq!((parsed.operator, parsed.value.as_str()), (Operator::Equal, "a.b,\"c\" "));
        assert_eq!(filter("id", "eq.").unwrap().value, "");
    }

    #[test]
    fn an_unknown_operator_says_where_and_what_is_expected() {
        let (message, details) = failure(filter("id", "noop.0"));
        assert_eq!(message, "\"failed to parse filter (noop.0)\" (line 1, column 1)");
        assert_eq!(details, "unexpected 'n' expecting operator (eq)");
        assert!(filter("id", "eq").is_err());
        assert!(filter("id", "").is_err());
    }

    #[test]
    fn a_filter_on_what_is_not_embedded_names_it() {
        assert!(matches!(filter("author.name", "eq.x"), Err(Error::NotEmbedded(name)) if name == "author"));
        assert_eq!(filter("\"a.b\"", "eq.x").unwrap().column, "a.b");
    }

    #[test]
    fn order_takes_direction_and_place_of_nulls() {
        let term = |column: &str, direction, nulls| OrderTerm { column: column.to_owned(), direction, nulls };
        assert_eq!(
            order("a, b.desc.nullslast,c.nullsfirst,d.asc").unwrap(),
            [
                term("a", None, None),
                term("b", Some(Direction::Descending), Some(Nulls::Last)),
                term("c", None, Some(Nulls::First)),
                term("d", Some(Direction::Ascending), None),
            ]
        );
        for text in ["", "a.up", "a.desc.x", "a,", "a.nullslast.desc"] {
            assert!(order(text).is_err(), "{text}");
        }
    }
}
