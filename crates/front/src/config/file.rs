//! The configuration file: `name = value` lines, values as bare words, numbers or in double quotes
//! with backslashes; `#` begins a comment; `$(NAME)` in quotes is a variable of the environment.

use std::collections::BTreeMap;

/// Reads a file.
pub(super) fn read(path: &str) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    parse(&text, &|name| std::env::var(name).ok())
        .map_err(|(line, problem)| format!("{path}:{line}: {problem}"))
}

type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

fn parse(text: &str, lookup: &Lookup<'_>) -> Result<BTreeMap<String, String>, (usize, String)> {
    let mut settings = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let at = |problem: &str| (index + 1, problem.to_owned());
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| at("expected name = value"))?;
        let name = name.trim();
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(at("a name is letters, digits, dashes, underscores and dots"));
        }
        let value = value_of(value.trim(), lookup).map_err(at)?;
        settings.insert(name.to_owned(), value);
    }
    Ok(settings)
}

fn value_of(text: &str, lookup: &Lookup<'_>) -> Result<String, &'static str> {
    let Some(quoted) = text.strip_prefix('"') else {
        return Ok(text.split('#').next().unwrap_or_default().trim().to_owned());
    };
    let (mut value, mut rest) = (String::new(), quoted.chars());
    loop {
        match rest.next().ok_or("a quoted value does not end on its line")? {
            '"' => break,
            '\\' => value.push(match rest.next().ok_or("a backslash ends the line")? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            '$' => interpolate(&mut value, &mut rest, lookup)?,
            other => value.push(other),
        }
    }
    let after = rest.as_str().trim();
    if after.is_empty() || after.starts_with('#') {
        Ok(value)
    } else {
        Err("something follows the closing quote")
    }
}

/// `$(NAME)`, or `$$` for a dollar sign.
fn interpolate(
    value: &mut String,
    rest: &mut std::str::Chars<'_>,
    lookup: &Lookup<'_>,
) -> Result<(), &'static str> {
    let text = rest.as_str();
    if let Some(after) = text.strip_prefix('$') {
        value.push('$');
        *rest = after.chars();
    } else if let Some((name, after)) = text.strip_prefix('(').and_then(|text| text.split_once(')')) {
        value.push_str(&lookup(name).ok_or("the environment does not have a variable that is used")?);
        *rest = after.chars();
    } else {
        value.push('$');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn value(text: &str) -> Result<String, String> {
        let lookup = |name: &str| (name == "WHO").then(|| "me".to_owned());
        let parsed = parse(&format!("# c\n\nkey = {text}\n"), &lookup);
        parsed.map(|settings| settings["key"].clone()).map_err(|(line, problem)| format!("{line} {problem}"))
    }

    #[test]
    fn values_are_bare_or_quoted() {
        assert_eq!(value("10 # most").unwrap(), "10");
        assert_eq!(value(r#""a \"b\" # c" # d"#).unwrap(), r#"a "b" # c"#);
        assert_eq!(value(r#""postgres://$(WHO)@h/$$x""#).unwrap(), "postgres://me@h/$x");
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        assert!(value("\"open").unwrap_err().starts_with("3 "));
        assert!(value("\"$(NOBODY)\"").is_err());
        assert!(parse("just words", &|_| None).is_err());
    }
}
