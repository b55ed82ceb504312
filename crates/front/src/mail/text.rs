//! Text from elsewhere, made fit for a line of a mail.

use serde_json::Value;

/// Without line ends and other control characters, and without what turns the direction of writing
/// round: a name could otherwise begin a header, or a line that looks like ours.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || is_control(c)).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// At most so many characters.
pub(super) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// All texts in a value as [`one_line`].
pub(super) fn in_lines(value: &Value) -> Value {
    match value {
        Value::String(text) => one_line(text).into(),
        Value::Array(items) => items.iter().map(in_lines).collect(),
        Value::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), in_lines(value))).collect())
        }
        other => other.clone(),
    }
}

/// Line and paragraph separators, and the controls of bidirectional text (Unicode Standard Annex 9).
pub(super) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{in_lines, one_line, shortened};

    #[test]
    fn no_text_begins_a_line_of_its_own() {
        assert_eq!(one_line("Alice\r\nBcc: eve@example.com"), "Alice Bcc: eve@example.com");
        assert_eq!(one_line("\u{202e}evil\u{2028}line\u{85}\0x"), "evil line x");
        assert_eq!(one_line("  Zoë   Ünal "), "Zoë Ünal");
        let value = json!({"name": "a\nb", "list": ["c\rd", 1, null]});
        assert_eq!(in_lines(&value), json!({"name": "a b", "list": ["c d", 1, null]}));
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöüß", 3), "äö…");
    }
}
