//! Whose pages they are: name, colour, picture.

use super::Palette;
use super::colour::Colour;
use crate::config::reader::{ConfigError, Reader};
use crate::config::site::is_picture_url;

const NAME: &str = "GATEHOUSE_BRAND_NAME";
const COLOR: &str = "GATEHOUSE_BRAND_COLOR";
const LOGO: &str = "GATEHOUSE_BRAND_LOGO";

const DEFAULT_NAME: &str = "Gatehouse";
const DEFAULT_COLOR: Colour = Colour::new(0x35, 0x4f, 0xd1);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brand {
    pub(crate) name: String,
    pub(crate) palette: Palette,
    /// A path of this host, or a URL.
    pub(crate) logo: Option<String>,
}

impl Brand {
    pub(super) fn read(reader: &Reader<'_>) -> Result<Self, ConfigError> {
        let name = reader.text(NAME).unwrap_or_else(|| DEFAULT_NAME.to_owned());
        if name.chars().count() > 60 || name.chars().any(char::is_control) || name.trim().is_empty() {
            return Err(reader.error(NAME, "1 to 60 characters, no control characters"));
        }
        let color = match reader.text(COLOR) {
            None => DEFAULT_COLOR,
            Some(text) => {
                Colour::parse(&text).ok_or_else(|| reader.error(COLOR, "a colour such as #354fd1"))?
            }
        };
        let logo = reader.text(LOGO);
        if logo.as_deref().is_some_and(|logo| !is_picture_url(logo)) {
            return Err(
                reader.error(LOGO, "a path of this host such as /logo.svg, or a URL with https or http")
            );
        }
        Ok(Self { name, palette: Palette::of(color), logo })
    }

    /// The origin of the picture, for the policy of what pages may load.
    pub(crate) fn logo_origin(&self) -> Option<&str> {
        let logo = self.logo.as_deref()?;
        let (scheme, after) = logo.split_once("://")?;
        let host = after.find('/').unwrap_or(after.len());
        logo.get(..scheme.len() + "://".len() + host)
    }
}

#[cfg(test)]
mod tests {
    use super::Brand;
    use crate::config::reader::Reader;

    fn brand(pairs: &[(&str, &str)]) -> Result<Brand, String> {
        let lookup = |name: &str| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Brand::read(&Reader::new(&lookup)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_brand_needs_nothing() {
        let brand = brand(&[]).unwrap();
        assert_eq!((brand.name.as_str(), brand.logo), ("Gatehouse", None));
    }

    #[test]
    fn the_origin_of_the_picture_is_known() {
        let origin =
            |logo: &str| brand(&[("GATEHOUSE_BRAND_LOGO", logo)]).unwrap().logo_origin().map(str::to_owned);
        assert_eq!(origin("/logo.svg"), None);
        assert_eq!(
            origin("https://cdn.example:8443/logo.svg?v=1").as_deref(),
            Some("https://cdn.example:8443")
        );
        assert_eq!(origin("https://cdn.example").as_deref(), Some("https://cdn.example"));
    }

    #[test]
    fn a_wrong_value_is_one_line_that_says_what_is_allowed() {
        assert_eq!(
            brand(&[("GATEHOUSE_BRAND_COLOR", "red;}")]).unwrap_err(),
            "GATEHOUSE_BRAND_COLOR: \"red;}\" is not allowed; allowed: a colour such as #354fd1"
        );
        for (key, value) in [
            ("GATEHOUSE_BRAND_NAME", "a\nb"),
            ("GATEHOUSE_BRAND_NAME", " "),
            ("GATEHOUSE_BRAND_LOGO", "javascript:alert(1)"),
            ("GATEHOUSE_BRAND_LOGO", "//evil.example/x.png"),
            ("GATEHOUSE_BRAND_LOGO", "https://cdn.example;script-src/x.png"),
            ("GATEHOUSE_BRAND_LOGO", "logo.png"),
        ] {
            assert!(brand(&[(key, value)]).unwrap_err().starts_with(key), "{value}");
        }
    }
}
