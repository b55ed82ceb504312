//! What looks like a secret wherever it stands: tokens, keys and hashes.

use super::sql::REDACTED;

/// Beginnings of the opaque secrets that this product gives out.
const PREFIXES: [&str; 4] = ["ghk_", "ghi_", "gho_", "gatehouse_rt_"];
const HASHES: [&str; 7] = ["$2a$", "$2b$", "$2y$", "$argon2", "$scrypt$", "$pbkdf2", "$firebase"];
/// Members of a JWK that are secret (RFC 7518 §6.2.2, §6.3.2, §6.4; RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 7] = ["\"d\"", "\"k\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\""];
const BEGIN: &str = "-----BEGIN";
const END: &str = "-----END";

/// The text without what looks like a secret; none when there is nothing of that kind.
pub(super) fn scrub(text: &str) -> Option<String> {
    let mut clean = text.to_owned();
    clean = runs(&clean, "eyJ", |run| run.len() >= 16 && run.contains('.'), is_token);
    for prefix in PREFIXES {
        clean = runs(&clean, prefix, |run| run.len() >= prefix.len() + 16, is_token);
    }
    for hash in HASHES {
        clean =
            runs(&clean, hash, |run| run.len() >= 20, |symbol| is_token(symbol) || "$/+=,".contains(symbol));
    }
    clean = after_word(&clean, "bearer ");
    clean = after_word(&clean, "bearer%20");
    clean = pem(&clean);
    if clean.contains("\"kty\"") {
        for member in PRIVATE_MEMBERS {
            clean = json_member(&clean, member);
        }
    }
    (clean != text).then_some(clean)
}

fn is_token(symbol: char) -> bool {
    symbol.is_ascii_alphanumeric() || "-_.".contains(symbol)
}

/// Replaces each run of `belongs` that starts with `start`, not in the middle of a word, and is a
/// secret.
fn runs(text: &str, start: &str, is_secret: impl Fn(&str) -> bool, belongs: impl Fn(char) -> bool) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(start) {
        let run = &rest[at..];
        let end = run
            .find(|symbol| !belongs(symbol) && !start.contains(symbol))
            .unwrap_or(run.len())
            .max(start.len());
        clean.push_str(&rest[..at]);
        clean.push_str(if is_secret(&run[..end]) { REDACTED } else { &run[..end] });
        rest = &run[end..];
    }
    clean.push_str(rest);
    clean
}

/// Replaces what follows a word, whatever its case.
fn after_word(text: &str, word: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut clean = String::new();
    let mut from = 0;
    while let Some(at) = lower[from..].find(word) {
        let start = from + at + word.len();
        let end = text[start..]
            .find(|symbol: char| !is_token(symbol) && !"~+/=".contains(symbol))
            .map_or(text.len(), |end| start + end);
        clean.push_str(&text[from..start]);
        if end - start >= 8 {
            clean.push_str(REDACTED);
        } else {
            clean.push_str(&text[start..end]);
        }
        from = end;
    }
    clean.push_str(&text[from..]);
    clean
}

/// Private keys in PEM (RFC 7468); one that does not end goes to the end of the text.
fn pem(text: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let block = &rest[at..];
        let label = &block[..block.len().min(60).min(block.find('\n').unwrap_or(60))];
        let end = block[BEGIN.len()..].find(END).map_or(block.len(), |at| BEGIN.len() + at + END.len());
        let whole = block[end..].find("-----").map_or(block.len(), |at| end + at + 5);
        clean.push_str(&rest[..at]);
        if label.is_char_boundary(label.len()) && block[..whole].contains("PRIVATE") {
            clean.push_str(REDACTED);
        } else {
            clean.push_str(&block[..whole]);
        }
        rest = &block[whole..];
    }
    clean.push_str(rest);
    clean
}

/// Replaces the string that is the value of a member.
fn json_member(text: &str, member: &str) -> String {
    let mut clean = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(member) {
        let end = at + member.len();
        let value = rest[end..].trim_start_matches([' ', ':', '\n']);
        clean.push_str(&rest[..end]);
        rest = &rest[end..];
        if let Some(body) = value.strip_prefix('"')
            && let Some(length) = body.find('"')
        {
            clean.push_str(": \"");
            clean.push_str(REDACTED);
            clean.push('"');
            rest = &body[length + 1..];
        }
    }
    clean.push_str(rest);
    clean
}
