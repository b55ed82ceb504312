//! Conditions: every operator, and their trees.

use super::Statement;
use super::field::field;
use crate::plan::{Condition, Resolved};
use crate::request::tree::{Comparison, FullText, IsValue, LogicOperator, Operation, Quantifier, Simple};
use crate::schema_cache::Name;

pub(super) fn condition(sql: &mut Statement, table: &Name, what: &Condition<'_>) {
    match what {
        Condition::Embedded { lateral, exists } => {
            sql.identifier(lateral);
            sql.text(if *exists { " is distinct from null" } else { " is not distinct from null" });
        }
        Condition::Filter { field, negated, operation } => filter(sql, table, field, *negated, operation),
        Condition::Group { negated, operator, members } => {
            group(sql, *negated, *operator, members, |sql, member| condition(sql, table, member));
        }
    }
}

pub(super) fn group<'c, 'p>(
    sql: &mut Statement,
    negated: bool,
    operator: LogicOperator,
    members: &'c [Condition<'p>],
    member: impl FnMut(&mut Statement, &'c Condition<'p>),
) {
    sql.text(if negated { "not (" } else { "(" });
    let separator = match operator {
        LogicOperator::And => " and ",
        LogicOperator::Or => " or ",
    };
    sql.list(separator, members, member).text(")");
}

fn filter(sql: &mut Statement, table: &Name, left: &Resolved<'_>, negated: bool, operation: &Operation) {
    if negated {
        sql.text("not ");
    }
    field(sql, table, left);
    match operation {
        Operation::Compare { operator, quantifier, value } => {
            compare(sql, left, *operator, *quantifier, value)
        }
        Operation::FullText { operator, language, value } => {
            sql.text(match operator {
                FullText::Query => " @@ to_tsquery(",
                FullText::Plain => " @@ plainto_tsquery(",
                FullText::Phrase => " @@ phraseto_tsquery(",
                FullText::Websearch => " @@ websearch_to_tsquery(",
            });
            if let Some(language) = language {
                sql.value(language.clone()).text(", ");
            }
            sql.value(value.clone()).text(")");
        }
        Operation::In(values) => is_in(sql, left, values),
        Operation::Is(value) => {
            sql.text(match value {
                IsValue::False => " is false",
                IsValue::NotNull => " is not null",
                IsValue::Null => " is null",
                IsValue::True => " is true",
                IsValue::Unknown => " is unknown",
            });
        }
        Operation::IsDistinct(value) => {
            sql.text(" is distinct from ").value(value.clone());
        }
        Operation::Simple { operator, value } => {
            sql.text(simple(*operator));
            transformed(sql, left, value);
        }
    }
}

fn compare(
    sql: &mut Statement,
    left: &Resolved<'_>,
    operator: Comparison,
    quantifier: Option<Quantifier>,
    value: &str,
) {
    sql.text(comparison(operator));
    match quantifier {
        None => {}
        Some(Quantifier::All) => {
            sql.text("all (");
        }
        Some(Quantifier::Any) => {
            sql.text("any (");
        }
    }
    match operator {
        // In a query string an asterisk is easier to write than a percent sign.
        Comparison::Like | Comparison::InsensitiveLike => {
            sql.value(value.replace('*', "%"));
        }
        _ => transformed(sql, left, value),
    }
    if quantifier.is_some() {
        sql.text(")");
    }
}

/// `= any`, since the text stays the same however many values there are.
fn is_in(sql: &mut Statement, left: &Resolved<'_>, values: &[String]) {
    if matches!(values, [only] if only.is_empty()) {
        sql.text(" = any ('{}')");
        return;
    }
    sql.text(" = any (");
    match left.transform {
        None => {
            sql.value(array(values));
        }
        Some(function) => {
            sql.text("(select ").name(function).text("(unnest(").value(array(values)).text("::text[])))");
        }
    }
    sql.text(")");
}

fn transformed(sql: &mut Statement, left: &Resolved<'_>, value: &str) {
    match left.transform {
        None => {
            sql.value(value.to_owned());
        }
        Some(function) => {
            sql.name(function).text("(").value(value.to_owned()).text(")");
        }
    }
}

/// An array as Postgres reads it.
pub(super) fn array(values: &[String]) -> String {
    let mut text = String::from("{");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push('"');
        for c in value.chars() {
            if c == '"' || c == '\\' {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
    }
    text.push('}');
    text
}

fn comparison(operator: Comparison) -> &'static str {
    match operator {
        Comparison::Equal => " = ",
        Comparison::Greater => " > ",
        Comparison::GreaterOrEqual => " >= ",
        Comparison::InsensitiveLike => " ilike ",
        Comparison::InsensitiveMatch => " ~* ",
        Comparison::Less => " < ",
        Comparison::LessOrEqual => " <= ",
        Comparison::Like => " like ",
        Comparison::Match => " ~ ",
    }
}

fn simple(operator: Simple) -> &'static str {
    match operator {
        Simple::Adjacent => " -|- ",
        Simple::ContainedBy => " <@ ",
        Simple::Contains => " @> ",
        Simple::NotEqual => " <> ",
        Simple::NotExtendsLeft => " &> ",
        Simple::NotExtendsRight => " &< ",
        Simple::Overlaps => " && ",
        Simple::StrictlyLeft => " << ",
        Simple::StrictlyRight => " >> ",
    }
}
