//! One pattern of the allow-list: `*` stands for any characters but the separators `.` and `/`, `**`
//! for any characters, `?` for one that is no separator, `\` takes the meaning from what follows.
//!
//! Host and rest are matched apart, so that nothing that stands for a part of the host reaches into
//! the path: `https://**.example.com/` does not fit `https://evil.example/x.example.com/`.

use super::url::{Url, is_web, split_scheme};

/// A URL with holes. The scheme has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    /// As the operator wrote it.
    text: String,
    scheme: String,
    host: Option<Vec<Piece>>,
    rest: Vec<Piece>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Exactly(u8),
    /// `?`
    One,
    /// `*`
    Some,
    /// `**`
    Any,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, after) = split_scheme(text).ok_or("a URL begins with its scheme, without * or ?")?;
        if Url::parse(&format!("{scheme}://host")).is_none() {
            return Err("this scheme is never allowed");
        }
        if !is_web(&scheme) {
            return Ok(Self { text: text.to_owned(), scheme, host: None, rest: pieces(after) });
        }
        let authority = after.strip_prefix("//").ok_or("the scheme is followed by ://")?;
        // A `?` before the first slash stands for a character of the host.
        let (host, rest) = authority.split_at(authority.find('/').unwrap_or(authority.len()));
        if host.is_empty() || host.contains('@') {
            return Err("the URL has a host, and no user before it");
        }
        // No path is the same as `/` (RFC 3986 §6.2.3).
        let rest = pieces(if rest.is_empty() { "/" } else { rest });
        Ok(Self { text: text.to_owned(), scheme, host: Some(pieces(&host.to_ascii_lowercase())), rest })
    }

    pub(super) fn fits(&self, url: &Url<'_>) -> bool {
        let host_fits = match (&self.host, &url.host) {
            (Some(pattern), Some(host)) => fits(pattern, host.as_bytes()),
            (None, None) => true,
            _ => false,
        };
        let rest = if url.rest.0.is_empty() && url.host.is_some() { "/" } else { url.rest.0 };
        self.scheme == url.scheme && host_fits && fits(&self.rest, rest.as_bytes())
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(text.len());
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        pieces.push(match byte {
            b'\\' => Piece::Exactly(bytes.next().unwrap_or(b'\\')),
            b'?' => Piece::One,
            b'*' if bytes.next_if_eq(&b'*').is_some() => Piece::Any,
            b'*' => Piece::Some,
            byte => Piece::Exactly(byte),
        });
    }
    pieces
}

/// Keeps for each length of the text whether the pieces so far can make it: linear in both.
fn fits(pieces: &[Piece], text: &[u8]) -> bool {
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for piece in pieces {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            let skips = matches!(piece, Piece::Some | Piece::Any) && reached[at];
            let takes = at > 0 && piece.takes(text[at - 1]);
            let before = match piece {
                Piece::Exactly(_) | Piece::One => at > 0 && reached[at - 1],
                Piece::Some | Piece::Any => at > 0 && next[at - 1],
            };
            next[at] = skips || (takes && before);
        }
        reached = next;
    }
    reached[text.len()]
}

impl Piece {
    fn takes(self, byte: u8) -> bool {
        match self {
            Self::Exactly(wanted) => byte == wanted,
            Self::One | Self::Some => byte != b'.' && byte != b'/',
            Self::Any => true,
        }
    }
}
