use axum::http::{HeaderMap, StatusCode, header};
use minijinja::{Value, context};

use super::{TEMPLATES, harden, page};
use crate::config::{Config, Sources};

fn config() -> Config {
    let pairs = [
        ("USER", "me"),
        ("GATEHOUSE_BRAND_NAME", "<b>Acme</b> & \"Sons\""),
        ("GATEHOUSE_BRAND_LOGO", "https://cdn.example/logo.svg"),
    ];
    Config::read(&Sources::of(&pairs)).unwrap()
}

fn html(name: &str, values: Value) -> String {
    let shared =
        context! { brand => context! { name => "Acme", letter => "A" }, base => "", style => "/s.css" };
    TEMPLATES.get_template(name).unwrap().render(context! { ..values, ..shared }).unwrap()
}

#[test]
fn what_people_write_of_themselves_is_never_markup() {
    let nasty = "\"><script>alert(1)</script>' {{ 7*7 }}";
    for (name, values) in [
        (
            "account",
            context! { name => nasty, email => nasty, new_email => nasty, tenant => nasty, section => "account" },
        ),
        ("sign_in", context! { email => nasty, redirect_to => nasty, tenant => nasty, sign_up => true }),
        ("check_mail", context! { email => nasty, kind => "signup", notice => nasty }),
        (
            "choose_tenant",
            context! { tenants => [context! { id => nasty, name => nasty, slug => nasty, roles => [nasty] }] },
        ),
        (
            "sessions",
            context! { sessions => [context! { id => nasty, device => nasty, ip => nasty, used_at => nasty, begun_at => nasty, used => nasty, begun => nasty }] },
        ),
        ("message", context! { title => nasty, text => nasty }),
        ("scan", context! { secret => nasty, uri => nasty, factor => nasty, again => nasty }),
        ("confirm", context! { kind => "signup", token => nasty }),
        ("continue", context! { onward => nasty }),
        ("second_factor", context! { factors => [context! { id => nasty, friendly_name => nasty }] }),
    ] {
        let html = html(name, values);
        assert!(!html.contains("<script"), "{name}");
        assert!(html.contains("&quot;&gt;&lt;script"), "{name}: {html}");
    }
}

#[test]
fn a_brand_is_text_as_well() {
    let response = page(&config(), StatusCode::OK, "message", context! { title => "T", text => "x" });
    let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.contains("img-src 'self' data: https://cdn.example;"), "{policy}");
    assert_eq!(response.status(), StatusCode::OK);
}

#[test]
fn a_page_runs_nothing_and_is_kept_and_framed_by_nobody() {
    let mut headers = HeaderMap::new();
    harden(&mut headers, None);
    assert_eq!(
        headers[header::CONTENT_SECURITY_POLICY],
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; \
         base-uri 'none'"
    );
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY");
}

#[test]
fn no_template_has_a_style_or_a_script_of_its_own() {
    for name in super::NAMES {
        let text = super::source(name).unwrap();
        for part in ["<script", "<style", " style=", "javascript:", " onclick", "| safe", "autoescape"] {
            assert!(!text.contains(part), "{name}: {part}");
        }
        assert!(TEMPLATES.get_template(name).is_ok(), "{name}: {:?}", TEMPLATES.get_template(name).err());
    }
}
