//! Takes the literals out of SQL text. In doubt, everything up to the end goes.

use super::names::is_word;

/// What stands in the place of a secret.
pub(super) const REDACTED: &str = "[redacted]";
/// Quoted names that say nothing.
const PLAIN_NAMES: [&str; 4] = ["user", "auth", "role", "position"];
/// Numbers of so many digits may be codes.
const CODE_DIGITS: usize = 4;
const DEEPEST: usize = 3;

/// A piece of SQL text.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    /// Kept as it is.
    Plain(&'a str),
    /// `'…'` in any form, without its quotes; false when its end is not sure.
    Literal(&'a str, bool),
    /// `$tag$…$tag$`
    Dollar(&'a str, bool),
    /// `"…"`
    Name(&'a str, bool),
    Number(&'a str),
    Comment,
}

/// The text without literals, quoted names, comments and, if `numbers`, what may be a code.
pub(super) fn scrub(text: &str, numbers: bool) -> String {
    let mut clean = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain(plain) => clean.push_str(plain),
            Piece::Number(number) if !numbers || number.len() < CODE_DIGITS || number.contains('.') => {
                clean.push_str(number);
            }
            Piece::Number(_) => clean.push_str(REDACTED),
            Piece::Name(name, true) if PLAIN_NAMES.contains(&name) => {
                clean.push('"');
                clean.push_str(name);
                clean.push('"');
            }
            Piece::Name(..) => {
                clean.push('"');
                clean.push_str(REDACTED);
                clean.push('"');
            }
            Piece::Literal(..) | Piece::Dollar(..) => {
                clean.push('\'');
                clean.push_str(REDACTED);
                clean.push('\'');
            }
            Piece::Comment => clean.push(' '),
        }
    }
    clean
}

/// Whether there is a literal in it.
pub(super) fn has_literal(text: &str) -> bool {
    pieces(text).iter().any(|piece| {
        matches!(piece, Piece::Literal(..) | Piece::Dollar(..) | Piece::Comment)
            || matches!(piece, Piece::Number(number) if number.len() >= CODE_DIGITS)
            || matches!(piece, Piece::Name(name, _) if !PLAIN_NAMES.contains(name))
    })
}

/// The values of all literals, also of those inside of literals.
pub(super) fn values(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(text, 0, &mut found);
    // The longest first, so that no part of a value stays behind.
    found.sort_by_key(|value| std::cmp::Reverse(value.len()));
    found.dedup();
    found
}

fn collect(text: &str, depth: usize, found: &mut Vec<String>) {
    for piece in pieces(text) {
        let value = match piece {
            Piece::Literal(value, _) => value.replace("''", "'"),
            Piece::Dollar(value, _) | Piece::Name(value, _) | Piece::Number(value) => value.to_owned(),
            Piece::Plain(_) | Piece::Comment => continue,
        };
        if depth < DEEPEST && value.contains(['\'', '"', '$']) {
            collect(&value, depth + 1, found);
        }
        for form in [unescape(&value), value] {
            let form = form.trim();
            if form.len() >= CODE_DIGITS && !PLAIN_NAMES.contains(&form) {
                found.push(form.to_owned());
            }
        }
    }
}

/// As an escape string would be read: near enough to find it again.
fn unescape(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut symbols = value.chars();
    while let Some(symbol) = symbols.next() {
        match symbol {
            '\\' => match symbols.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some('r') => plain.push('\r'),
                other => plain.extend(other),
            },
            other => plain.push(other),
        }
    }
    plain
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut word = "";
    while !rest.is_empty() {
        let (piece, after) = next(rest, word);
        word = match piece {
            Piece::Plain(plain) => plain,
            _ => "",
        };
        found.push(piece);
        rest = after;
    }
    found
}

/// The piece at the start of `text`, which is not empty; `before` is the plain piece before it.
fn next<'a>(text: &'a str, before: &str) -> (Piece<'a>, &'a str) {
    if let Some(body) = text.strip_prefix('\'') {
        let escapes = before.eq_ignore_ascii_case("e");
        return quoted(body, '\'', escapes, Piece::Literal);
    }
    if let Some(body) = text.strip_prefix('"') {
        return quoted(body, '"', false, Piece::Name);
    }
    if text.starts_with("--") {
        return (Piece::Comment, text.find('\n').map_or("", |end| &text[end..]));
    }
    if text.starts_with("/*") {
        return (Piece::Comment, after_comment(text));
    }
    if text.starts_with('$')
        && let Some(found) = dollar(text)
    {
        return found;
    }
    plain(text)
}

fn plain(text: &str) -> (Piece<'_>, &str) {
    let first = text.chars().next().unwrap_or(' ');
    if first == '$' || first == '-' || first == '/' {
        let digits =
            text[1..].find(|symbol: char| !symbol.is_ascii_digit()).map_or(text.len(), |end| end + 1);
        let end = if first == '$' { digits } else { 1 };
        return (Piece::Plain(&text[..end]), &text[end..]);
    }
    if first.is_ascii_digit() {
        let end = text.find(|symbol: char| !is_word(symbol) && symbol != '.').unwrap_or(text.len());
        return (Piece::Number(&text[..end]), &text[end..]);
    }
    let is_border = |symbol: char| {
        if is_word(first) {
            !is_word(symbol) && symbol != '$'
        } else {
            is_word(symbol) || "'\"$-/".contains(symbol)
        }
    };
    let end = text.find(is_border).unwrap_or(text.len());
    (Piece::Plain(&text[..end]), &text[end..])
}

/// What ends with `quote`; doubled, it stands for itself. A backslash before it may or may not
/// escape it, depending on a setting that nobody here knows: then the end is not sure.
fn quoted<'a>(
    body: &'a str,
    quote: char,
    escapes: bool,
    piece: fn(&'a str, bool) -> Piece<'a>,
) -> (Piece<'a>, &'a str) {
    let mut symbols = body.char_indices().peekable();
    let mut last = ' ';
    while let Some((at, symbol)) = symbols.next() {
        if escapes && symbol == '\\' {
            symbols.next();
            continue;
        }
        if symbol == quote {
            if quote == '\'' && last == '\\' && !escapes {
                return (piece(body, false), "");
            }
            if symbols.peek().map(|(_, symbol)| *symbol) == Some(quote) {
                symbols.next();
            } else {
                return (piece(&body[..at], true), &body[at + 1..]);
            }
        }
        last = symbol;
    }
    (piece(body, false), "")
}

/// `$tag$…$tag$`; none when it is something else, such as a parameter.
fn dollar(text: &str) -> Option<(Piece<'_>, &str)> {
    let end = text[1..].find('$')? + 2;
    let tag = &text[..end];
    let name = &tag[1..end - 1];
    if name.starts_with(|symbol: char| symbol.is_ascii_digit()) || !name.chars().all(is_word) {
        return None;
    }
    let body = &text[end..];
    Some(match body.split_once(tag) {
        Some((value, after)) => (Piece::Dollar(value, true), after),
        None => (Piece::Dollar(body, false), ""),
    })
}

/// What comes after a comment, which may have others in it.
fn after_comment(text: &str) -> &str {
    let mut depth: usize = 0;
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("/*") {
            depth += 1;
            rest = after;
        } else if let Some(after) = rest.strip_prefix("*/") {
            depth -= 1;
            rest = after;
            if depth == 0 {
                return rest;
            }
        } else {
            rest = rest.char_indices().nth(1).map_or("", |(at, _)| &rest[at..]);
        }
    }
    ""
}
