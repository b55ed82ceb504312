//! The outermost `select`: one row with the numbers of rows, the body, and what SQL says of status
//! and headers. Where the number of rows must be a certain one, another raises an error, so that
//! the transaction is undone without asking again.

use super::body::{body, location};
use super::{Statement, call, count, read, write};
use crate::plan::{Body, CallPlan, Output, ReadNode, ReadPlan, WriteKind, WritePlan};
use crate::request::{Count, MediaType, PlanFormat, PlanOption, Preferences, Range};

/// What the text of an error begins with that is raised here, for the message tells the rows.
pub(crate) const WRONG_ROWS: &str = "gatehouse rows: ";

/// Total, page, body, headers, status, check; the body in binary form.
const READ_FORMATS: [i16; 6] = [0, 0, 1, 0, 0, 0];
/// Total, page, location, body, headers, status, inserted, check.
const WRITE_FORMATS: [i16; 8] = [0, 0, 0, 1, 0, 0, 0, 0];

const HEADERS: &str = "nullif(pg_catalog.current_setting('response.headers', true), '')";
const STATUS: &str = "nullif(pg_catalog.current_setting('response.status', true), '')";

/// What the number of rows must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    AtMost(i64),
    None,
    One,
}

pub(super) fn reading(
    plan: &ReadPlan<'_>,
    preferences: &Preferences,
    range: Range,
    most: Option<u64>,
) -> Statement {
    let mut sql = explained(&plan.output, &READ_FORMATS);
    sql.text("with pgrst_source as (");
    read::select(&mut sql, &plan.tree);
    sql.text(")");
    let total = Total::of(preferences, range, most);
    total.query(&mut sql, &plan.tree);
    sql.text(" select ");
    total.column(&mut sql, false);
    sql.text(", pg_catalog.count(_postgrest_t), ");
    body(&mut sql, &plan.output.body, None);
    tail(&mut sql, Check::of(&plan.output, None), false);
    sql.text(" from (select * from pgrst_source) _postgrest_t");
    sql
}

pub(super) fn writing(plan: &WritePlan<'_>, preferences: &Preferences) -> Statement {
    let mut sql = explained(&plan.output, &WRITE_FORMATS);
    sql.text("with pgrst_source as (");
    write::change(&mut sql, plan);
    sql.text(") select '', pg_catalog.count(_postgrest_t), ");
    location(&mut sql, plan);
    sql.text(", ");
    body(&mut sql, &plan.output.body, None);
    sql.text(", ").text(HEADERS).text(", ").text(STATUS).text(", ");
    sql.text(if plan.counts_inserted() {
        "nullif(pg_catalog.current_setting('pgrst.inserted', true), '')::int"
    } else {
        "null"
    });
    let check = match plan.kind {
        WriteKind::Put { .. } => Check::One,
        WriteKind::Insert { .. } => Check::of(&plan.output, None),
        WriteKind::Delete { .. } | WriteKind::Update { .. } => {
            Check::of(&plan.output, preferences.limit_affected())
        }
    };
    sql.text(", ");
    checked(&mut sql, check, "pg_catalog.count(_postgrest_t)");
    sql.text(" from (");
    // Nothing of what is selected counts when nothing is given back.
    if plan.output.body == Body::Nothing {
        sql.text("select * from pgrst_source");
    } else {
        read::select(&mut sql, &plan.tree);
    }
    sql.text(") _postgrest_t");
    sql
}

pub(super) fn calling(
    plan: &CallPlan<'_>,
    preferences: &Preferences,
    range: Range,
    most: Option<u64>,
) -> Statement {
    let mut sql = explained(&plan.output, &READ_FORMATS);
    sql.text("with pgrst_source as (");
    call::call(&mut sql, plan);
    sql.text(")");
    let total = Total::of(preferences, range, most);
    let single = !plan.routine.returns.set;
    total.query(&mut sql, &plan.tree);
    sql.text(" select ");
    total.column(&mut sql, single);
    sql.text(if single { ", 1, " } else { ", pg_catalog.count(_postgrest_t), " });
    body(&mut sql, &plan.output.body, Some(plan.routine));
    tail(&mut sql, Check::of(&plan.output, preferences.limit_affected()), single);
    sql.text(" from (");
    read::select(&mut sql, &plan.tree);
    sql.text(") _postgrest_t");
    sql
}

/// What the planner expects, as a plan in JSON.
pub(super) fn estimate(tree: &ReadNode<'_>) -> Statement {
    let mut sql = Statement::new("explain (format json) ");
    count::select(&mut sql, tree);
    sql
}

/// Where the total number of rows comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Total {
    /// Nobody asked.
    Unknown,
    /// All rows are on the page.
    Page,
    /// They are counted, up to a limit where an estimate does beyond.
    Counted { limit: Option<u64> },
}

impl Total {
    fn of(preferences: &Preferences, range: Range, most: Option<u64>) -> Self {
        if !preferences.counts() {
            return Self::Unknown;
        }
        if most.is_none() && range == Range::ALL {
            return Self::Page;
        }
        let limit = most.filter(|_| preferences.count == Some(Count::Estimated));
        Self::Counted { limit: limit.map(|most| most.saturating_add(1)) }
    }

    fn query(self, sql: &mut Statement, tree: &ReadNode<'_>) {
        if let Self::Counted { limit } = self {
            sql.text(", pgrst_source_count as (");
            count::select(sql, tree);
            if let Some(limit) = limit {
                sql.text(" limit ").number(i64::try_from(limit).unwrap_or(i64::MAX));
            }
            sql.text(")");
        }
    }

    fn column(self, sql: &mut Statement, single: bool) {
        sql.text(match self {
            Self::Unknown => "null",
            Self::Page if single => "1",
            Self::Page => "pg_catalog.count(_postgrest_t)",
            Self::Counted { .. } => "(select pg_catalog.count(*) from pgrst_source_count)",
        });
    }
}

impl Check {
    fn of(output: &Output<'_>, most: Option<i64>) -> Self {
        match most {
            _ if output.media_type.is_singular() => Self::One,
            Some(most) => Self::AtMost(most),
            None => Self::None,
        }
    }
}

fn tail(sql: &mut Statement, check: Check, single: bool) {
    sql.text(", ").text(HEADERS).text(", ").text(STATUS).text(", ");
    checked(sql, if single { Check::None } else { check }, "pg_catalog.count(_postgrest_t)");
}

/// Null when the number of rows is right. A text that is no number can not be cast to one: the
/// error carries it.
fn checked(sql: &mut Statement, check: Check, rows: &'static str) {
    match check {
        Check::None => {
            sql.text("null");
        }
        Check::One => {
            sql.text("case when ").text(rows).text(" <> 1 then ('gatehouse rows: ' || ");
            sql.text(rows).text(")::int end");
        }
        Check::AtMost(most) => {
            sql.text("case when ").text(rows).text(" > ").number(most);
            sql.text(" then ('gatehouse rows: ' || ").text(rows).text(")::int end");
        }
    }
}

fn explained(output: &Output<'_>, formats: &'static [i16]) -> Statement {
    let MediaType::Plan { format, options, .. } = &output.media_type else {
        let mut sql = Statement::new("");
        sql.formats = formats;
        return sql;
    };
    let mut sql = Statement::new("explain (");
    sql.text(match format {
        PlanFormat::Json => "format json",
        PlanFormat::Text => "format text",
    });
    for option in options {
        sql.text(match option {
            PlanOption::Analyze => ", analyze",
            PlanOption::Verbose => ", verbose",
            PlanOption::Settings => ", settings",
            PlanOption::Buffers => ", buffers",
            PlanOption::Wal => ", wal",
        });
    }
    sql.text(") ");
    sql
}
