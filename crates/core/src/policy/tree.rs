//! Text → tree: the format of PostgreSQL's `outfuncs.c`, as far as expressions need it.
//!
//! `{TAG :field value …}`, `(value …)`, `<>` for nothing, and `length [ byte … ]` for a datum.
//! White space, brackets and backslashes within a word are escaped with a backslash, so that no
//! name can pass for structure. Every field has exactly one value.

/// Deeper nesting is refused, for the tree is walked recursively.
const MAX_DEPTH: usize = 400;

/// A node: its tag and its fields in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Node<'a> {
    pub(super) tag: &'a str,
    fields: Vec<(&'a str, Value<'a>)>,
}

/// What a field holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Nothing,
    Word(&'a str),
    Datum(Vec<u8>),
    List(Vec<Value<'a>>),
    Node(Node<'a>),
}

impl<'a> Node<'a> {
    /// The value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// A field that is one word.
    pub(super) fn word(&self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            Value::Word(word) => Some(word),
            _ => None,
        }
    }

    /// A field that is a number.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.word(name)?.parse().ok()
    }

    /// A field that is a node.
    pub(super) fn node(&self, name: &str) -> Option<&Node<'a>> {
        match self.get(name)? {
            Value::Node(node) => Some(node),
            _ => None,
        }
    }

    /// The nodes of a field that is a list.
    pub(super) fn list(&self, name: &str) -> Vec<&Node<'a>> {
        match self.get(name) {
            Some(Value::List(values)) => values.iter().filter_map(Value::as_node).collect(),
            _ => Vec::new(),
        }
    }

    /// All nodes directly below.
    pub(super) fn children(&self) -> Vec<&Node<'a>> {
        let mut found = Vec::new();
        for (_, value) in &self.fields {
            value.gather(&mut found);
        }
        found
    }
}

impl<'a> Value<'a> {
    fn as_node(&self) -> Option<&Node<'a>> {
        match self {
            Value::Node(node) => Some(node),
            _ => None,
        }
    }

    fn gather<'tree>(&'tree self, into: &mut Vec<&'tree Node<'a>>) {
        match self {
            Value::Node(node) => into.push(node),
            Value::List(values) => values.iter().for_each(|value| value.gather(into)),
            _ => {}
        }
    }
}

/// The one node that the text is.
pub(super) fn parse(text: &str) -> Option<Node<'_>> {
    let mut words = Words { rest: text };
    let Value::Node(node) = value(&mut words, 0)? else { return None };
    words.peek().is_none().then_some(node)
}

fn value<'a>(words: &mut Words<'a>, depth: usize) -> Option<Value<'a>> {
    if depth > MAX_DEPTH {
        return None;
    }
    match words.next()? {
        "{" => node(words, depth).map(Value::Node),
        "(" => {
            let mut values = Vec::new();
            while words.peek()? != ")" {
                values.push(value(words, depth + 1)?);
            }
            words.next();
            Some(Value::List(values))
        }
        ")" | "}" => None,
        "<>" => Some(Value::Nothing),
        word => Some(Value::Word(word)),
    }
}

fn node<'a>(words: &mut Words<'a>, depth: usize) -> Option<Node<'a>> {
    let tag = words.next().filter(|tag| tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))?;
    let mut fields = Vec::new();
    loop {
        match words.next()? {
            "}" => return Some(Node { tag, fields }),
            name => {
                let name = name.strip_prefix(':')?;
                let mut held = value(words, depth + 1)?;
                if matches!(held, Value::Word(_)) && words.peek() == Some("[") {
                    words.next();
                    held = Value::Datum(datum(words)?);
                }
                fields.push((name, held));
            }
        }
    }
}

/// Bytes are printed as signed numbers.
fn datum(words: &mut Words<'_>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        match words.next()? {
            "]" => return Some(bytes),
            byte => bytes.push(byte.parse::<i8>().map(i8::cast_unsigned).or_else(|_| byte.parse()).ok()?),
        }
    }
}

/// Words and brackets.
struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn peek(&mut self) -> Option<&'a str> {
        let saved = self.rest;
        let word = self.next();
        self.rest = saved;
        word
    }

    fn next(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\t']);
        let mut escaped = false;
        let end = self
            .rest
            .char_indices()
            .find(|&(_, c)| {
                let ends = !escaped && matches!(c, ' ' | '\n' | '\t' | '(' | ')' | '{' | '}');
                escaped = !escaped && c == '\\';
                ends
            })
            .map_or(self.rest.len(), |(at, _)| at);
        // A bracket is a word of its own.
        let end = if end == 0 { self.rest.chars().next()?.len_utf8() } else { end };
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(word)
    }
}
