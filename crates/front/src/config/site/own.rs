//! What belongs to this front itself.

use super::Site;
use super::url::{Url, is_web};

impl Site {
    /// Whether it is the origin of this front, as browsers write it (RFC 6454 §6.2).
    pub(crate) fn is_own_origin(&self, origin: &str) -> bool {
        Url::parse(origin).is_some_and(|url| url.rest.0.is_empty() && self.is_own(&url))
    }

    /// The path below which this front is seen: nothing, or `/base`.
    pub(crate) fn base_path(&self) -> &str {
        let after = self.external_url.split_once("//").map_or("", |(_, after)| after);
        after.find('/').and_then(|slash| after.get(slash..)).unwrap_or_default()
    }

    /// The path below that, query and fragment of a URL that is allowed and leads to this front itself.
    /// What browsers would read as another host is none.
    pub(crate) fn own_path<'a>(&self, url: &'a str) -> Option<&'a str> {
        let own = self.allows(url) && Url::parse(url).is_some_and(|parsed| self.is_own(&parsed));
        let (_, after) = url.split_once("//").filter(|_| own)?;
        let path = after.find('/').and_then(|slash| after.get(slash..)).unwrap_or("/");
        let below = path.strip_prefix(self.base_path())?;
        (below.starts_with('/') && !below.starts_with("//")).then_some(below)
    }

    fn is_own(&self, url: &Url<'_>) -> bool {
        Url::parse(&self.external_url).is_some_and(|own| own.has_origin_of(url))
    }
}

/// A picture that pages may show: a path of this host or a URL of the web, plain enough to stand in a
/// header.
pub(in crate::config) fn is_picture_url(text: &str) -> bool {
    let is_path = text.starts_with('/') && !text.starts_with("//");
    let whole = if is_path { format!("https://host{text}") } else { text.to_owned() };
    Url::parse(&whole).is_some_and(|url| is_web(&url.scheme)) && !text.contains([';', ',', '\''])
}

#[cfg(test)]
mod tests {
    use super::Site;

    fn site() -> Site {
        Site {
            site_url: "https://app.example.com".to_owned(),
            external_url: "https://auth.example.com".to_owned(),
            redirect_urls: Vec::new(),
        }
    }

    #[test]
    fn an_origin_is_own_with_or_without_its_default_port() {
        for origin in ["https://auth.example.com", "https://AUTH.example.com:443"] {
            assert!(site().is_own_origin(origin), "{origin}");
        }
        for origin in [
            "null",
            "",
            "http://auth.example.com",
            "https://auth.example.com:8443",
            "https://auth.example.com.evil.example",
            "https://app.example.com",
            "https://auth.example.com/x",
        ] {
            assert!(!site().is_own_origin(origin), "{origin}");
        }
    }

    #[test]
    fn a_path_of_this_front_is_never_another_host() {
        let path = |url| site().own_path(url).map(str::to_owned);
        assert_eq!(
            path("https://auth.example.com/auth/account?x=1#y").as_deref(),
            Some("/auth/account?x=1#y")
        );
        assert_eq!(path("https://auth.example.com").as_deref(), Some("/"));
        assert_eq!(path("https://auth.example.com//evil.example"), None);
        assert_eq!(path("https://auth.example.com/\\evil.example"), None);
        assert_eq!(path("https://app.example.com/"), None);
    }

    #[test]
    fn below_a_path_of_its_own_it_has_no_others() {
        let site = Site { external_url: "https://example.com/base".to_owned(), ..site() };
        assert_eq!(site.base_path(), "/base");
        assert_eq!(site.own_path("https://example.com/base/auth/account"), Some("/auth/account"));
        for url in ["https://example.com/auth", "https://example.com/basement", "https://example.com/base//x"]
        {
            assert_eq!(site.own_path(url), None, "{url}");
        }
    }
}
