//! Which URLs people may be sent back to: the allow-list of redirects, as Supabase documents it.
//!
//! A URL is allowed when it has the origin of the application or of this front, or fits one of the
//! operator's patterns. Whatever could be read in two ways is allowed by none of them; see [`url`].

mod pattern;
mod url;

use pattern::Pattern;
use url::{Url, is_web};

use super::reader::{ConfigError, Reader};
use super::{BindHost, Listen};

const SITE_URL: &str = "GATEHOUSE_SITE_URL";
const EXTERNAL_URL: &str = "GATEHOUSE_EXTERNAL_URL";
const REDIRECT_URLS: &str = "GATEHOUSE_REDIRECT_URLS";

/// Where people come from and go to.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The application: where people go who are sent nowhere else.
    pub(crate) site_url: String,
    /// The address of this front as people see it, without a slash at its end. Never taken from a
    /// request: whoever could choose it would get the links of other people's mails.
    pub(crate) external_url: String,
    pub(crate) redirect_urls: Vec<Pattern>,
}

impl Site {
    pub(super) fn read(reader: &Reader<'_>, listen: &Listen) -> Result<Self, ConfigError> {
        let site_url = own_url(reader, SITE_URL)?.unwrap_or_else(|| local_url(listen));
        let external_url = own_url(reader, EXTERNAL_URL)?.unwrap_or_else(|| site_url.clone());
        let patterns = super::parts::some_list(reader, REDIRECT_URLS);
        let patterns = patterns.iter().filter(|text| !text.is_empty()).map(|text| {
            Pattern::parse(text)
                .map_err(|problem| reader.error(REDIRECT_URLS, format!("{ALLOWED}; {problem}")))
        });
        Ok(Self {
            external_url: external_url.trim_end_matches('/').to_owned(),
            redirect_urls: patterns.collect::<Result<_, _>>()?,
            site_url,
        })
    }

    /// Whether people may be sent there.
    pub(crate) fn allows(&self, url: &str) -> bool {
        let Some(url) = Url::parse(url) else { return false };
        let own = [&self.site_url, &self.external_url];
        let mut own = own.into_iter().filter_map(|own| Url::parse(own));
        own.any(|own| own.has_origin_of(&url)) || self.redirect_urls.iter().any(|pattern| pattern.fits(&url))
    }

    /// Where to send people who ask to be sent there: there if it is allowed, else to the application.
    pub(crate) fn redirect<'a>(&'a self, url: Option<&'a str>) -> &'a str {
        url.filter(|url| self.allows(url)).unwrap_or(&self.site_url)
    }
}

const ALLOWED: &str = "URLs by commas, such as https://app.example.com/** or myapp://callback, with * for \
                       anything up to the next . or /, ** for anything, ? for one character";

/// A URL of the operator's own: http or https, without query and fragment.
fn own_url(reader: &Reader<'_>, key: &str) -> Result<Option<String>, ConfigError> {
    let Some(text) = reader.text(key) else { return Ok(None) };
    let parsed = Url::parse(&text);
    let good = parsed.is_some_and(|url| is_web(&url.scheme) && url.rest.is_path());
    if good { Ok(Some(text)) } else { Err(reader.error(key, "a URL such as https://app.example.com")) }
}

/// Where the front listens: good enough to try it out on one machine.
fn local_url(listen: &Listen) -> String {
    match listen {
        Listen::Tcp { host: BindHost::Named(host), port, .. } if !host.contains(':') => {
            format!("http://{}:{port}", host.to_ascii_lowercase())
        }
        Listen::Tcp { port, .. } => format!("http://localhost:{port}"),
        Listen::Unix { .. } => "http://localhost".to_owned(),
    }
}

#[cfg(test)]
mod tests;
