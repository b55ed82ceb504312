//! Where a followed link leads, and what goes with it: tokens in the fragment only, which browsers
//! send to nobody; a code or an error may be in the query too, for applications that read it on
//! their server.
//!
//! Source: RFC 6749 §4.1.2, §4.2.2; GoTrue's names.

use form_urlencoded::Serializer;

use super::calls::Session;
use super::error::AuthError;
use super::secret::Secret;

/// With the session in the fragment.
pub(super) fn with_session(url: &str, session: &Session, kind: &str) -> String {
    let (expires_at, expires_in) = (session.expires_at.to_string(), session.expires_in.to_string());
    let refresh_token = session.refresh_token.as_ref().map(Secret::expose).unwrap_or_default();
    with_fragment(
        url,
        &[
            ("access_token", session.access_token.expose()),
            ("expires_at", &expires_at),
            ("expires_in", &expires_in),
            ("refresh_token", refresh_token),
            ("token_type", "bearer"),
            ("type", kind),
        ],
    )
}

/// With the code that is to be exchanged, in the query.
pub(super) fn with_code(url: &str, code: &Secret) -> String {
    with_query(url, &[("code", code.expose())])
}

/// With a sentence for the user, in the fragment.
pub(super) fn with_message(url: &str, message: &str) -> String {
    with_fragment(url, &[("message", message)])
}

/// With what went wrong, in the query and in the fragment.
pub(super) fn with_error(url: &str, error: &AuthError) -> String {
    let kind = match error.status().as_u16() {
        400 => "invalid_request",
        401 => "unauthorized_client",
        403 => "access_denied",
        500 => "server_error",
        503 | 504 => "temporarily_unavailable",
        _ => "access_denied",
    };
    let parameters = [("error", kind), ("error_code", error.code()), ("error_description", error.message())];
    with_fragment(&with_query(url, &parameters), &parameters)
}

fn with_fragment(url: &str, parameters: &[(&str, &str)]) -> String {
    format!("{}#{}", without_fragment(url), encoded(parameters))
}

fn with_query(url: &str, parameters: &[(&str, &str)]) -> String {
    let url = without_fragment(url);
    let separator = match url.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{url}{separator}{}", encoded(parameters))
}

fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(before, _)| before)
}

fn encoded(parameters: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(parameters).finish()
}

#[cfg(test)]
mod tests {
    use super::{with_code, with_error, with_message, with_session};
    use crate::auth::calls::{Session, UserJson};
    use crate::auth::error::AuthError;
    use crate::auth::secret::Secret;

    const URL: &str = "https://app.example.com/welcome?next=%2Fhome#old";

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn tokens_are_in_the_fragment_only() {
        let session = Session {
            access_token: secret("a.b.c"),
            refresh_token: Some(secret("r+/=")),
            expires_in: 900,
            expires_at: 2_000_000_000,
            user: UserJson("{}".into()),
            second_factor_due: None,
        };
        assert_eq!(
            with_session(URL, &session, "signup"),
            "https://app.example.com/welcome?next=%2Fhome#access_token=a.b.c&expires_at=2000000000&expires_in=900\
             &refresh_token=r%2B%2F%3D&token_type=bearer&type=signup"
        );
    }

    #[test]
    fn a_code_joins_the_query() {
        let code = secret("c");
        assert_eq!(with_code(URL, &code), "https://app.example.com/welcome?next=%2Fhome&code=c");
        assert_eq!(with_code("https://app.example.com", &code), "https://app.example.com?code=c");
        assert_eq!(with_code("https://app.example.com/?", &code), "https://app.example.com/?code=c");
        assert_eq!(with_code("myapp://callback", &code), "myapp://callback?code=c");
    }

    #[test]
    fn an_error_is_told_in_both() {
        let error = AuthError::named("otp_expired");
        let parameters =
            "error=access_denied&error_code=otp_expired&error_description=Token+has+expired+or+is+invalid";
        assert_eq!(
            with_error("https://a.example/", &error),
            format!("https://a.example/?{parameters}#{parameters}")
        );
    }

    #[test]
    fn nothing_in_a_message_ends_the_fragment() {
        assert_eq!(
            with_message("https://a.example/", "a & b#c\r\n"),
            "https://a.example/#message=a+%26+b%23c%0D%0A"
        );
    }
}
