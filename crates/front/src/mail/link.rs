//! Where a mail's link leads. Made of the operator's URLs and of what the database says; nothing of
//! a request's address takes part.

use serde_json::Value;
use url::form_urlencoded::Serializer;

use crate::config::Site;

/// Longer ones are no addresses that anybody redirects to.
const LONGEST_REDIRECT: usize = 2048;

/// The link; `None` for a mail that has none.
pub(super) fn of(kind: &str, data: &Value, site: &Site) -> Option<String> {
    let external = &site.external_url;
    let for_pages = data["options"]["page"] == true;
    if kind == "sign_up_attempt" {
        return Some(if for_pages { format!("{external}/auth/sign-in") } else { site.site_url.clone() });
    }
    let token = data["token"].as_str()?;
    if kind == "invitation" {
        return Some(with_query(format!("{external}/auth/accept-invitation"), &[("token", token)]));
    }
    let path = if for_pages { "/auth/confirm" } else { "/auth/v1/verify" };
    let mut query = vec![("token", token), ("type", verification_type(kind)?)];
    query.extend(redirect_to(data).map(|url| ("redirect_to", url)));
    Some(with_query(format!("{external}{path}"), &query))
}

/// What the request asked for, if anything; whether it is allowed is judged when it is requested
/// and again when the link is followed.
pub(super) fn redirect_to(data: &Value) -> Option<&str> {
    let url = data["options"]["redirect_to"].as_str()?;
    (!url.is_empty() && url.len() <= LONGEST_REDIRECT).then_some(url)
}

/// The `type` of the auth API.
fn verification_type(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "confirm_email" => "signup",
        "email_change_current" | "email_change_new" => "email_change",
        "invite" => "invite",
        "magic_link" => "magiclink",
        "recovery" => "recovery",
        _ => return None,
    })
}

fn with_query(url: String, pairs: &[(&str, &str)]) -> String {
    let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{url}?{query}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::of;
    use crate::config::Site;

    fn link(kind: &str, data: &Value) -> Option<String> {
        let site = Site {
            site_url: "https://app.example".to_owned(),
            external_url: "https://auth.example/base".to_owned(),
            redirect_urls: Vec::new(),
        };
        of(kind, data, &site)
    }

    #[test]
    fn each_kind_has_the_type_that_the_auth_api_names() {
        for (kind, name) in [
            ("confirm_email", "signup"),
            ("recovery", "recovery"),
            ("magic_link", "magiclink"),
            ("email_change_current", "email_change"),
            ("email_change_new", "email_change"),
            ("invite", "invite"),
        ] {
            let expected = format!("https://auth.example/base/auth/v1/verify?token=t-_1&type={name}");
            assert_eq!(link(kind, &json!({"token": "t-_1", "options": {}})).unwrap(), expected);
        }
    }

    #[test]
    fn a_redirect_is_what_the_request_asked_for_as_one_parameter() {
        let data = json!({"token": "t", "options": {"redirect_to": "https://app.example/a?b=c&type=x#d"}});
        assert_eq!(
            link("recovery", &data).unwrap(),
            "https://auth.example/base/auth/v1/verify?token=t&type=recovery\
             &redirect_to=https%3A%2F%2Fapp.example%2Fa%3Fb%3Dc%26type%3Dx%23d"
        );
        for other in [json!({"redirect_to": 1}), json!({"redirect_to": ""}), json!(null), json!([])] {
            let link = link("recovery", &json!({"token": "t", "options": other})).unwrap();
            assert!(link.ends_with("token=t&type=recovery"), "{link}");
        }
    }

    #[test]
    fn what_the_pages_asked_for_leads_to_a_page() {
        let data = json!({"token": "t", "options": {"page": true}});
        assert_eq!(
            link("magic_link", &data).unwrap(),
            "https://auth.example/base/auth/confirm?token=t&type=magiclink"
        );
        assert_eq!(link("sign_up_attempt", &data).unwrap(), "https://auth.example/base/auth/sign-in");
        let not = json!({"token": "t", "options": {"page": "yes"}});
        assert!(link("magic_link", &not).unwrap().contains("/auth/v1/verify?"));
    }

    #[test]
    fn an_invitation_is_accepted_on_a_page() {
        assert_eq!(
            link("invitation", &json!({"token": "t&x=1"})).unwrap(),
            "https://auth.example/base/auth/accept-invitation?token=t%26x%3D1"
        );
    }

    #[test]
    fn without_a_token_or_a_type_there_is_no_link() {
        assert_eq!(link("recovery", &json!({"options": {}})), None);
        assert_eq!(link("reauthentication", &json!({"token": "t"})), None);
        assert_eq!(link("factor_added", &json!({"friendly_name": "x"})), None);
        assert_eq!(link("sign_up_attempt", &json!({})).unwrap(), "https://app.example");
    }
}
