//! The parser's input, which remembers where parsing got furthest, and the smallest parsers.

use std::cell::{Cell, RefCell};

use winnow::stream::{Stateful, Stream};

use super::MOST_LEVELS;

pub(super) type Input<'i> = Stateful<&'i str, &'i Trace>;
pub(super) type Parsed<T> = Result<T, winnow::error::EmptyError>;

/// What is remembered over backtracking.
#[derive(Debug)]
pub(super) struct Trace {
    length: usize,
    /// Whether anything is noted: it takes time, and most texts are good.
    notes: bool,
    furthest: Cell<usize>,
    expected: RefCell<Vec<&'static str>>,
    depth: Cell<usize>,
    too_deep: Cell<bool>,
}

impl Trace {
    /// For a text of this length.
    pub(super) fn silent(length: usize) -> Self {
        Self {
            length,
            notes: false,
            furthest: Cell::new(0),
            expected: RefCell::default(),
            depth: Cell::new(0),
            too_deep: Cell::new(false),
        }
    }

    pub(super) fn noting(length: usize) -> Self {
        Self { notes: true, ..Self::silent(length) }
    }

    /// Something failed here that wanted `expected`; nothing when that is empty.
    pub(super) fn note(&self, input: &Input<'_>, expected: &'static str) {
        if !self.notes {
            return;
        }
        let offset = self.length - input.input.len();
        if offset < self.furthest.get() {
            return;
        }
        let mut all = self.expected.borrow_mut();
        if offset > self.furthest.get() {
            self.furthest.set(offset);
            all.clear();
        }
        if !expected.is_empty() && !all.contains(&expected) {
            all.push(expected);
        }
    }

    pub(super) fn furthest(&self) -> (usize, Vec<&'static str>) {
        (self.furthest.get(), self.expected.borrow().clone())
    }

    pub(super) fn is_too_deep(&self) -> bool {
        self.too_deep.get()
    }
}

fn fail<T>(input: &Input<'_>, expected: &'static str) -> Parsed<T> {
    input.state.note(input, expected);
    Err(winnow::error::EmptyError)
}

/// Runs a parser one level deeper.
pub(super) fn deeper<'i, T>(
    input: &mut Input<'i>,
    parser: impl FnOnce(&mut Input<'i>) -> Parsed<T>,
) -> Parsed<T> {
    let trace = input.state;
    if trace.depth.get() >= MOST_LEVELS || trace.too_deep.get() {
        trace.too_deep.set(true);
        return Err(winnow::error::EmptyError);
    }
    trace.depth.set(trace.depth.get() + 1);
    let parsed = parser(input);
    trace.depth.set(trace.depth.get() - 1);
    parsed
}

/// This one character.
pub(super) fn character<'i>(wanted: char, label: &'static str) -> impl Fn(&mut Input<'i>) -> Parsed<char> {
    one(move |found| found == wanted, label)
}

/// One character of a kind.
pub(super) fn one<'i>(
    kind: impl Fn(char) -> bool,
    label: &'static str,
) -> impl Fn(&mut Input<'i>) -> Parsed<char> {
    move |input| match input.input.chars().next() {
        Some(found) if kind(found) => {
            input.next_token();
            Ok(found)
        }
        _ => fail(input, label),
    }
}

/// The longest run of characters of a kind, perhaps none.
pub(super) fn run_of<'i>(input: &mut Input<'i>, kind: impl Fn(char) -> bool, label: &'static str) -> &'i str {
    let end = input.input.find(|found| !kind(found)).unwrap_or(input.input.len());
    let run = input.next_slice(end);
    input.state.note(input, label);
    run
}

/// As [`run_of`], at least one.
pub(super) fn some_of<'i>(
    input: &mut Input<'i>,
    kind: impl Fn(char) -> bool,
    label: &'static str,
) -> Parsed<&'i str> {
    let run = run_of(input, kind, label);
    if run.is_empty() { Err(winnow::error::EmptyError) } else { Ok(run) }
}

/// This text; what does not match fails at its start.
pub(super) fn literal<'i>(
    wanted: &'static str,
    label: &'static str,
) -> impl Fn(&mut Input<'i>) -> Parsed<()> {
    move |input| {
        if input.input.starts_with(wanted) {
            input.next_slice(wanted.len());
            Ok(())
        } else {
            fail(input, label)
        }
    }
}

/// As [`literal`], in any case.
pub(super) fn literal_any_case(input: &mut Input<'_>, wanted: &str, label: &'static str) -> Parsed<()> {
    match input.input.get(..wanted.len()) {
        Some(found) if found.eq_ignore_ascii_case(wanted) => {
            input.next_slice(wanted.len());
            Ok(())
        }
        _ => fail(input, label),
    }
}

/// Nothing is taken; the rest must begin like this.
pub(super) fn ahead(input: &Input<'_>, starts: &[&str], end_too: bool, label: &'static str) -> Parsed<()> {
    let rest = input.input;
    if (end_too && rest.is_empty()) || starts.iter().any(|start| rest.starts_with(start)) {
        Ok(())
    } else {
        fail(input, label)
    }
}
