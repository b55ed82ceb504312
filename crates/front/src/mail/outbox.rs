//! The database's side: take, and tell what became of it.

use std::time::Duration;

use serde_json::Value;

use crate::pg::{PgError, Row, Step, oid};
use crate::tx::Database;

/// A mail to be sent. Not `Debug`: what is in it lets its reader in.
pub(super) struct Mail {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) recipient: String,
    pub(super) data: Value,
    /// From 1.
    pub(super) attempt: u32,
}

const TAKE: &str = "select m.id::text, m.kind, m.recipient, m.data::text, m.attempt::text \
                    from auth.take_mail($1::integer, $2::interval) as m";
const SENT: &str = "select auth.mail_sent($1::uuid)::text";
const FAILED: &str = "select auth.mail_failed($1::uuid, $2::text)::text";

/// Up to `most` mails that are due, nobody else's until the lease is over.
pub(super) async fn take(database: &Database, most: usize, lease: Duration) -> Result<Vec<Mail>, PgError> {
    let (most, lease) = (most.to_string(), format!("{} seconds", lease.as_secs()));
    let values = [Some(most.as_bytes()), Some(lease.as_bytes())];
    let rows = database.run_service(Step::kept(TAKE, &[oid::UNKNOWN; 2], &values)).await?;
    Ok(rows.iter().filter_map(read).collect())
}

/// It was handed over: what was in it is forgotten.
pub(super) async fn sent(database: &Database, id: &str) -> Result<(), PgError> {
    let values = [Some(id.as_bytes())];
    database.run_service(Step::kept(SENT, &[oid::UNKNOWN], &values)).await.map(drop)
}

/// It could not be handed over. Gives whether it will be tried again.
pub(super) async fn failed(database: &Database, id: &str, problem: &str) -> Result<bool, PgError> {
    let values = [Some(id.as_bytes()), Some(problem.as_bytes())];
    let rows = database.run_service(Step::kept(FAILED, &[oid::UNKNOWN; 2], &values)).await?;
    let [again] = rows.first().map(Row::columns).unwrap_or_default();
    Ok(again.is_some())
}

fn read(row: &Row) -> Option<Mail> {
    let columns: [_; 5] = row.columns();
    let [id, kind, recipient, data, attempt] =
        columns.map(|column| column.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
    let data = data.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    Some(Mail { id: id?, kind: kind?, recipient: recipient?, data, attempt: attempt?.parse().ok()? })
}
