//! What `auth.lint` and `auth.explain_access` can not do in SQL: arguments → core → result.

use std::os::unix::fs::PermissionsExt as _;

use gatehouse_core::policy::{self, Known};
use pgrx::JsonB;
use pgrx::prelude::*;

use crate::report::{Refusal, answer};
use crate::settings;

/// `auth.expression_facts(tree, known)`: null when the text is no expression tree.
#[pg_extern(sql = false)]
fn expression_facts(tree: &str, known: JsonB) -> Option<JsonB> {
    answer(|| {
        let known: Known = serde_json::from_value(known.0).map_err(|_| Refusal::NotAnObject)?;
        Ok(policy::read(tree, &known).and_then(|facts| serde_json::to_value(facts).ok()).map(JsonB))
    })
}

/// `auth.master_key_file_problem()`: what is wrong with the file, as a code; null when nothing is.
#[pg_extern(sql = false)]
fn master_key_file_problem() -> Option<&'static str> {
    answer(|| {
        let path = settings::master_key_file();
        if path.is_empty() {
            return Ok(Some("not_set"));
        }
        Ok(match std::fs::metadata(path) {
            Err(_) => Some("unreadable"),
            Ok(file) if file.permissions().mode() & 0o077 != 0 => Some("open"),
            Ok(_) => None,
        })
    })
}
