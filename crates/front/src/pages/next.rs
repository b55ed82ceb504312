//! Where somebody goes when a page has done its work: only where the operator allows.

use crate::config::{Config, Site};
use crate::request::encode;

/// The parameter that says so.
pub(super) const REDIRECT_TO: &str = "redirect_to";

pub(super) const ACCOUNT: &str = "/auth/account";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nowhere in particular.
    Home,
    /// A path of this front, below the one that it is seen at.
    Own(String),
    /// A URL of an application.
    Elsewhere(String),
}

impl Next {
    /// A URL that is allowed or a path of this front; anything else counts as not said.
    pub(super) fn parse(text: Option<&str>, site: &Site) -> Self {
        let Some(text) = text else { return Self::Home };
        let of_path = text.starts_with('/').then(|| format!("{}{text}", site.external_url));
        let url = of_path.as_deref().unwrap_or(text);
        match site.own_path(url) {
            Some(path) => Self::Own(path.to_owned()),
            None if of_path.is_none() && site.allows(url) => Self::Elsewhere(url.to_owned()),
            None => Self::Home,
        }
    }

    /// For a link or a form's field; `None` where nothing was said.
    pub(super) fn given(&self) -> Option<&str> {
        match self {
            Self::Home => None,
            Self::Own(text) | Self::Elsewhere(text) => Some(text),
        }
    }

    /// For a link: where to go.
    pub(super) fn href(&self, config: &Config) -> String {
        let own = |path: &str| format!("{}{path}", config.site.base_path());
        match (self, &config.pages.home) {
            (Self::Own(path), _) => own(path),
            (Self::Elsewhere(url), _) => url.clone(),
            (Self::Home, Some(home)) => home.clone(),
            (Self::Home, None) => own(ACCOUNT),
        }
    }

    /// For a redirect after a form: a path below the one that this front is seen at. Browsers hold a form's redirects to `form-action` (CSP 3), so the way
    /// out leads over a page of ours.
    pub(super) fn location(&self, config: &Config) -> String {
        match self {
            Self::Own(path) => path.clone(),
            Self::Elsewhere(url) => with("/auth/continue", &[(REDIRECT_TO, Some(url))]),
            Self::Home => match Self::parse(config.pages.home.as_deref(), &config.site) {
                Self::Home => ACCOUNT.to_owned(),
                home => home.location(config),
            },
        }
    }
}

/// A path with the parameters that have a value.
pub(super) fn with(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut text = path.to_owned();
    let mut separator = '?';
    for (name, value) in parameters {
        let Some(value) = value else { continue };
        text.push(separator);
        text.push_str(name);
        text.push('=');
        encode(value, &mut text);
        separator = '&';
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Next, with};
    use crate::config::{Config, Sources};

    fn config(pairs: &[(&str, &str)]) -> Config {
        let mut all = vec![
            ("USER", "me"),
            ("GATEHOUSE_EXTERNAL_URL", "https://auth.example.com"),
            ("GATEHOUSE_REDIRECT_URLS", "https://app.example.com/**,myapp://callback"),
        ];
        all.extend_from_slice(pairs);
        Config::read(&Sources::of(&all)).unwrap()
    }

    fn location(text: &str) -> String {
        let config = config(&[]);
        Next::parse(Some(text), &config.site).location(&config)
    }

    #[test]
    fn a_path_of_this_front_is_gone_to_at_once() {
        assert_eq!(location("/auth/choose-tenant?x=1"), "/auth/choose-tenant?x=1");
        assert_eq!(location("https://auth.example.com/auth/sessions"), "/auth/sessions");
    }

    #[test]
    fn an_application_is_gone_to_over_a_page() {
        let expected = "/auth/continue?redirect_to=https%3A%2F%2Fapp.example.com%2Fhome%3Fa%3D1";
        assert_eq!(location("https://app.example.com/home?a=1"), expected);
        assert_eq!(location("myapp://callback"), "/auth/continue?redirect_to=myapp%3A%2F%2Fcallback");
    }

    #[test]
    fn nobody_is_sent_where_the_operator_does_not_allow() {
        for text in [
            "",
            "https://evil.example/",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "/%5cevil.example",
            "/../evil",
            "https://auth.example.com@evil.example/",
            "https://app.example.com.evil.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "/\t/evil.example",
            "/x\r\nset-cookie: a=b",
        ] {
            assert_eq!(location(text), "/auth/account", "{text}");
        }
    }

    #[test]
    fn a_path_that_browsers_read_as_a_host_is_never_gone_to_as_a_path() {
        let expected = "/auth/continue?redirect_to=https%3A%2F%2Fauth.example.com%2F%2Fevil.example";
        assert_eq!(location("https://auth.example.com//evil.example"), expected);
    }

    #[test]
    fn who_is_sent_nowhere_goes_to_the_application_if_it_is_named() {
        let config = config(&[("GATEHOUSE_SITE_URL", "https://www.example.com/start")]);
        let expected = "/auth/continue?redirect_to=https%3A%2F%2Fwww.example.com%2Fstart";
        assert_eq!(Next::Home.location(&config), expected);
        assert_eq!(Next::Home.given(), None);
    }

    #[test]
    fn parameters_are_encoded() {
        let text = with("/p", &[("a", Some("x&y=z")), ("b", None), ("c", Some("#"))]);
        assert_eq!(text, "/p?a=x%26y%3Dz&c=%23");
        assert_eq!(with("/p", &[("b", None)]), "/p");
    }
}
