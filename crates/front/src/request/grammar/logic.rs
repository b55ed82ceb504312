//! `and(…)`, `or(…)`, `not.and(…)`, with conditions inside.

use winnow::Parser;
use winnow::combinator::{alt, opt, separated};

use super::filter::{negatable, quoted_item};
use super::names::{field, padded};
use super::trace::{Input, Parsed, character, deeper, literal, run_of};
use crate::request::tree::{Filter, Logic, LogicOperator};

pub(super) fn tree(input: &mut Input<'_>) -> Parsed<Logic> {
    alt((condition, group)).parse_next(input)
}

fn condition(input: &mut Input<'_>) -> Parsed<Logic> {
    let field = field(input)?;
    character('.', "delimiter (.)")(input)?;
    let (negated, operation) = negatable(input, value)?;
    Ok(Logic::Filter(Filter { field, negated, operation }))
}

fn group(input: &mut Input<'_>) -> Parsed<Logic> {
    let negated = opt(literal("not.", "negation operator (not)")).parse_next(input)?.is_some();
    let label = "logic operator (and, or)";
    let and = literal("and", label).value(LogicOperator::And);
    let operator = alt((and, literal("or", label).value(LogicOperator::Or))).parse_next(input)?;
    padded(character('(', "\"(\""))(input)?;
    let members = deeper(input, |input: &mut Input<'_>| {
        separated(1.., tree, padded(character(',', "\",\""))).parse_next(input)
    })?;
    padded(character(')', "\")\""))(input)?;
    Ok(Logic::Group { negated, operator, members })
}

/// Quoted, an array in braces, or all up to the next comma or parenthesis.
fn value(input: &mut Input<'_>) -> Parsed<String> {
    alt((quoted_item, array, bare)).parse_next(input)
}

fn array(input: &mut Input<'_>) -> Parsed<String> {
    character('{', "")(input)?;
    let inner = run_of(input, |c| c != '{' && c != '}', "");
    character('}', "\"}\"")(input)?;
    Ok(format!("{{{inner}}}"))
}

fn bare(input: &mut Input<'_>) -> Parsed<String> {
    Ok(run_of(input, |c| c != ',' && c != ')', "").to_owned())
}
