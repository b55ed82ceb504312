//! Names of fields, JSON paths, identifiers.

use winnow::Parser;
use winnow::combinator::{alt, opt, preceded, repeat};
use winnow::stream::Stream;

use super::trace::{Input, Parsed, ahead, character, literal, one, run_of, some_of};
use crate::request::tree::{Field, JsonOperand, JsonStep};

pub(super) fn blanks(input: &mut Input<'_>) {
    run_of(input, |c| matches!(c, ' ' | '\t'), "");
}

/// A parser with blanks around.
pub(super) fn padded<'i, T>(
    mut parser: impl FnMut(&mut Input<'i>) -> Parsed<T>,
) -> impl FnMut(&mut Input<'i>) -> Parsed<T> {
    move |input| {
        blanks(input);
        let value = parser(input)?;
        blanks(input);
        Ok(value)
    }
}

pub(super) fn comma(input: &mut Input<'_>) -> Parsed<char> {
    padded(character(',', "\",\"")).parse_next(input)
}

/// Letters, digits, `_`, `$` and blanks, trimmed.
pub(super) fn identifier(input: &mut Input<'_>) -> Parsed<String> {
    let kind = |c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '$');
    some_of(input, kind, "letter or digit").map(|text| text.trim().to_owned())
}

/// Text between double quotes; a backslash takes the next character as it is.
pub(super) fn quoted(input: &mut Input<'_>) -> Parsed<String> {
    character('"', "\"\\\"\"")(input)?;
    let plain = one(|c| c != '"' && c != '\\', "");
    let any = one(|_| true, "");
    let text = repeat(0.., alt((plain, preceded(character('\\', ""), any)))).parse_next(input)?;
    character('"', "\"\\\"\"")(input)?;
    Ok(text)
}

/// A quoted name, or identifiers with dashes between.
pub(super) fn field_name(input: &mut Input<'_>) -> Parsed<String> {
    if input.input.starts_with('"') {
        return quoted(input);
    }
    input.state.note(input, "field name (* or [a..z0..9_$])");
    dashed(identifier, input)
}

/// Parts with single dashes between; the dash of an arrow is none.
fn dashed(part: fn(&mut Input<'_>) -> Parsed<String>, input: &mut Input<'_>) -> Parsed<String> {
    let dash = |input: &mut Input<'_>| -> Parsed<char> {
        if input.input.starts_with("->") {
            input.state.note(input, "\"->\"");
            return Err(winnow::error::EmptyError);
        }
        character('-', "\"-\"")(input)
    };
    let mut name = part(input)?;
    loop {
        let start = input.checkpoint();
        let Ok(next) = dash(input).and_then(|_| part(input)) else {
            input.reset(&start);
            return Ok(name);
        };
        name.push('-');
        name.push_str(&next);
    }
}

/// A field name with its JSON path, blanks around.
pub(super) fn field(input: &mut Input<'_>) -> Parsed<Field> {
    padded(|input: &mut Input<'_>| Ok(Field { name: field_name(input)?, path: json_path(input)? }))(input)
}

/// `->a->>b`, perhaps nothing.
pub(super) fn json_path(input: &mut Input<'_>) -> Parsed<Vec<JsonStep>> {
    let mut path = Vec::new();
    loop {
        let as_text = match opt(literal("->>", "\"->>\"")).parse_next(input)? {
            Some(()) => true,
            None => match opt(literal("->", "\"->\"")).parse_next(input)? {
                Some(()) => false,
                None => return Ok(path),
            },
        };
        path.push(JsonStep { as_text, operand: alt((index, key)).parse_next(input)? });
    }
}

fn index(input: &mut Input<'_>) -> Parsed<JsonOperand> {
    let minus = opt(character('-', "\"-\"")).parse_next(input)?;
    let digits = some_of(input, |c| c.is_ascii_digit(), "digit")?;
    ahead(input, &["->", "::", ".", ",", ")"], true, "")?;
    let sign = if minus.is_some() { "-" } else { "" };
    Ok(JsonOperand::Index(format!("{sign}{digits}")))
}

fn key(input: &mut Input<'_>) -> Parsed<JsonOperand> {
    if input.input.starts_with('"') {
        return quoted(input).map(JsonOperand::Key);
    }
    let part = |input: &mut Input<'_>| -> Parsed<String> {
        let kind = |c: char| !matches!(c, '(' | '-' | ':' | '.' | ',' | '>' | ')');
        let label = "any non reserved character different from: .,>()";
        some_of(input, kind, label).map(|text| text.trim().to_owned())
    };
    dashed(part, input).map(JsonOperand::Key)
}
