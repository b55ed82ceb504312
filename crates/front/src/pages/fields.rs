//! The fields of a form, or the parameters of an address.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};

use crate::auth::error::AuthError;
use crate::auth::secret::Secret;
use crate::data::read_body;

/// Most bytes of a form.
const LIMIT: usize = 64 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";

/// Any of them may be a secret.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, Secret)>);

impl Fields {
    pub(super) fn of_query(query: Option<&str>) -> Self {
        Self::parse(query.unwrap_or_default().as_bytes())
    }

    /// `time`: how long the body may take to arrive.
    pub(super) async fn of_body(headers: &HeaderMap, body: Body, time: Duration) -> Result<Self, AuthError> {
        let bytes = read_body(body, LIMIT, time).await?;
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_form = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(FORM));
        if !is_form && !bytes.is_empty() {
            let text = "This page takes the fields of a form";
            return Err(AuthError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", text));
        }
        Ok(Self::parse(&bytes))
    }

    fn parse(text: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(text);
        Self(pairs.map(|(name, value)| (name.into_owned(), Secret::new(value.into_owned()))).collect())
    }

    /// The one value of this name, unless it is empty. One that comes twice could be read in two ways.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value.expose());
        let value = values.next().filter(|value| !value.is_empty())?;
        values.next().is_none().then_some(value)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    pub(super) fn secret(&self, name: &str) -> Secret {
        Secret::new(self.text(name).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;

    #[test]
    fn fields_are_decoded() {
        let fields = Fields::of_query(Some("email=a%40b.example&password=x+y%26z&empty="));
        assert_eq!(fields.text("email"), "a@b.example");
        assert_eq!(fields.secret("password").expose(), "x y&z");
        assert_eq!((fields.get("empty"), fields.get("other"), fields.text("other")), (None, None, ""));
    }

    #[test]
    fn a_field_that_comes_twice_is_none() {
        let fields = Fields::of_query(Some("to=a&to=b"));
        assert_eq!(fields.get("to"), None);
    }

    #[test]
    fn fields_do_not_print() {
        assert!(!format!("{:?}", Fields::of_query(Some("password=hunter2"))).contains("hunter2"));
    }
}
