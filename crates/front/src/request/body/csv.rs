//! CSV (RFC 4180) to JSON: the first line names the columns, the word NULL is null.

use bytes::Bytes;

use super::{Payload, form};
use crate::error::Error;

const UNEVEN: &str = "All lines must have same number of fields";

pub(super) fn parse(body: &[u8]) -> Result<Payload, Error> {
    let text = std::str::from_utf8(body).map_err(|_| bad("The CSV is not UTF-8"))?;
    let mut lines = lines(text)?.into_iter();
    let header = lines.next().filter(|names| names.iter().any(|name| !name.is_empty()));
    let header = header.ok_or_else(|| bad("The CSV has no header"))?;
    let mut json = vec![b'['];
    for line in lines {
        if line.len() != header.len() {
            return Err(bad(UNEVEN));
        }
        if json.len() > 1 {
            json.push(b',');
        }
        let pairs =
            header.iter().zip(&line).map(|(name, value)| (&**name, (value != "NULL").then_some(&**value)));
        form::push_object(pairs, &mut json);
    }
    json.push(b']');
    let mut keys = header;
    keys.sort_unstable();
    keys.dedup();
    Ok(Payload::Json { json: Bytes::from(json), keys })
}

fn bad(message: &str) -> Error {
    Error::InvalidBody(message.to_owned())
}

/// The fields of each line that is not blank.
fn lines(text: &str) -> Result<Vec<Vec<String>>, Error> {
    let (mut lines, mut line) = (Vec::new(), Vec::new());
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    while !rest.is_empty() {
        let (field, after) = field(rest)?;
        line.push(field);
        match after.strip_prefix(',') {
            // A comma at the very end is followed by one more, empty field.
            Some("") => line.push(String::new()),
            Some(more) => {
                rest = more;
                continue;
            }
            None => {}
        }
        rest = after.trim_start_matches(',').trim_start_matches('\r').strip_prefix('\n').unwrap_or("");
        if line != [""] {
            lines.push(std::mem::take(&mut line));
        }
        line.clear();
    }
    Ok(lines)
}

/// The next field and what follows it.
fn field(text: &str) -> Result<(String, &str), Error> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', '\n', '\r']).unwrap_or(text.len());
        return Ok((text[..end].to_owned(), &text[end..]));
    };
    let (mut field, mut rest) = (String::new(), quoted);
    loop {
        let end = rest.find('"').ok_or_else(|| bad("A quoted field of the CSV does not end"))?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None if rest.is_empty() || rest.starts_with([',', '\n', '\r']) => return Ok((field, rest)),
            None => return Err(bad("A quoted field of the CSV goes on after its end")),
        }
    }
}
