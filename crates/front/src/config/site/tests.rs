use super::{Pattern, Site};

fn site(patterns: &[&str]) -> Site {
    Site {
        site_url: "https://app.example.com".to_owned(),
        external_url: "https://auth.example.com".to_owned(),
        redirect_urls: patterns.iter().map(|text| Pattern::parse(text).unwrap()).collect(),
    }
}

fn fits(pattern: &str, url: &str) -> bool {
    site(&[pattern]).allows(url)
}

#[test]
fn pages_of_the_application_and_of_this_front_are_allowed() {
    let site = site(&[]);
    for url in [
        "https://app.example.com",
        "https://app.example.com/",
        "https://app.example.com/welcome?next=%2Fhome#top",
        "HTTPS://APP.example.com/a",
        "https://app.example.com:443/a",
        "https://auth.example.com/auth/confirm",
    ] {
        assert!(site.allows(url), "{url}");
    }
}

#[test]
fn nothing_else_is_allowed_without_a_pattern() {
    let site = site(&[]);
    for url in [
        "",
        "/welcome",
        "//evil.example",
        "app.example.com",
        "http://app.example.com/",
        "https://app.example.com:8443/",
        "https://app.example.com.evil.example/",
        "https://evil.example/app.example.com",
        "https://sub.app.example.com/",
        "myapp://callback",
    ] {
        assert!(!site.allows(url), "{url}");
        assert_eq!(site.redirect(Some(url)), "https://app.example.com");
    }
    assert_eq!(site.redirect(None), "https://app.example.com");
}

#[test]
fn what_browsers_read_in_another_way_is_no_url() {
    let site = site(&["https://app.example.com/**", "https://**.example.com/**", "myapp://**"]);
    for url in [
        "https://app.example.com@evil.example/",
        "https://user:password@app.example.com/",
        "https://evil.example\\.app.example.com/",
        "https:\\\\app.example.com/",
        "https:/app.example.com/",
        "https:app.example.com/",
        "https:///app.example.com/",
        "https://app.example.com/\\evil.example",
        "https://app.example.com/%5c%5cevil.example",
        "https://app.example.com/a\tb",
        "https://app.example.com/a\r\nSet-Cookie: a=b",
        "https://app.example.com/%0d%0aSet-Cookie:%20a=b",
        "https://app.example.com/%",
        "https://app.example.com/%zz",
        " https://app.example.com/",
        "https://app.example.com /",
        "https://app.example%2ecom/",
        "https://app.example.com:x/",
        "https://app.example.com:99999/",
        "https://app.example.com:+443/",
        "https://\u{ff41}pp.example.com/",
        "https://app\u{3002}example.com/",
        "https://app..example.com/",
        "https://app.example.com./",
        "https://[app.example.com]/",
        "https://app.example.com/a/../b",
        "https://app.example.com/a/%2e%2E/b",
        "https://app.example.com/a%2f..%2fb",
        "javascript:alert(1)",
        "javascript://app.example.com/%0aalert(1)",
        "JaVaScRiPt://app.example.com/",
        "data:text/html,x",
        "file:///etc/passwd",
    ] {
        assert!(!site.allows(url), "{url:?}");
    }
    assert!(!site.allows(&format!("https://app.example.com/{}", "a".repeat(4000))));
}

#[test]
fn a_star_ends_at_a_separator() {
    assert!(fits("https://*.example.org/", "https://a.example.org"));
    assert!(!fits("https://*.example.org/", "https://a.b.example.org/"));
    assert!(fits("http://localhost:3000/*", "http://localhost:3000/a"));
    assert!(!fits("http://localhost:3000/*", "http://localhost:3000/a/b"));
    assert!(!fits("http://localhost:3000/*", "http://localhost:3000/a.b"));
    assert!(!fits("http://localhost:3000/*", "http://localhost:3001/a"));
}

#[test]
fn two_stars_do_not_end_at_one() {
    assert!(fits("http://localhost:3000/**", "http://localhost:3000/a/b.c?d=e"));
    assert!(fits("http://localhost:3000/**", "http://localhost:3000"));
    assert!(fits("https://**.example.org/", "https://a.b.example.org/"));
    assert!(!fits("https://**.example.org/", "https://example.org/"));
}

#[test]
fn a_question_mark_is_one_character() {
    assert!(fits("http://localhost:3000/?", "http://localhost:3000/a"));
    assert!(!fits("http://localhost:3000/?", "http://localhost:3000/ab"));
    assert!(!fits("http://localhost:3000/?", "http://localhost:3000/."));
    assert!(fits("http://localhost:300?", "http://localhost:3007/"));
}

#[test]
fn a_backslash_takes_the_meaning() {
    assert!(fits("https://example.org/a\\?b=*", "https://example.org/a?b=c"));
    assert!(!fits("https://example.org/a\\*", "https://example.org/ab"));
}

#[test]
fn what_stands_for_the_host_does_not_reach_into_the_path() {
    for url in [
        "https://evil.example/x.example.org/",
        "https://evil.example/.example.org",
        "https://evil.example?.example.org/",
        "https://evil.example#.example.org/",
    ] {
        assert!(!fits("https://**.example.org/**", url), "{url}");
        assert!(!fits("https://**.example.org", url), "{url}");
    }
}

#[test]
fn applications_have_schemes_of_their_own() {
    assert!(fits("myapp://callback", "myapp://callback"));
    assert!(fits("myapp://callback", "MyApp://callback"));
    assert!(fits("myapp://**", "myapp://a/b"));
    assert!(fits("com.example.app:/callback", "com.example.app:/callback"));
    assert!(!fits("myapp://callback", "myapp://callback2"));
    assert!(!fits("myapp://callback", "otherapp://callback"));
    assert!(!fits("myapp://**", "https://myapp/"));
}

#[test]
fn patterns_that_would_open_more_than_they_say_are_refused() {
    for text in [
        "",
        "*",
        "**",
        "http*://example.org",
        "*://example.org",
        "https:example.org",
        "https://",
        "https://user@example.org",
        "javascript://**",
        "data:**",
        "//example.org/**",
    ] {
        assert!(Pattern::parse(text).is_err(), "{text}");
    }
}

#[test]
fn matching_a_hostile_url_stays_quick() {
    let pattern = format!("https://example.org/{}", "**a".repeat(50));
    assert!(!fits(&pattern, &format!("https://example.org/{}b", "a".repeat(1900))));
}
