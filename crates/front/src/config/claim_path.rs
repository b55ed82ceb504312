//! `jwt-role-claim-key`: where in the claims the role is. A part of JSONPath (RFC 9535): names,
//! positions and comparisons with a text, with or without the `$` of the root.

use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// The first item of an array that compares like this.
    Item {
        how: How,
        with: String,
    },
    Name(String),
    Position(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Contains,
    EndsWith,
    Equals,
    EqualsNot,
    StartsWith,
}

/// The operators; longer ones before what they begin with.
const OPERATORS: [(&str, How); 5] = [
    ("^==", How::StartsWith),
    ("==^", How::EndsWith),
    ("*==", How::Contains),
    ("==", How::Equals),
    ("!=", How::EqualsNot),
];

impl Default for ClaimPath {
    fn default() -> Self {
        Self { text: "$.role".to_owned(), steps: vec![Step::Name("role".to_owned())] }
    }
}

impl ClaimPath {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        rest = rest.strip_prefix('$').unwrap_or(rest);
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = match rest.strip_prefix('.') {
                Some(name) => named(name)?,
                None => bracketed(rest.strip_prefix('[')?)?,
            };
            steps.push(step);
            rest = after;
        }
        (!steps.is_empty()).then(|| Self { text: text.to_owned(), steps })
    }

    /// What the claims have there: the text, or what else it is as JSON.
    pub(crate) fn find(&self, claims: &serde_json::Map<String, Value>) -> Option<String> {
        let mut steps = self.steps.iter();
        let Some(Step::Name(first)) = steps.next() else { return None };
        let mut at = claims.get(first)?;
        for step in steps {
            at = step.follow(at)?;
        }
        Some(at.as_str().map_or_else(|| at.to_string(), str::to_owned))
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl Step {
    fn follow<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Name(name) => value.get(name),
            Self::Position(position) => {
                let items = value.as_array()?;
                let from_end = i64::try_from(items.len()).ok()?.checked_add(*position)?;
                items.get(usize::try_from(if *position < 0 { from_end } else { *position }).ok()?)
            }
            Self::Item { how, with } => value.as_array()?.iter().find(|item| {
                item.as_str().is_some_and(|text| match how {
                    How::Contains => text.contains(with),
                    How::EndsWith => text.ends_with(with),
                    How::Equals => text == with,
                    How::EqualsNot => text != with,
                    How::StartsWith => text.starts_with(with),
                })
            }),
        }
    }
}

fn named(text: &str) -> Option<(Step, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (name, rest) = quoted.split_once('"')?;
        return Some((Step::Name(name.to_owned()), rest));
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '@' | '-');
    let name = &text[..end];
    (!name.is_empty() && name.chars().all(is_name)).then(|| (Step::Name(name.to_owned()), &text[end..]))
}

fn bracketed(text: &str) -> Option<(Step, &str)> {
    if let Some(condition) = text.strip_prefix('?') {
        return filter(condition);
    }
    if text.starts_with(['"', '\'']) {
        let (name, rest) = quoted(text)?;
        return Some((Step::Name(name), rest.strip_prefix(']')?));
    }
    let (number, rest) = text.split_once(']')?;
    Some((Step::Position(number.trim().parse().ok()?), rest))
}

/// `(@ == "x")]`, the parentheses may be left out.
fn filter(text: &str) -> Option<(Step, &str)> {
    let text = text.trim_start();
    let (text, close) = text.strip_prefix('(').map_or((text, "]"), |inner| (inner, ")]"));
    let text = text.trim_start().strip_prefix('@')?.trim_start();
    let (operator, how) = OPERATORS.iter().find(|(operator, _)| text.starts_with(operator))?;
    let (with, rest) = quoted(text[operator.len()..].trim_start())?;
    Some((Step::Item { how: *how, with }, rest.trim_start().strip_prefix(close)?))
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (inner, rest) = text[1..].split_once(quote)?;
    Some((inner.to_owned(), rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::ClaimPath;

    fn find(path: &str) -> Option<String> {
        let claims = json!({
            "role": "plain", "https://x/y": {"roles": ["reader", "writer", "admin_x"]}, "n": 5
        });
        ClaimPath::parse(path).unwrap().find(claims.as_object().unwrap())
    }

    #[test]
    fn a_role_is_found_by_name_position_and_comparison() {
        assert_eq!(find("$.role").unwrap(), "plain");
        assert_eq!(find(".role").unwrap(), "plain");
        assert_eq!(find(".\"https://x/y\".roles[1]").unwrap(), "writer");
        assert_eq!(find("$['https://x/y']['roles'][-1]").unwrap(), "admin_x");
        assert_eq!(find("$[\"https://x/y\"].roles[?(@ ^== \"admin\")]").unwrap(), "admin_x");
        assert_eq!(find("$[\"https://x/y\"].roles[?@ == \"writer\"]").unwrap(), "writer");
        assert_eq!(find(".n").unwrap(), "5");
        assert_eq!(find(".role.deeper"), None);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", "role", "$", ".a[", ".a[x]", ".a..b", ".a[?(@ ~ \"x\")]", "."] {
            assert!(ClaimPath::parse(text).is_none(), "{text}");
        }
    }
}
