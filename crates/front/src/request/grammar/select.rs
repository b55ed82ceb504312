//! `select=`: fields, casts, aliases, aggregates, embedded and spread relations.

use winnow::Parser;
use winnow::combinator::{alt, opt, preceded, separated};

use super::names::{comma, field, field_name, identifier, padded};
use super::trace::{Input, Parsed, ahead, character, deeper, literal};
use crate::request::tree::{Aggregate, Embed, Field, SelectField, SelectItem};

/// Items by commas, perhaps none.
pub(super) fn forest(input: &mut Input<'_>) -> Parsed<Vec<SelectItem>> {
    if input.input.is_empty() || input.input.starts_with(')') {
        return Ok(Vec::new());
    }
    separated(1.., item, comma).parse_next(input)
}

fn item(input: &mut Input<'_>) -> Parsed<SelectItem> {
    alt((embed, star, count, plain)).parse_next(input)
}

fn embed(input: &mut Input<'_>) -> Parsed<SelectItem> {
    let mut embed = padded(|input: &mut Input<'_>| {
        let spread = opt(literal("...", "\"...\"")).parse_next(input)?.is_some();
        let alias = if spread { None } else { opt(alias).parse_next(input)? };
        let relation = field_name(input)?;
        let parameters = (opt(parameter).parse_next(input)?, opt(parameter).parse_next(input)?);
        ahead(input, &["("], false, "\"(\"")?;
        if relation == "count" && !spread {
            return Err(winnow::error::EmptyError);
        }
        let mut embed = Embed { relation, alias, spread, ..Embed::default() };
        for parameter in [parameters.1, parameters.0].into_iter().flatten() {
            match parameter {
                EmbedParameter::Hint(hint) => embed.hint = Some(hint),
                EmbedParameter::Inner(inner) => embed.inner = inner,
            }
        }
        Ok(embed)
    })(input)?;
    character('(', "\"(\"")(input)?;
    embed.select = deeper(input, forest)?;
    character(')', "\")\"")(input)?;
    Ok(SelectItem::Embed(embed))
}

enum EmbedParameter {
    Hint(String),
    Inner(bool),
}

/// `!left`, `!inner` or `!hint`.
fn parameter(input: &mut Input<'_>) -> Parsed<EmbedParameter> {
    character('!', "\"!\"")(input)?;
    let hint = field_name(input)?;
    Ok(match hint.as_str() {
        "left" => EmbedParameter::Inner(false),
        "inner" => EmbedParameter::Inner(true),
        _ => EmbedParameter::Hint(hint),
    })
}

/// `name:`, not the start of a cast.
fn alias(input: &mut Input<'_>) -> Parsed<String> {
    let name = field_name(input)?;
    if input.input.starts_with("::") {
        input.state.note(input, "");
        return Err(winnow::error::EmptyError);
    }
    character(':', "\":\"")(input)?;
    Ok(name)
}

fn star(input: &mut Input<'_>) -> Parsed<SelectItem> {
    padded(|input: &mut Input<'_>| {
        character('*', "field name (* or [a..z0..9_$])")(input)?;
        end(input)?;
        Ok(SelectItem::Field(SelectField { field: all_columns(), ..SelectField::default() }))
    })(input)
}

fn all_columns() -> Field {
    Field { name: "*".to_owned(), path: Vec::new() }
}

/// `count()` of rows.
fn count(input: &mut Input<'_>) -> Parsed<SelectItem> {
    padded(|input: &mut Input<'_>| {
        let alias = opt(alias).parse_next(input)?;
        literal("count()", "")(input)?;
        let aggregate_cast = opt(cast).parse_next(input)?;
        end(input)?;
        let (field, aggregate) = (all_columns(), Some(Aggregate::Count));
        Ok(SelectItem::Field(SelectField { field, alias, aggregate, aggregate_cast, cast: None }))
    })(input)
}

fn plain(input: &mut Input<'_>) -> Parsed<SelectItem> {
    padded(|input: &mut Input<'_>| {
        let alias = opt(alias).parse_next(input)?;
        let field = field(input)?;
        let cast_as = opt(cast).parse_next(input)?;
        let aggregate = opt(preceded(character('.', "\".\""), aggregate)).parse_next(input)?;
        let aggregate_cast = opt(cast).parse_next(input)?;
        end(input)?;
        Ok(SelectItem::Field(SelectField { field, alias, cast: cast_as, aggregate, aggregate_cast }))
    })(input)
}

fn cast(input: &mut Input<'_>) -> Parsed<String> {
    literal("::", "\"::\"")(input)?;
    identifier(input)
}

fn aggregate(input: &mut Input<'_>) -> Parsed<Aggregate> {
    let name = |wanted, value| literal(wanted, wanted).value(value);
    let aggregate = alt((
        name("sum", Aggregate::Sum),
        name("avg", Aggregate::Avg),
        name("count", Aggregate::Count),
        name("max", Aggregate::Max),
        name("min", Aggregate::Min),
    ))
    .parse_next(input)?;
    literal("()", "\"()\"")(input)?;
    Ok(aggregate)
}

fn end(input: &mut Input<'_>) -> Parsed<()> {
    ahead(input, &[")", ","], true, "\")\", \",\" or end of input")
}
