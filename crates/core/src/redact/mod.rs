//! No secret in the server's log, and none in `pg_stat_statements`.
//!
//! A line of the log that speaks of something that carries secrets (see [`names`]) loses every
//! literal and every parameter, and what quotes them. Any other line loses what looks like a token,
//! a key or a hash. What is in doubt goes: a log can say too little.

pub mod names;
mod shape;
mod sql;
#[cfg(test)]
mod tests;

use sql::REDACTED;

/// Lines of a context that quote nothing.
const CONTEXT_BEGINNINGS: [&str; 2] = ["PL/pgSQL function ", "SQL function "];

/// What PostgreSQL is about to write to its log.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry<'a> {
    /// The message.
    pub message: Option<&'a str>,
    /// Its details.
    pub detail: Option<&'a str>,
    /// The hint.
    pub hint: Option<&'a str>,
    /// Where it happened.
    pub context: Option<&'a str>,
    /// The statement that PostgreSQL ran inside of the client's.
    pub internal_query: Option<&'a str>,
    /// The client's statement, whether it is written too or not: the others may quote it.
    pub statement: Option<&'a str>,
    /// Whether it is of a level below errors and notices: it may be the log of a statement.
    pub is_log: bool,
    /// Whether it is about a table of schema `auth`.
    pub is_ours: bool,
}

/// The fields that must be replaced, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// See [`Entry::message`].
    pub message: Option<String>,
    /// See [`Entry::detail`].
    pub detail: Option<String>,
    /// See [`Entry::hint`].
    pub hint: Option<String>,
    /// See [`Entry::context`].
    pub context: Option<String>,
    /// See [`Entry::internal_query`].
    pub internal_query: Option<String>,
    /// See [`Entry::statement`].
    pub statement: Option<String>,
}

/// What must be replaced before the entry is written.
#[must_use]
pub fn redact(entry: &Entry) -> Redacted {
    let replaced = if speaks_of_secrets(entry) { withhold(entry) } else { Redacted::default() };
    let finish = |new: Option<String>, old: Option<&str>| {
        let scrubbed = shape::scrub(new.as_deref().or(old)?);
        scrubbed.or(new)
    };
    Redacted {
        message: finish(replaced.message, entry.message),
        detail: finish(replaced.detail, entry.detail),
        hint: finish(replaced.hint, entry.hint),
        context: finish(replaced.context, entry.context),
        internal_query: finish(replaced.internal_query, entry.internal_query),
        statement: finish(replaced.statement, entry.statement),
    }
}

/// Whether the text of a statement may stay where anybody reads it: false when it speaks of
/// something that carries secrets and has a literal, or looks like holding one.
#[must_use]
pub fn is_clean(statement: &str) -> bool {
    !(names::mentions(statement, true) && sql::has_literal(statement)) && shape::scrub(statement).is_none()
}

fn speaks_of_secrets(entry: &Entry) -> bool {
    entry.is_ours
        || [entry.message, entry.detail].into_iter().flatten().any(|text| names::mentions(text, entry.is_log))
        || [entry.statement, entry.internal_query]
            .into_iter()
            .flatten()
            .any(|text| names::mentions(text, true))
        || entry.context.is_some_and(|context| names::mentions(context, false))
}

fn withhold(entry: &Entry) -> Redacted {
    let mut values = Vec::new();
    for text in [entry.statement, entry.internal_query, entry.context, entry.detail].into_iter().flatten() {
        values.extend(sql::values(text));
    }
    let prose = |text: Option<&str>| {
        text.map(|text| {
            let mut clean = sql::scrub(&without_setting(&without_lists(text)), entry.is_log);
            for value in &values {
                clean = clean.replace(value.as_str(), REDACTED);
            }
            clean
        })
    };
    let query = |text: Option<&str>| text.map(|text| sql::scrub(&without_setting(text), true));
    Redacted {
        message: match entry.message {
            Some(message) if message.contains("plan:\n") => Some(plan(message)),
            Some(message) if message.starts_with("AUDIT:") => Some(format!("AUDIT: {REDACTED}")),
            message => prose(message),
        },
        detail: prose(entry.detail),
        hint: prose(entry.hint),
        context: entry.context.map(context),
        internal_query: query(entry.internal_query),
        statement: query(entry.statement),
    }
}

/// auto_explain's message. Its text form quotes as SQL does; what the others quote goes whole.
fn plan(message: &str) -> String {
    let (head, body) = message.split_once("plan:\n").unwrap_or((message, ""));
    match body.strip_prefix("Query Text: ") {
        Some(text) if !text.starts_with('"') => {
            format!("{head}plan:\nQuery Text: {}", sql::scrub(&without_setting(text), false))
        }
        _ => format!("{head}plan:\n{REDACTED}"),
    }
}

/// Keeps the lines that name functions; the others quote statements, parameters and data.
fn context(text: &str) -> String {
    let is_name = |symbol: char| symbol.is_ascii_alphanumeric() || "_.,()[]\" /".contains(symbol);
    let keep = |line: &&str| {
        CONTEXT_BEGINNINGS.iter().any(|beginning| line.starts_with(beginning)) && line.chars().all(is_name)
    };
    let kept: Vec<&str> = text.lines().filter(keep).collect();
    if kept.len() == text.lines().count() {
        text.to_owned()
    } else {
        [&kept[..], &[REDACTED]].concat().join("\n")
    }
}

/// Rows and keys that PostgreSQL quotes without quotes: everything after the parenthesis.
fn without_lists(text: &str) -> String {
    for beginning in [")=(", "Failing row contains (", "row contains ("] {
        if let Some(at) = text.find(beginning) {
            return format!("{}{REDACTED}", &text[..at + beginning.len()]);
        }
    }
    text.to_owned()
}

/// `set pg_gatehouse.token = value` needs no quotes: what comes after the name goes.
fn without_setting(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let Some(at) = lower.find("pg_gatehouse") else { return text.to_owned() };
    let Some(name) = lower[at..].find("token") else { return text.to_owned() };
    let end = at + name + "token".len();
    let after = lower[end..].trim_start_matches(|symbol: char| symbol == '"' || symbol.is_whitespace());
    if after.starts_with('=') || after.starts_with("to") && !after[2..].starts_with(names::is_word) {
        format!("{} = {REDACTED}", &text[..end])
    } else {
        text.to_owned()
    }
}
