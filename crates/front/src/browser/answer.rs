//! Takes the tokens out of an answer of the auth API and puts them into cookies: a script of the page
//! gets the user and never a token.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value};

use super::cookies::Cookies;
use super::set_cookie::SetCookies;
use crate::auth::error::AuthError;

/// Most bytes of an answer with tokens: all of them are made here.
const LIMIT: usize = 1024 * 1024;

/// The answer without its tokens, which `set` gets; any other answer as it is.
///
/// # Errors
/// The tokens do not fit into cookies, or the answer is none that this front makes: then nothing of
/// it may go out.
pub(super) async fn keep_tokens(
    response: Response,
    set: &mut SetCookies,
    former: &Cookies,
) -> Result<Response, AuthError> {
    if !response.status().is_success() || !is_json(response.headers()) {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let body = Limited::new(body, LIMIT).collect().await.map_err(|_| broken())?.to_bytes();
    let without = match serde_json::from_slice::<Map<String, Value>>(&body) {
        Ok(object) => strip(object, set, former)?,
        // A list, as of sessions: no session object.
        Err(_) => None,
    };
    let body = without.map_or(Body::from(body), Body::from);
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(parts, body))
}

/// The JSON without tokens; `None` if it has none.
fn strip(
    mut object: Map<String, Value>,
    set: &mut SetCookies,
    former: &Cookies,
) -> Result<Option<String>, AuthError> {
    let access = object.remove("access_token");
    let refresh = object.remove("refresh_token");
    match (&access, &refresh) {
        (None, None) => return Ok(None),
        (Some(Value::String(access)), refresh) => {
            set.tokens(access, refresh.as_ref().and_then(Value::as_str), former)?;
        }
        _ => return Err(broken()),
    }
    object.remove("token_type");
    Ok(Some(Value::Object(object).to_string()))
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.starts_with("application/json"))
}

fn broken() -> AuthError {
    let text = "Internal Server Error";
    AuthError::new(StatusCode::INTERNAL_SERVER_ERROR, "unexpected_failure", text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Cookies, SetCookies, strip};

    fn object(value: Value) -> Map<String, Value> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn tokens_go_into_cookies_and_nowhere_else() {
        let session = json!({
            "access_token": "a.b.c", "refresh_token": "r", "token_type": "bearer", "expires_in": 900,
            "expires_at": 2_000_000_000, "user": {"id": "u"}
        });
        let mut set = SetCookies::default();
        let json = strip(object(session), &mut set, &Cookies::default()).unwrap().unwrap();
        let left: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(left, json!({"expires_in": 900, "expires_at": 2_000_000_000, "user": {"id": "u"}}));
        assert!(!set.is_empty());
    }

    #[test]
    fn what_is_no_session_stays_as_it_is() {
        let mut set = SetCookies::default();
        assert!(strip(object(json!({"id": "u"})), &mut set, &Cookies::default()).unwrap().is_none());
        assert!(set.is_empty());
    }

    #[test]
    fn a_session_that_can_not_be_read_does_not_go_out() {
        for odd in [json!({"access_token": 1}), json!({"refresh_token": "r"})] {
            let result = strip(object(odd), &mut SetCookies::default(), &Cookies::default());
            assert!(result.is_err());
        }
    }
}
