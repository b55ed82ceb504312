//! True, false or dependent on the row, given what is known of the user.
//!
//! Three-valued logic of SQL with a fourth value: not known. Whatever is not understood is not
//! known, so that an answer is never a guess.

use super::tree::{Node, Value};
use crate::permission;
use serde::Deserialize;
use std::collections::BTreeMap;

const BOOLEAN: u32 = 16;
const TEXT: u32 = 25;
const UUID: u32 = 2950;

/// Oids of PostgreSQL's equality of bool, int2, int4, text, int8 and uuid.
const EQUALITY: [u32; 6] = [60, 63, 65, 67, 467, 2956];

/// What is known of whom the policy is asked for. The default knows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Known {
    /// What functions without arguments give, by oid: text or a uuid as text; null is null.
    pub values: BTreeMap<u32, Option<String>>,
    /// Oid of `auth.has_permission`.
    pub has_permission: u32,
    /// Permissions held in the tenant; none: not known.
    pub permissions: Option<Vec<String>>,
    /// Oid of `auth.has_role`.
    pub has_role: u32,
    /// Roles held in the tenant; none: not known.
    pub roles: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Null,
    Bool(bool),
    Text(String),
    Raw(Vec<u8>),
    /// False or null.
    NotTrue,
    Unknown,
}

use Outcome::{Bool, NotTrue, Null, Raw, Text, Unknown};

/// Whether rows pass; null counts as no, as it does in a policy.
pub(super) fn passes(root: &Node<'_>, known: &Known) -> Option<bool> {
    match evaluate(root, known) {
        Bool(answer) => Some(answer),
        Null | NotTrue => Some(false),
        _ => None,
    }
}

fn evaluate(node: &Node<'_>, known: &Known) -> Outcome {
    match node.tag {
        "CONST" => constant(node),
        "RELABELTYPE" => node.node("arg").map_or(Unknown, |arg| evaluate(arg, known)),
        "FUNCEXPR" => call(node, known),
        "BOOLEXPR" => combine(node, known),
        "NULLTEST" => null_test(node, known),
        "OPEXPR" if is_equality(node) => match node.list("args").as_slice() {
            [left, right] => equal(&evaluate(left, known), &evaluate(right, known)),
            _ => Unknown,
        },
        "SCALARARRAYOPEXPR" => any_of(node, known),
        "SUBLINK" => lone_select(node).map_or(Unknown, |expression| evaluate(expression, known)),
        "COALESCEEXPR" => node
            .list("args")
            .into_iter()
            .map(|argument| evaluate(argument, known))
            .find(|outcome| *outcome != Null)
            .unwrap_or(Null),
        _ => Unknown,
    }
}

fn constant(node: &Node<'_>) -> Outcome {
    if node.word("constisnull") == Some("true") {
        return Null;
    }
    let Some(Value::Datum(bytes)) = node.get("constvalue") else { return Unknown };
    match node.number::<u32>("consttype") {
        Some(BOOLEAN) => Bool(bytes.first().is_some_and(|byte| *byte != 0)),
        // After the four bytes of the length.
        Some(TEXT) => bytes
            .get(4..)
            .and_then(|text| std::str::from_utf8(text).ok())
            .map_or(Unknown, |text| Text(text.to_owned())),
        Some(UUID) => uuid::Uuid::from_slice(bytes).map_or(Unknown, |id| Text(id.to_string())),
        _ => Raw(bytes.clone()),
    }
}

fn call(node: &Node<'_>, known: &Known) -> Outcome {
    let Some(function) = node.number::<u32>("funcid") else { return Unknown };
    if let Some(value) = known.values.get(&function) {
        return value.clone().map_or(Null, Text);
    }
    let asked = match node.list("args").as_slice() {
        [argument] => evaluate(argument, known),
        _ => return Unknown,
    };
    match (asked, &known.permissions, &known.roles) {
        (Null, ..) if function == known.has_permission || function == known.has_role => Null,
        (Text(wanted), Some(held), _) if function == known.has_permission => {
            Bool(held.iter().any(|granted| permission::covers(granted, &wanted)))
        }
        (Text(wanted), _, Some(held)) if function == known.has_role => Bool(held.contains(&wanted)),
        _ => Unknown,
    }
}

fn combine(node: &Node<'_>, known: &Known) -> Outcome {
    let outcomes: Vec<Outcome> = node.list("args").into_iter().map(|arg| evaluate(arg, known)).collect();
    match node.word("boolop") {
        Some("not") => match outcomes.as_slice() {
            [Bool(value)] => Bool(!value),
            [Null] => Null,
            _ => Unknown,
        },
        Some("and") if outcomes.contains(&Bool(false)) => Bool(false),
        Some("and") if outcomes.iter().all(|outcome| *outcome == Bool(true)) => Bool(true),
        Some("and") if outcomes.iter().any(|outcome| matches!(outcome, Null | NotTrue)) => NotTrue,
        Some("or") if outcomes.contains(&Bool(true)) => Bool(true),
        Some("or") if outcomes.iter().all(|outcome| *outcome == Bool(false)) => Bool(false),
        Some("or") if outcomes.iter().all(|outcome| matches!(outcome, Bool(false) | Null | NotTrue)) => {
            NotTrue
        }
        _ => Unknown,
    }
}

fn null_test(node: &Node<'_>, known: &Known) -> Outcome {
    let is_null = match node.node("arg").map_or(Unknown, |arg| evaluate(arg, known)) {
        Null => true,
        Bool(_) | Text(_) | Raw(_) => false,
        NotTrue | Unknown => return Unknown,
    };
    match node.word("nulltesttype") {
        Some("0") => Bool(is_null),
        Some("1") => Bool(!is_null),
        _ => Unknown,
    }
}

fn is_equality(node: &Node<'_>) -> bool {
    node.number("opfuncid").is_some_and(|function: u32| EQUALITY.contains(&function))
}

fn equal(left: &Outcome, right: &Outcome) -> Outcome {
    match (left, right) {
        (Null, _) | (_, Null) => Null,
        (Bool(_), Bool(_)) | (Text(_), Text(_)) | (Raw(_), Raw(_)) => Bool(left == right),
        _ => Unknown,
    }
}

/// `x in (…)` and `x = any (array[…])`.
fn any_of(node: &Node<'_>, known: &Known) -> Outcome {
    let arguments = node.list("args");
    let [left, right] = arguments.as_slice() else { return Unknown };
    if !is_equality(node) || node.word("useOr") != Some("true") || right.tag != "ARRAYEXPR" {
        return Unknown;
    }
    let left = evaluate(left, known);
    let outcomes: Vec<Outcome> =
        right.list("elements").into_iter().map(|element| equal(&left, &evaluate(element, known))).collect();
    if outcomes.contains(&Bool(true)) {
        Bool(true)
    } else if outcomes.iter().all(|outcome| *outcome == Bool(false)) {
        Bool(false)
    } else if outcomes.contains(&Unknown) {
        Unknown
    } else {
        NotTrue
    }
}

/// The expression of `(select expression)`.
fn lone_select<'tree, 'a>(node: &'tree Node<'a>) -> Option<&'tree Node<'a>> {
    const EXPRESSION: &str = "4";
    let query = node.node("subselect").filter(|_| node.word("subLinkType") == Some(EXPRESSION))?;
    let plain = query.list("rtable").is_empty()
        && query
            .node("jointree")
            .is_some_and(|from| from.list("fromlist").is_empty() && from.node("quals").is_none())
        && ["setOperations", "limitCount", "limitOffset", "havingQual"]
            .iter()
            .all(|field| query.node(field).is_none());
    match query.list("targetList").as_slice() {
        [target] if plain => target.node("expr"),
        _ => None,
    }
}
