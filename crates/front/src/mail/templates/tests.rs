use std::path::PathBuf;

use serde_json::json;

use super::{KINDS, Templates, sample};

/// A folder of its own for a test, gone after it.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("gatehouse-templates-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        for (name, source) in files {
            std::fs::write(path.join(name), source).unwrap();
        }
        Self(path)
    }

    fn load(&self) -> Result<Templates, String> {
        Templates::load(Some(&self.0))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_kind_says_in_text_and_html_what_its_reader_needs() {
    let templates = Templates::load(None).unwrap();
    for kind in KINDS {
        let variables = sample::variables(kind);
        let mail = templates.render(kind, &variables).unwrap();
        let html = mail.html.unwrap();
        assert!(!mail.subject.is_empty() && !mail.subject.contains("{{"), "{kind}");
        assert!(mail.text.contains("Acme") && html.contains("Acme"), "{kind}");
        let has_link = variables["confirmation_url"].is_string();
        assert_eq!(
            mail.text.contains("https://auth.acme.example/auth/"),
            has_link && kind != "sign_up_attempt"
        );
        assert_eq!(html.contains("href="), has_link, "{kind}");
        let has_code = matches!(
            kind,
            "confirm_email"
                | "email_change_current"
                | "email_change_new"
                | "invite"
                | "magic_link"
                | "reauthentication"
                | "recovery"
        );
        assert_eq!((mail.text.contains("123456"), html.contains("123456")), (has_code, has_code), "{kind}");
        assert!(!mail.subject.contains("123456"), "{kind}: what is shown on locked screens");
    }
}

#[test]
fn html_is_escaped_and_text_is_left_alone() {
    let templates = Templates::load(None).unwrap();
    let mut variables = sample::variables("invitation");
    variables["tenant"] = json!({"name": "<b onclick=x>&\"'", "slug": "x"});
    let mail = templates.render("invitation", &variables).unwrap();
    let html = mail.html.unwrap();
    assert!(!html.contains("<b onclick") && html.contains("&lt;b onclick=x&gt;&amp;&quot;"), "{html}");
    assert!(mail.text.contains("<b onclick=x>&\"'"));
}

#[test]
fn a_subject_is_one_short_line() {
    let templates = Templates::load(None).unwrap();
    let mut variables = sample::variables("invitation");
    variables["tenant"]["name"] = json!(format!("x\r\nBcc: eve@example.com {}", "y".repeat(500)));
    let subject = templates.render("invitation", &variables).unwrap().subject;
    assert!(!subject.contains(['\r', '\n']) && subject.chars().count() == 200, "{subject}");
}

#[test]
fn a_file_takes_the_place_of_one_built_in() {
    let folder = Folder::with(
        "over",
        &[
            ("recovery.txt", "Subject: Hi {{ Data.name }}\r\n\r\nUse {{ Token }} at {{ SiteURL }}.\r\n"),
            ("_button.html", "[{{ ConfirmationURL }}]"),
            ("README.md", "{{ what is not ours }}"),
        ],
    );
    let templates = folder.load().unwrap();
    let mail = templates.render("recovery", &sample::variables("recovery")).unwrap();
    assert_eq!(mail.subject, "Hi Alice");
    assert_eq!(mail.text, "Use 123456 at https://app.acme.example.\n");
    assert!(mail.html.unwrap().contains("[https:"), "parts of HTML that was built in");
}

#[test]
fn a_kind_of_the_operators_own_may_do_without_html() {
    let folder =
        Folder::with("own", &[("welcome.txt", "Subject: Welcome\n\nHello {{ Data.nothing.deeper }}!\n")]);
    let mail = folder.load().unwrap().render("welcome", &sample::variables("welcome")).unwrap();
    assert_eq!((mail.text.as_str(), mail.html), ("Hello !\n", None));
    assert!(Templates::load(None).unwrap().render("welcome", &json!({})).is_err());
}

#[test]
fn what_is_wrong_with_a_template_is_one_line_with_file_and_place() {
    let subject = "Subject: x\n\n";
    for (name, source, expected) in [
        (
            "recovery.html",
            "one\n{{ ConfirmationUrl }}",
            "recovery.html: there is no variable ConfirmationUrl",
        ),
        ("recovery.html", "one\n{% if %}", "recovery.html:2"),
        ("recovery.txt", "Hello", "recovery.txt: its first line must be Subject:"),
        ("recovery.txt", "Subject: {{ nobody }}\n", "there is no variable nobody"),
        ("recovery.txt", &format!("{subject}{{{{ email | nosuch }}}}"), "recovery.txt:3"),
        ("recovery.html", "{% include 'nosuch.html' %}", "nosuch.html"),
        ("recover.html", "x", "recover.html: there is no recover.txt"),
    ] {
        let problem = Folder::with(name, &[(name, source)]).load().unwrap_err();
        assert!(problem.contains(expected) && !problem.contains('\n'), "{problem}");
    }
    let missing = Templates::load(Some("/nowhere/at/all".as_ref())).unwrap_err();
    assert!(missing.starts_with("it can not be read: "), "{missing}");
}
