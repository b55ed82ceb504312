//! The two spellings of a connection string, taken apart into options.
//!
//! Source: PostgreSQL documentation, "Connection Strings" (libpq).

use percent_encoding::percent_decode_str;

use super::Options;

const MALFORMED: &str = "postgresql://user:password@host:port/database?option=value, or key=value pairs";

pub(super) fn parse(text: &str) -> Result<Options, String> {
    let uri = text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://"));
    match uri {
        Some(rest) => parse_uri(rest),
        None => parse_pairs(text),
    }
}

fn parse_uri(text: &str) -> Result<Options, String> {
    let mut options = Options::default();
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    let (authority, database) = text.split_once('/').unwrap_or((text, ""));
    let (user_info, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
    options.add("user", user)?;
    options.add("password", password)?;
    options.add("dbname", database)?;
    add_hosts(&mut options, hosts)?;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(MALFORMED)?;
        options.add(&decode(key)?, value)?;
    }
    Ok(options)
}

fn add_hosts(options: &mut Options, hosts: &str) -> Result<(), String> {
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, rest)) => (address, rest.strip_prefix(':').unwrap_or(rest)),
            None => host.split_once(':').unwrap_or((host, "")),
        };
        names.push(name);
        ports.push(port);
    }
    options.add("host", &names.join(","))?;
    if ports.iter().any(|port| !port.is_empty()) {
        options.add("port", &ports.join(","))?;
    }
    Ok(())
}

impl Options {
    fn add(&mut self, key: &str, value: &str) -> Result<(), String> {
        self.0.push((key.to_owned(), decode(value)?));
        Ok(())
    }
}

fn decode(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(String::from).map_err(|_| MALFORMED.to_owned())
}

fn parse_pairs(text: &str) -> Result<Options, String> {
    let mut options = Options::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or(MALFORMED)?;
        let (value, after) = pair_value(after.trim_start())?;
        options.0.push((key.trim().to_owned(), value));
        rest = after.trim_start();
    }
    Ok(options)
}

/// A value up to the next blank, or in single quotes; a backslash takes the next character as is.
fn pair_value(text: &str) -> Result<(String, &str), String> {
    let (quoted, text) = text.strip_prefix('\'').map_or((false, text), |rest| (true, rest));
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => value.push(characters.next().ok_or(MALFORMED)?.1),
            '\'' if quoted => return Ok((value, &text[index + 1..])),
            blank if blank.is_whitespace() && !quoted => return Ok((value, &text[index..])),
            other => value.push(other),
        }
    }
    if quoted { Err(MALFORMED.to_owned()) } else { Ok((value, "")) }
}
