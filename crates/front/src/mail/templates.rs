//! The templates: those built in, and the operator's files in their place.
//!
//! A kind of mail is two files: `KIND.txt`, whose first line is `Subject: …`, and `KIND.html`.
//! `layout.txt`, `layout.html` and files whose names begin with `_` are parts of others. In HTML
//! every variable is escaped.

mod builtin;
mod folder;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::Value;

pub(crate) use builtin::KINDS;

use super::text::{one_line, shortened};
use super::variables::NAMES;

/// Templates that were tried.
pub(crate) struct Templates {
    environment: Environment<'static>,
    /// Every kind, and whether it has HTML.
    kinds: BTreeMap<String, bool>,
}

/// What a mail says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: Option<String>,
}

/// What a template may name besides the variables.
const FUNCTIONS: [&str; 8] = ["caller", "debug", "dict", "loop", "namespace", "range", "self", "super"];
const SUBJECT: &str = "Subject:";
/// RFC 5322 §2.1.1 limits lines, and people read no more.
const LONGEST_SUBJECT: usize = 200;

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Templates").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

impl Templates {
    /// The templates, with the folder's in the place of those built in. All are tried.
    ///
    /// # Errors
    /// One line that says which file is wrong, and what about it.
    pub(crate) fn load(folder: Option<&Path>) -> Result<Self, String> {
        let mut files = builtin::files();
        if let Some(folder) = folder {
            files.extend(folder::read(folder)?);
        }
        let mut templates = Self { environment: environment()?, kinds: BTreeMap::new() };
        for (name, source) in &files {
            templates.add(name, source)?;
        }
        for name in files.keys() {
            templates.check(name)?;
        }
        for kind in templates.kinds.keys() {
            templates.render(kind, &sample::variables(kind)).map_err(|error| told(&error))?;
        }
        Ok(templates)
    }

    /// # Errors
    /// There is no such kind, or the template fails.
    pub(super) fn render(&self, kind: &str, variables: &Value) -> Result<Rendered, Error> {
        let Some(&has_html) = self.kinds.get(kind) else {
            let problem = format!("there are no templates {kind}.txt and {kind}.html");
            return Err(Error::new(ErrorKind::TemplateNotFound, problem));
        };
        let variables = given(variables);
        let render = |name: &str| self.environment.get_template(name)?.render(Serde(&variables));
        let html = has_html.then(|| render(&format!("{kind}.html"))).transpose()?;
        Ok(Rendered {
            subject: shortened(&one_line(&render(&subject_of(kind))?), LONGEST_SUBJECT),
            text: format!("{}\n", render(&format!("{kind}.txt"))?.trim()),
            html,
        })
    }

    fn add(&mut self, name: &str, source: &str) -> Result<(), String> {
        if is_part(name) {
            return self.compile(name, source.to_owned());
        }
        if let Some(kind) = name.strip_suffix(".html") {
            self.kinds.insert(kind.to_owned(), true);
            return self.compile(name, source.to_owned());
        }
        let kind = name.strip_suffix(".txt").unwrap_or(name);
        self.kinds.entry(kind.to_owned()).or_insert(false);
        let (first, rest) = source.split_once('\n').unwrap_or((source, ""));
        let subject = first.trim().strip_prefix(SUBJECT).map(str::trim).filter(|subject| !subject.is_empty());
        let subject =
            subject.ok_or_else(|| format!("{name}: its first line must be {SUBJECT} and the subject"))?;
        self.compile(&subject_of(kind), subject.to_owned())?;
        // The empty line in the subject's place keeps the numbers of the lines.
        self.compile(name, format!("\n{rest}"))
    }

    fn compile(&mut self, name: &str, source: String) -> Result<(), String> {
        self.environment.add_template_owned(name.to_owned(), source).map_err(|error| told(&error))
    }

    /// A misspelt name would be an empty place in every mail.
    fn check(&self, name: &str) -> Result<(), String> {
        // Parts have variables of their own.
        if name.starts_with('_') {
            return Ok(());
        }
        let subject = name.strip_suffix(".txt").map(subject_of);
        for name in [Some(name), subject.as_deref()].into_iter().flatten() {
            let Ok(template) = self.environment.get_template(name) else { continue };
            let known = |used: &str| NAMES.contains(&used) || FUNCTIONS.contains(&used);
            let unknown = template.undeclared_variables(false).into_iter().filter(|used| !known(used)).min();
            if let Some(unknown) = unknown {
                return Err(format!(
                    "{name}: there is no variable {unknown}; there are {}",
                    NAMES.join(", ")
                ));
            }
        }
        match name.strip_suffix(".html") {
            Some(kind) if !is_part(name) && self.environment.get_template(&subject_of(kind)).is_err() => {
                Err(format!("{name}: there is no {kind}.txt with the subject; is the name right?"))
            }
            _ => Ok(()),
        }
    }
}

fn environment() -> Result<Environment<'static>, String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(minijinja::default_auto_escape_callback);
    // What users say of themselves may be there or not.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.map_err(|error| told(&error))?);
    Ok(environment)
}

/// What is null is not there: it would be written as a word.
fn given(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let there = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(name, value)| (name.clone(), given(value))).collect())
        }
        other => other.clone(),
    }
}

fn is_part(name: &str) -> bool {
    name.starts_with('_') || name.starts_with("layout.")
}

/// A name that no file has.
fn subject_of(kind: &str) -> String {
    format!("{kind}.txt subject")
}

/// One line with the name of the file and the line in it.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    one_line(&text)
}
