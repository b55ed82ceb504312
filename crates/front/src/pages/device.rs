//! What to call the device of a session, from its `User-Agent`: good enough to be recognised by the one
//! who owns it, and nothing is decided by it.

/// What a user agent has in it, and the name for that. Earlier ones win: most browsers also claim to be
/// others.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

pub(super) fn name(user_agent: &str) -> String {
    let find = |table: &[(&str, &'static str)]| {
        table.iter().find(|(part, _)| user_agent.contains(part)).map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("An application on {system}"),
        (None, None) => other(user_agent),
    }
}

/// The name of a program, as in `python-httpx/0.28`.
fn other(user_agent: &str) -> String {
    let program = user_agent.split(['/', ' ']).next().unwrap_or_default();
    if program.is_empty() { "An unknown device".to_owned() } else { program.chars().take(40).collect() }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn browsers_are_called_what_people_call_them() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36";
        assert_eq!(name(chrome), "Chrome on Linux");
        assert_eq!(name(&format!("{chrome} Edg/126.0")), "Edge on Linux");
        let iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
        assert_eq!(name(iphone), "Safari on iPhone");
        let firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0";
        assert_eq!(name(firefox), "Firefox on Windows");
    }

    #[test]
    fn programs_have_their_name() {
        assert_eq!(name("curl/8.5.0"), "curl");
        assert_eq!(name("python-httpx/0.28.1"), "python-httpx");
        assert_eq!(name("MyApp (Android 14)"), "An application on Android");
        assert_eq!(name(""), "An unknown device");
        assert_eq!(name(&"x".repeat(500)).len(), 40);
    }
}
