//! The one row of an answer; see [`crate::sql`] for its columns.

use bytes::Bytes;
use serde::Deserialize;

use crate::error::Error;
use crate::pg::Row;
use crate::request::encode;
use crate::tx::Outcome;

#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Rows without a limit, if they were counted.
    pub(super) total: Option<i64>,
    /// Rows of this answer.
    pub(super) page: i64,
    /// Of the row that was inserted: the query string that finds it.
    pub(super) location: Option<String>,
    pub(super) body: Bytes,
    /// `response.headers` and `response.status`, if SQL set them.
    pub(super) headers: Option<Bytes>,
    pub(super) status: Option<Bytes>,
    /// Rows that were inserted and not updated, if they were counted.
    pub(super) inserted: Option<i64>,
}

const WRONG: Error = Error::Internal("the statement did not give the row that it should");

impl Answer {
    pub(super) fn of_read(outcome: &Outcome) -> Result<Self, Error> {
        let row = outcome.rows.first().ok_or(WRONG)?;
        let [total, page, body, headers, status] = row.columns();
        Ok(Self {
            total: number(total.as_ref()),
            page: number(page.as_ref()).ok_or(WRONG)?,
            body: body.unwrap_or_default(),
            headers,
            status,
            ..Self::default()
        })
    }

    pub(super) fn of_write(outcome: &Outcome) -> Result<Self, Error> {
        let row = outcome.rows.first().ok_or(WRONG)?;
        let [_, page, location, body, headers, status, inserted] = row.columns();
        Ok(Self {
            page: number(page.as_ref()).ok_or(WRONG)?,
            location: location.as_ref().and_then(query_of),
            body: body.unwrap_or_default(),
            headers,
            status,
            inserted: number(inserted.as_ref()),
            total: None,
        })
    }
}

fn number(text: Option<&Bytes>) -> Option<i64> {
    std::str::from_utf8(text?).ok()?.parse().ok()
}

/// `?name=eq.value&…`, from a JSON array of pairs.
fn query_of(pairs: &Bytes) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_json::from_slice(pairs).ok()?;
    let mut query = String::new();
    for (name, value) in &pairs {
        query.push(if query.is_empty() { '?' } else { '&' });
        encode(name, &mut query);
        query.push('=');
        encode(value, &mut query);
    }
    (!query.is_empty()).then_some(query)
}

/// How many rows a plan in JSON expects.
pub(super) fn expected_rows(row: &Row) -> Option<i64> {
    #[derive(Deserialize)]
    struct Explained {
        #[serde(rename = "Plan")]
        plan: Node,
    }
    #[derive(Deserialize)]
    struct Node {
        #[serde(rename = "Plan Rows")]
        rows: f64,
    }
    let [json] = row.columns();
    let [only]: [Explained; 1] = serde_json::from_slice(&json?).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "an estimate, saturating")]
    Some(only.plan.rows as i64)
}
