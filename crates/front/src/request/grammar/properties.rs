//! Whatever the text, the grammar answers: with a tree, or with an error that says where.

use proptest::prelude::*;

use super::{columns, logic, logic_path, operation, order, path, select};
use crate::error::Error;
use crate::request::Query;
use crate::request::tree::Field;

/// Texts of the grammar's own words and of anything.
fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "a",
            "name",
            "*",
            "(",
            ")",
            "()",
            ",",
            ".",
            ":",
            "::",
            "->",
            "->>",
            "!inner",
            "!",
            "...",
            "\"",
            "\\\"",
            "{",
            "}",
            "eq.",
            "not.",
            "in.",
            "is.null",
            "fts(english).",
            "like(any).",
            "and",
            "or",
            "count",
            ".sum()",
            "desc",
            ".nullslast",
            " ",
            "-",
            "1",
            "-1",
            "é",
            "\u{0}",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

/// An error of the grammar names a column of the text.
fn is_told<T>(text: &str, result: Result<T, Error>) -> bool {
    match result {
        Ok(_) => true,
        Err(Error::Parse { message, .. }) => {
            let column =
                message.rsplit("column ").next().and_then(|rest| rest.trim_end_matches(')').parse().ok());
            column.is_none_or(|column: usize| column <= text.chars().count() + 10)
        }
        Err(_) => false,
    }
}

proptest! {
    #[test]
    fn the_grammar_answers_whatever_the_text(text in text()) {
        prop_assert!(is_told(&text, select(&text)));
        prop_assert!(is_told(&text, order(&text)));
        prop_assert!(is_told(&text, columns("columns parameter", &text)));
        prop_assert!(is_told(&text, operation(Field::default(), &text)));
        prop_assert!(is_told(&text, logic("not.and", &text)));
        prop_assert!(is_told(&text, path(&text)));
        prop_assert!(is_told(&text, logic_path(&text)));
    }

    #[test]
    fn a_query_string_answers_whatever_it_holds(names in prop::collection::vec((text(), text()), 0..6), calls: bool) {
        let pairs: Vec<_> = names.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let outcome = Query::parse(&pairs.join("&"), calls);
        let told = matches!(outcome, Ok(_) | Err(Error::Parse { .. }));
        prop_assert!(told);
    }

    #[test]
    fn a_quoted_value_is_what_was_quoted(value in "[^\u{0}]{0,20}") {
        let quoted = format!("in.(\"{}\")", value.replace('\\', "\\\\").replace('"', "\\\""));
        let filter = operation(Field::default(), &quoted).unwrap();
        prop_assert_eq!(filter.operation, crate::request::tree::Operation::In(vec![value]));
    }
}
