//! What answers put into the browser: HttpOnly, Secure, SameSite=Lax, for this host and every path.
//!
//! Browsers keep 4096 bytes of a cookie and no more, and an access token names roles, permissions and
//! the user's own metadata: a longer one goes in parts, the first of which says how many there are.
//!
//! The cookies of a session live as long as browsers let any live (RFC 6265bis §5.5). When the
//! session ends is the database's to say.

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::time::Duration;
use cookie::{Cookie, SameSite};

use super::cookies::{ACCESS, Cookies, FAMILY, MOST_PARTS, REFRESH, part_name};
use crate::auth::calls::Session;
use crate::auth::error::AuthError;
use axum::http::StatusCode;

const LIFE: Duration = Duration::days(400);
/// Bytes of a part; name and attributes need the rest.
const PART: usize = 3800;

/// What an answer sets.
#[derive(Debug, Default)]
pub(crate) struct SetCookies(Vec<HeaderValue>);

/// A cookie beside the session: what a page tells the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Small {
    /// Whom mail was sent to, and why.
    Flow,
    /// The token of an invitation, until there is somebody to accept it.
    Invitation,
    /// The token of a mailed link, until its button is pressed.
    Link,
    /// What was done.
    Notice,
}

impl Small {
    pub(crate) fn name(self) -> String {
        let name = match self {
            Self::Flow => "flow",
            Self::Invitation => "invitation",
            Self::Link => "link",
            Self::Notice => "notice",
        };
        format!("{FAMILY}{name}")
    }

    fn life(self) -> Duration {
        match self {
            Self::Notice => Duration::minutes(1),
            Self::Flow | Self::Invitation | Self::Link => Duration::hours(1),
        }
    }
}

impl SetCookies {
    /// The tokens of a session. Of an access token that was in more parts before, the rest goes.
    ///
    /// # Errors
    /// The access token is too long even for parts.
    pub(crate) fn session(&mut self, session: &Session, former: &Cookies) -> Result<(), AuthError> {
        let refresh = session.refresh_token.as_ref().map(crate::auth::secret::Secret::expose);
        self.tokens(session.access_token.expose(), refresh, former)
    }

    pub(super) fn tokens(
        &mut self,
        access: &str,
        refresh: Option<&str>,
        former: &Cookies,
    ) -> Result<(), AuthError> {
        // A token is ASCII: it can be cut anywhere.
        let parts: Vec<&str> =
            access.as_bytes().chunks(PART).filter_map(|p| std::str::from_utf8(p).ok()).collect();
        if parts.len() > MOST_PARTS {
            let text = "Your profile holds more than a browser session can carry; ask the operator";
            return Err(AuthError::new(StatusCode::UNPROCESSABLE_ENTITY, "session_too_large", text));
        }
        for (index, part) in parts.iter().enumerate() {
            match index {
                0 if parts.len() == 1 => self.add(ACCESS.to_owned(), (*part).to_owned(), LIFE),
                0 => self.add(ACCESS.to_owned(), format!("{}~{part}", parts.len()), LIFE),
                _ => self.add(part_name(index), (*part).to_owned(), LIFE),
            }
        }
        self.remove_parts(parts.len().max(1), former);
        if let Some(refresh) = refresh {
            self.add(REFRESH.to_owned(), refresh.to_owned(), LIFE);
        }
        Ok(())
    }

    /// Signs the browser out, whatever else was to be set.
    pub(crate) fn clear_session(&mut self, former: &Cookies) {
        self.0.clear();
        self.remove(ACCESS.to_owned());
        self.remove_parts(1, former);
        self.remove(REFRESH.to_owned());
    }

    pub(crate) fn small(&mut self, which: Small, value: &str) {
        self.add(which.name(), value.to_owned(), which.life());
    }

    pub(crate) fn clear_small(&mut self, which: Small) {
        self.remove(which.name());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds them to an answer, which nobody on the way may keep then.
    pub(crate) fn put(self, headers: &mut HeaderMap) {
        if self.is_empty() {
            return;
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for cookie in self.0 {
            headers.append(header::SET_COOKIE, cookie);
        }
    }

    fn remove_parts(&mut self, from: usize, former: &Cookies) {
        for name in (from..MOST_PARTS).map(part_name).filter(|name| former.has(name)) {
            self.remove(name);
        }
    }

    fn remove(&mut self, name: String) {
        self.add(name, String::new(), Duration::ZERO);
    }

    fn add(&mut self, name: String, value: String, life: Duration) {
        let cookie = Cookie::build((name, value))
            .path("/")
            .secure(true)
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(life);
        // What can not stand in a header can be no token of ours.
        if let Ok(mut value) = HeaderValue::from_str(&cookie.to_string()) {
            value.set_sensitive(true);
            self.0.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::super::cookies::Cookies;
    use super::{SetCookies, Small};

    fn lines(set: SetCookies) -> Vec<String> {
        let mut headers = HeaderMap::new();
        set.put(&mut headers);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        headers.get_all(header::SET_COOKIE).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    /// As the browser sends them back.
    fn sent_back(lines: &[String]) -> Cookies {
        let pairs: Vec<_> = lines.iter().filter_map(|line| line.split(';').next()).collect();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(&pairs.join("; ")).unwrap());
        Cookies::take(&mut headers)
    }

    #[test]
    fn a_session_is_two_cookies_of_this_host_that_no_script_reads() {
        let mut set = SetCookies::default();
        set.tokens("a.b.c", Some("r"), &Cookies::default()).unwrap();
        let rest = "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=34560000";
        assert_eq!(
            lines(set),
            [format!("__Host-gatehouse-access=a.b.c; {rest}"), format!("__Host-gatehouse-refresh=r; {rest}")]
        );
    }

    #[test]
    fn a_long_token_goes_in_parts_and_comes_back_whole() {
        for length in [3800, 3801, 7600, 7601, 8 * 3800] {
            let token = "x".repeat(length);
            let mut set = SetCookies::default();
            set.tokens(&token, None, &Cookies::default()).unwrap();
            let lines = lines(set);
            assert!(lines.iter().all(|line| line.len() < 4096));
            assert_eq!(sent_back(&lines).access_token().unwrap().expose(), token, "{length}");
        }
        let mut set = SetCookies::default();
        let error = set.tokens(&"x".repeat(8 * 3800 + 1), None, &Cookies::default()).unwrap_err();
        assert_eq!(error.code(), "session_too_large");
    }

    #[test]
    fn what_a_longer_token_left_is_removed() {
        let mut long = SetCookies::default();
        long.tokens(&"x".repeat(9000), None, &Cookies::default()).unwrap();
        let former = sent_back(&lines(long));
        let mut short = SetCookies::default();
        short.tokens("t", None, &former).unwrap();
        let removed: Vec<_> = lines(short).into_iter().filter(|line| line.contains("Max-Age=0")).collect();
        assert_eq!(removed.len(), 2);
        let mut out = SetCookies::default();
        out.clear_session(&former);
        assert_eq!(lines(out).iter().filter(|line| line.contains("Max-Age=0")).count(), 4);
    }

    #[test]
    fn small_cookies_are_of_the_same_kind() {
        let mut set = SetCookies::default();
        set.small(Small::Notice, "x");
        let expected = "__Host-gatehouse-notice=x; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60";
        assert_eq!(lines(set), [expected]);
    }
}
