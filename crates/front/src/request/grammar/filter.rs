//! `[not.]<operator>.<value>`.

use winnow::Parser;
use winnow::combinator::{alt, opt, separated};

use super::names::{identifier, padded, quoted};
use super::trace::{Input, Parsed, ahead, character, literal, literal_any_case, run_of};
use crate::request::tree::{Comparison, FullText, IsValue, Operation, Quantifier, Simple};

type Value = fn(&mut Input<'_>) -> Parsed<String>;

const OPERATOR: &str = "operator (eq, gt, ...)";

/// The names; longer ones stand before their beginnings.
const SIMPLE: [(&str, Simple); 9] = [
    ("neq", Simple::NotEqual),
    ("cs", Simple::Contains),
    ("cd", Simple::ContainedBy),
    ("ov", Simple::Overlaps),
    ("sl", Simple::StrictlyLeft),
    ("sr", Simple::StrictlyRight),
    ("nxr", Simple::NotExtendsRight),
    ("nxl", Simple::NotExtendsLeft),
    ("adj", Simple::Adjacent),
];

const COMPARISONS: [(&str, Comparison); 9] = [
    ("eq", Comparison::Equal),
    ("gte", Comparison::GreaterOrEqual),
    ("gt", Comparison::Greater),
    ("lte", Comparison::LessOrEqual),
    ("lt", Comparison::Less),
    ("like", Comparison::Like),
    ("ilike", Comparison::InsensitiveLike),
    ("match", Comparison::Match),
    ("imatch", Comparison::InsensitiveMatch),
];

const FULL_TEXT: [(&str, FullText); 4] = [
    ("fts", FullText::Query),
    ("plfts", FullText::Plain),
    ("phfts", FullText::Phrase),
    ("wfts", FullText::Websearch),
];

const IS: [(&str, IsValue); 5] = [
    ("not_null", IsValue::NotNull),
    ("null", IsValue::Null),
    ("true", IsValue::True),
    ("false", IsValue::False),
    ("unknown", IsValue::Unknown),
];

/// The whole value of a parameter.
pub(super) fn operation(input: &mut Input<'_>) -> Parsed<(bool, Operation)> {
    negatable(input, |input| Ok(run_of(input, |_| true, "").to_owned()))
}

/// An operation whose single value is read by `value`; whether it is negated comes first.
pub(super) fn negatable(input: &mut Input<'_>, value: Value) -> Parsed<(bool, Operation)> {
    let negated = opt(literal("not.", "\"not\"")).parse_next(input)?.is_some();
    let is_distinct = |input: &mut Input<'_>| {
        literal("isdistinct.", OPERATOR)(input)?;
        value(input).map(Operation::IsDistinct)
    };
    let full_text = |input: &mut Input<'_>| {
        let operator = named(&FULL_TEXT, input)?;
        let language = opt(parenthesised(identifier)).parse_next(input)?;
        dot(input)?;
        Ok(Operation::FullText { operator, language, value: value(input)? })
    };
    let simple = |input: &mut Input<'_>| {
        let operator = named(&SIMPLE, input)?;
        dot(input)?;
        Ok(Operation::Simple { operator, value: value(input)? })
    };
    let compare = |input: &mut Input<'_>| {
        let operator = named(&COMPARISONS, input)?;
        let quantifier = opt(parenthesised(quantifier)).parse_next(input)?;
        dot(input)?;
        Ok(Operation::Compare { operator, quantifier, value: value(input)? })
    };
    let operation = alt((list, is, is_distinct, full_text, simple, compare)).parse_next(input)?;
    Ok((negated, operation))
}

fn dot(input: &mut Input<'_>) -> Parsed<char> {
    character('.', "delimiter (.)")(input)
}

fn named<T: Copy>(names: &[(&'static str, T)], input: &mut Input<'_>) -> Parsed<T> {
    for &(name, value) in names {
        if literal(name, OPERATOR)(input).is_ok() {
            return Ok(value);
        }
    }
    Err(winnow::error::EmptyError)
}

fn parenthesised<'i, T>(inner: fn(&mut Input<'_>) -> Parsed<T>) -> impl FnMut(&mut Input<'i>) -> Parsed<T> {
    move |input| {
        character('(', OPERATOR)(input)?;
        let value = inner(input)?;
        character(')', "\")\"")(input)?;
        Ok(value)
    }
}

fn quantifier(input: &mut Input<'_>) -> Parsed<Quantifier> {
    let any = literal("any", "any").value(Quantifier::Any);
    alt((any, literal("all", "all").value(Quantifier::All))).parse_next(input)
}

fn is(input: &mut Input<'_>) -> Parsed<Operation> {
    literal("is.", OPERATOR)(input)?;
    let label = "isVal: (null, not_null, true, false, unknown)";
    for (name, value) in IS {
        if literal_any_case(input, name, label).is_ok() {
            return Ok(Operation::Is(value));
        }
    }
    Err(winnow::error::EmptyError)
}

fn list(input: &mut Input<'_>) -> Parsed<Operation> {
    literal("in.", OPERATOR)(input)?;
    padded(character('(', "\"(\""))(input)?;
    let items = separated(1.., list_item, character(',', "\",\"")).parse_next(input)?;
    padded(character(')', "\")\""))(input)?;
    Ok(Operation::In(items))
}

fn list_item(input: &mut Input<'_>) -> Parsed<String> {
    let bare = |input: &mut Input<'_>| Ok(run_of(input, |c| c != ',' && c != ')', "").to_owned());
    alt((quoted_item, bare)).parse_next(input)
}

/// A quoted value, if that is all of the item.
pub(super) fn quoted_item(input: &mut Input<'_>) -> Parsed<String> {
    let value = quoted(input)?;
    ahead(input, &[",", ")"], true, "\",\" or \")\"")?;
    Ok(value)
}
