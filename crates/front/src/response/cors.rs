//! Cross-origin requests of browsers (Fetch Standard, "CORS protocol").

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use super::insert;

const METHODS: &str = "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD";
const EXPOSED: &str = "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, \
                       Server, Transfer-Encoding, Range-Unit";
/// What clients of the auth API read.
const EXPOSED_BY_AUTH: &str = "Content-Type, Date, Link, Retry-After, X-Request-Id, X-Sb-Error-Code, X-Supabase-Api-Version, X-Total-Count";
/// What a browser may always send.
const SIMPLE_HEADERS: &str = "Accept, Accept-Language, Content-Language";
/// How long a browser may remember, in seconds.
const MAX_AGE: &str = "86400";

/// The answer to a browser that asks before it sends; `None` if it does not.
pub(crate) fn preflight(method: &Method, headers: &HeaderMap, origins: &[String]) -> Option<Response> {
    if method != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let origin = headers.get(header::ORIGIN)?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::OK;
    let answer = response.headers_mut();
    if !allow(answer, origin, origins) {
        return None;
    }
    insert(answer, header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    let asked = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|value| value.to_str().ok());
    let asked = asked.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    let allowed: Vec<_> = std::iter::once("Authorization").chain(asked).chain([SIMPLE_HEADERS]).collect();
    insert(answer, header::ACCESS_CONTROL_ALLOW_HEADERS, &allowed.join(", "));
    insert(answer, header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    if !origins.is_empty() {
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    Some(response)
}

/// Lets the browser show an answer to the page that asked, if its origin may.
pub(crate) fn allow_origin(
    answer: &mut HeaderMap,
    origin: Option<&HeaderValue>,
    origins: &[String],
    is_auth: bool,
) {
    // Answers to OPTIONS say that anybody may ask; where there is a list, only the list counts, and
    // what is stored for one origin is not for another.
    if !origins.is_empty() {
        answer.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    let Some(origin) = origin else { return };
    if allow(answer, origin, origins) {
        let exposed = if is_auth { EXPOSED_BY_AUTH } else { EXPOSED };
        insert(answer, header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

/// With a list of origins, they may send credentials; without one anybody may ask, but without.
fn allow(answer: &mut HeaderMap, origin: &HeaderValue, origins: &[String]) -> bool {
    if origins.is_empty() {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        return true;
    }
    let allowed = origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
    if allowed {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    allowed
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Method};

    use super::{allow_origin, preflight};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|&(name, value)| (name.try_into().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_browser_is_told_what_it_may_send() {
        let request = headers(&[
            ("origin", "http://a"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "Foo,Bar"),
        ]);
        let response = preflight(&Method::OPTIONS, &request, &[]).unwrap();
        let allowed = &response.headers()["access-control-allow-headers"];
        assert_eq!(allowed, "Authorization, Foo, Bar, Accept, Accept-Language, Content-Language");
        assert!(preflight(&Method::GET, &request, &[]).is_none());
        assert!(preflight(&Method::OPTIONS, &headers(&[("origin", "http://a")]), &[]).is_none());
    }

    #[test]
    fn only_listed_origins_may_see_the_answer() {
        let origins = ["http://a".to_owned()];
        let mut answer = HeaderMap::new();
        allow_origin(&mut answer, Some(&HeaderValue::from_static("http://b")), &origins, false);
        allow_origin(&mut answer, None, &origins, false);
        assert!(answer.keys().all(|name| name == "vary") && answer["vary"] == "Origin");
        allow_origin(&mut answer, Some(&HeaderValue::from_static("http://a")), &origins, true);
        assert_eq!(answer["access-control-allow-origin"], "http://a");
        assert_eq!(answer["access-control-allow-credentials"], "true");
    }

    #[test]
    fn whoever_may_ask_without_a_list_sends_no_credentials() {
        let mut answer = HeaderMap::new();
        allow_origin(&mut answer, Some(&HeaderValue::from_static("http://a")), &[], true);
        assert_eq!(answer["access-control-allow-origin"], "*");
        assert!(!answer.contains_key("access-control-allow-credentials"));
    }
}
