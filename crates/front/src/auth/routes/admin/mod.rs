//! For the operator: users, links, the audit. The database judges who may.

mod invite;
mod link;
mod user;
mod users;

use super::Routes;
use crate::auth::calls::{self, EventFilter};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

const TAG: &str = "admin";

pub(super) fn add(routes: Routes) -> Routes {
    let audit_doc = Doc::new(TAG, "list_events", "Everybody's security events, the latest first")
        .needs_token()
        .query("before", "The last id of the page before")
        .query("per_page", "1 to 1000")
        .query("user_id", "Whose; a UUID")
        .query("tenant_id", "In which tenant; a UUID")
        .query("event", "Which kind")
        .answers::<Vec<answers::Event>>("Events");
    let routes = user::add(users::add(routes));
    link::add(invite::add(routes)).get("/admin/audit", audit, audit_doc)
}

async fn audit(request: AuthRequest) -> Answer {
    let call = request.operator()?;
    let (user_id, tenant_id) = (request.query_id("user_id")?, request.query_id("tenant_id")?);
    let event = request.query("event");
    let filter = EventFilter {
        before: request.number("before", 0..=i64::MAX)?,
        page_size: request.number("per_page", 1..=1000)?,
        user_id: user_id.as_deref(),
        tenant_id: tenant_id.as_deref(),
        event: event.as_deref(),
    };
    respond::json(calls::admin_list_events(&call, filter).await?)
}
