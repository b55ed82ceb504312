//! `GET` and `POST /admin/users`.

use axum::http::{HeaderValue, header};
use garde::Validate;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::Routes;
use super::super::sign_up::{given, refuse_phone};
use super::TAG;
use crate::auth::calls::{self, AdminUser};
use crate::auth::error::AuthError;
use crate::auth::input::{Credential, Email, Id, Object, Text};
use crate::auth::openapi::{Doc, answers};
use crate::auth::request::{Answer, AuthRequest};
use crate::auth::respond;

/// What is not given stays as it is, or is not given to a new user.
#[derive(Deserialize, Validate, ToSchema)]
pub(super) struct AdminUserBody {
    /// Of a new user.
    #[garde(dive)]
    #[schema(inline)]
    pub(super) id: Option<Id>,
    #[garde(dive)]
    #[schema(inline)]
    email: Option<Email>,
    #[garde(dive)]
    #[schema(inline)]
    password: Option<Credential>,
    /// Made elsewhere: bcrypt, argon2, scrypt, PBKDF2.
    #[garde(dive)]
    #[schema(inline)]
    password_hash: Option<Credential>,
    #[garde(skip)]
    email_confirm: Option<bool>,
    /// Not supported.
    #[garde(dive)]
    #[schema(inline)]
    phone: Option<Text<50>>,
    #[garde(dive)]
    #[schema(inline)]
    user_metadata: Option<Object>,
    #[garde(dive)]
    #[schema(inline)]
    app_metadata: Option<Object>,
    /// `none`, `infinity`, or a length of time such as `24h`.
    #[garde(dive)]
    #[schema(inline)]
    ban_duration: Option<Text<50>>,
}

impl AdminUserBody {
    pub(super) fn user(&self) -> Result<AdminUser<'_>, AuthError> {
        refuse_phone(self.phone.as_ref())?;
        let filled = |secret: &&Credential| !secret.secret().expose().is_empty();
        Ok(AdminUser {
            email: given(self.email.as_ref()),
            password: self.password.as_ref().filter(filled).map(Credential::secret),
            password_hash: self.password_hash.as_ref().filter(filled).map(Credential::secret),
            email_confirm: self.email_confirm,
            user_metadata: self.user_metadata.as_ref().map(Object::raw),
            app_metadata: self.app_metadata.as_ref().map(Object::raw),
            ban_duration: given(self.ban_duration.as_ref()),
        })
    }
}

pub(super) fn add(routes: Routes) -> Routes {
    let list_doc = Doc::new(TAG, "list_users", "One page of users, the newest first")
        .needs_token()
        .query("page", "From 1")
        .query("per_page", "1 to 1000")
        .query("filter", "The beginning of an address, or an id")
        .answers::<answers::UserPage>("Users; X-Total-Count and Link tell of the other pages");
    let create_doc = Doc::new(TAG, "create_user", "Make a user")
        .needs_token()
        .body::<AdminUserBody>()
        .answers::<answers::User>("The user");
    routes.get("/admin/users", list, list_doc).post("/admin/users", create, create_doc)
}

async fn list(request: AuthRequest) -> Answer {
    let call = request.operator()?;
    let page = request.number("page", 1..=1_000_000)?.unwrap_or(1);
    let per_page = request.number("per_page", 1..=1000)?.unwrap_or(50);
    let filter = request.query("filter");
    let found = calls::admin_list_users(&call, page, per_page, filter.as_deref()).await?;
    let users = String::from_utf8_lossy(&found.users);
    let mut response = respond::json(format!(r#"{{"users":{users},"aud":"authenticated"}}"#))?;
    let headers = response.headers_mut();
    headers.insert("x-total-count", found.total.into());
    let links = links(page, per_page, i64::try_from(found.total).unwrap_or(i64::MAX), filter.as_deref());
    if let Ok(links) = HeaderValue::from_str(&links) {
        headers.insert(header::LINK, links);
    }
    Ok(response)
}

/// The next page if there is one, and the last (RFC 8288). Clients read the number after the first
/// `=`, so `page` comes first.
fn links(page: i64, per_page: i64, total: i64, filter: Option<&str>) -> String {
    let filter: String = filter.map_or_else(String::new, |filter| {
        let encoded: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        format!("&filter={encoded}")
    });
    let link =
        |page: i64, rel| format!("</admin/users?page={page}&per_page={per_page}{filter}>; rel=\"{rel}\"");
    let last = (total + per_page - 1).checked_div(per_page).unwrap_or(1).max(1);
    let next = (page < last).then(|| link(page + 1, "next"));
    next.into_iter().chain([link(last, "last")]).collect::<Vec<_>>().join(", ")
}

async fn create(request: AuthRequest) -> Answer {
    let call = request.operator()?;
    let body: AdminUserBody = request.body()?;
    let id = body.id.as_ref().map(Id::as_str);
    respond::json(calls::admin_create_user(&call, body.user()?, id).await?.0)
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn links_lead_to_the_next_and_the_last_page() {
        assert_eq!(
            links(1, 50, 120, None),
            "</admin/users?page=2&per_page=50>; rel=\"next\", </admin/users?page=3&per_page=50>; rel=\"last\""
        );
        assert_eq!(links(3, 50, 120, None), "</admin/users?page=3&per_page=50>; rel=\"last\"");
        assert_eq!(links(1, 50, 0, None), "</admin/users?page=1&per_page=50>; rel=\"last\"");
        assert_eq!(
            links(9, 10, 20, Some("a b>\r\n")),
            "</admin/users?page=2&per_page=10&filter=a+b%3E%0D%0A>; rel=\"last\""
        );
    }
}
