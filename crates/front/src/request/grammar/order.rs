//! `order=`: `field[.asc|.desc][.nullsfirst|.nullslast]` or `relation(field)…` by commas.

use winnow::Parser;
use winnow::combinator::{alt, opt, separated};

use super::names::{field, field_name, padded};
use super::trace::{Input, Parsed, ahead, character, literal};
use crate::request::tree::{Direction, Field, Nulls, OrderTerm};

pub(super) fn terms(input: &mut Input<'_>) -> Parsed<Vec<OrderTerm>> {
    let term = |input: &mut Input<'_>| alt((related, own)).parse_next(input);
    separated(1.., padded(term), character(',', "\",\"")).parse_next(input)
}

fn related(input: &mut Input<'_>) -> Parsed<OrderTerm> {
    let relation = field_name(input)?;
    character('(', "\"(\"")(input)?;
    let field = field(input)?;
    character(')', "\")\"")(input)?;
    modified(Some(relation), field, input)
}

fn own(input: &mut Input<'_>) -> Parsed<OrderTerm> {
    let field = field(input)?;
    modified(None, field, input)
}

fn modified(relation: Option<String>, field: Field, input: &mut Input<'_>) -> Parsed<OrderTerm> {
    let direction = opt(dotted(&[("asc", Direction::Ascending), ("desc", Direction::Descending)]));
    let direction = { direction }.parse_next(input)?;
    let nulls = opt(dotted(&[("nullsfirst", Nulls::First), ("nullslast", Nulls::Last)]));
    let nulls = { nulls }.parse_next(input)?;
    let after_blanks = input.input.trim_start_matches([' ', '\t']);
    let end = Input { input: after_blanks, state: input.state };
    ahead(&end, &[","], true, "\",\" or end of input")?;
    Ok(OrderTerm { relation, field, direction, nulls })
}

/// A dot and one of the names.
fn dotted<'i, T: Copy>(names: &[(&'static str, T); 2]) -> impl FnMut(&mut Input<'i>) -> Parsed<T> {
    let names = *names;
    move |input| {
        character('.', "delimiter (.)")(input)?;
        let [(first, value), (second, other)] = names;
        alt((literal(first, first).value(value), literal(second, second).value(other))).parse_next(input)
    }
}
