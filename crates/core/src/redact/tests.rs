use proptest::prelude::*;

use super::{Entry, Redacted, is_clean, redact};

const CANARY: &str = "canary-81723";

/// Everything that would be written.
fn written(entry: &Entry) -> String {
    let Redacted { message, detail, hint, context, internal_query, statement } = redact(entry);
    let pairs = [
        (message, entry.message),
        (detail, entry.detail),
        (hint, entry.hint),
        (context, entry.context),
        (internal_query, entry.internal_query),
        (statement, entry.statement),
    ];
    pairs.into_iter().filter_map(|(new, old)| new.or(old.map(str::to_owned))).collect::<Vec<_>>().join("\n")
}

fn log(message: &str) -> Entry<'_> {
    Entry { message: Some(message), is_log: true, ..Entry::default() }
}

#[test]
fn literals_of_every_form_go() {
    for literal in [
        "'canary-81723'",
        "'it''s canary-81723'",
        "E'\\'canary-81723'",
        "e'a\\\\' || 'canary-81723'",
        "'back\\' || ' canary-81723'",
        "$$canary-81723$$",
        "$a$ $$ ' canary-81723 $a$",
        "U&'canary-81723'",
        "B'canary-81723'",
        "N'canary-81723'",
        "'unterminated canary-81723",
        "$$unterminated canary-81723",
        "\"canary-81723\"",
        "/* canary-81723 */ null",
        "/* /* */ canary-81723",
        "'a'\n'canary-81723'",
        "'--' || 'canary-81723'",
        "'/*' || 'canary-81723'",
        "81723",
    ] {
        for call in [
            "auth.sign_in('a', {})",
            "sign_in('a', {})",
            "\"auth\" . \"sign_in\"('a', {})",
            "AUTH/**/.Sign_In('a', {})",
        ] {
            let statement = format!("statement: select {}", call.replace("{}", literal));
            let clean = written(&log(&statement));
            assert!(!clean.contains("81723"), "{statement}\n{clean}");
            assert!(clean.starts_with("statement: select "), "{clean}");
            assert!(!is_clean(&statement), "{statement}");
        }
    }
}

#[test]
fn parameters_go_when_the_statement_speaks_of_secrets() {
    let entry = Entry {
        detail: Some("parameters: $1 = 'a@b', $2 = 'canary-81723', $3 = 'it''s', $4 = NULL"),
        ..log("execute <unnamed>: select * from auth.sign_in($1, $2)")
    };
    let clean = written(&entry);
    assert!(!clean.contains(CANARY) && !clean.contains("it''s"), "{clean}");
    assert!(clean.contains("$2 = '[redacted]'") && clean.contains("auth.sign_in($1, $2)"), "{clean}");
}

#[test]
fn a_prepared_statements_arguments_go_whatever_it_is() {
    assert!(!written(&log("statement: execute s('canary-81723')")).contains(CANARY));
    let error = Entry {
        message: Some("division by zero"),
        statement: Some("execute s(1, 'canary-81723')"),
        ..Entry::default()
    };
    assert!(!written(&error).contains(CANARY));
}

#[test]
fn settings_that_hold_secrets_go_in_every_spelling() {
    for statement in [
        "set pg_gatehouse.token = 'canary-81723'",
        "set local \"pg_gatehouse\".\"token\" to canary_81723",
        "SET PG_GATEHOUSE.TOKEN TO canary_81723, canary_81723",
        "select set_config('pg_gatehouse.token', 'canary-81723', true)",
        "select set_config('request.headers', '{\"apikey\": \"canary-81723\"}', true)",
        "alter role x set pg_gatehouse.token = canary_81723",
        "alter role x password 'canary-81723'",
    ] {
        let clean = written(&log(&format!("statement: {statement}")));
        assert!(!clean.contains("81723"), "{clean}");
    }
}

#[test]
fn what_an_error_quotes_of_the_statement_goes() {
    let statement = Some("do $$ begin raise 'no % here', auth.sign_in('a', 'canary-81723'); end $$");
    for (message, detail, context) in [
        ("no canary-81723 here", None, None),
        (
            "invalid input syntax for type json",
            Some("Token \"canary\" is invalid."),
            Some("JSON data, line 1: canary..."),
        ),
        (
            "invalid input syntax for type uuid: \"canary-81723\"",
            None,
            Some("unnamed portal parameter $2 = 'canary-81723'"),
        ),
        ("new row violates", Some("Failing row contains (1, canary-81723, it's)."), None),
        ("duplicate key", Some("Key (token)=(canary-81723) already exists."), None),
        (
            "x",
            None,
            Some(
                "SQL statement \"select f(\"a\", 'b\"canary-81723')\"\nPL/pgSQL function f(text) line 3 at RAISE",
            ),
        ),
        ("x", None, Some("COPY user, line 1: \"canary-81723\"")),
    ] {
        let clean =
            written(&Entry { message: Some(message), detail, context, statement, ..Entry::default() });
        assert!(!clean.contains("canary"), "{clean}");
    }
}

#[test]
fn a_context_keeps_the_functions_it_names() {
    let entry = Entry {
        message: Some("x"),
        context: Some(
            "SQL statement \"select auth.sign_in('a')\"\nPL/pgSQL function public.f(text,uuid[]) line 3 at RAISE",
        ),
        ..Entry::default()
    };
    assert!(written(&entry).contains("PL/pgSQL function public.f(text,uuid[]) line 3 at RAISE\n[redacted]"));
}

#[test]
fn plans_keep_their_costs_and_lose_their_constants() {
    let text = "duration: 1234.567 ms  plan:\nQuery Text: select auth.sign_in('a', 'canary-81723')\nQuery Parameters: $1 = 'canary-81723'\nResult  (cost=0.00..0.26 rows=1000 width=32)\n  Output: auth.sign_in('canary-81723'::text)";
    let clean = written(&log(text));
    assert!(
        !clean.contains(CANARY) && clean.contains("rows=1000 width=32") && clean.contains("1234.567 ms"),
        "{clean}"
    );
    for other in [
        "{\n  \"Query Text\": \"select auth.sign_in(\\\"a\\\", 'a\\\"canary-81723')\"",
        "Query Text: \"select auth.sign_in('canary-81723')\"",
        "<explain><Query-Text>auth.sign_in('canary-81723')",
    ] {
        assert!(!written(&log(&format!("duration: 1 ms  plan:\n{other}"))).contains(CANARY));
    }
}

#[test]
fn what_has_no_secret_stays_as_it_is() {
    for message in [
        "statement: select title from note where tenant_id = auth.tenant_id() and title = 'tea'",
        "statement: select 'sign in' from visit where sign_in > '2026-01-01'",
        "connection authorized: user=alice database=app",
    ] {
        assert_eq!(redact(&log(message)), Redacted::default(), "{message}");
        assert!(is_clean(message));
    }
    let fatal =
        Entry { message: Some("password authentication failed for user \"bob\""), ..Entry::default() };
    assert_eq!(redact(&fatal), Redacted::default());
}

#[test]
fn a_statement_with_parameters_alone_is_clean() {
    assert!(is_clean("select * from auth.sign_in($1, $2)"));
    assert!(is_clean("with pre as (select auth.authenticate($6)) select 1"));
    assert!(!is_clean("prepare s as select auth.sign_in('a', $1)"));
}

#[test]
fn tokens_keys_and_hashes_go_wherever_they_stand() {
    for secret in [
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "$2b$12$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\\nMIGHAgEAMBMGByqGSM49",
        "Bearer abcdefgh12345678",
    ] {
        for text in [
            format!("x = '{secret}'"),
            secret.to_owned(),
            format!("a {secret} b"),
            format!("{secret} {secret}"),
        ] {
            let clean = written(&log(&text));
            for part in ["eyJzdWIi", "ABCDEFGHI", "aGFzaGhhc2", "MIGHAgE", "abcdefgh1234"] {
                assert!(!clean.contains(part), "{text}\n{clean}");
            }
        }
    }
    let jwk = log("insert into k values ('{\"kty\": \"EC\", \"x\": \"public-x\", \"d\": \"private-d\"}')");
    let clean = written(&jwk);
    assert!(clean.contains("public-x") && !clean.contains("private-d"), "{clean}");
    let certificate = "-----BEGIN CERTIFICATE-----\nMIGH\n-----END CERTIFICATE-----";
    assert_eq!(redact(&log(certificate)), Redacted::default());
}

fn any_literal() -> impl Strategy<Value = (String, bool)> {
    let noise = "[ a-z'\"$\\\\/*;.\\-\u{e4}]{0,12}";
    (noise, noise, 0..5u8).prop_map(|(before, after, form)| {
        let body = format!("{before}{CANARY}{after}");
        match form {
            0 => (format!("'{}'", body.replace('\'', "''")), true),
            1 => (format!("E'{}'", body.replace('\\', "\\\\").replace('\'', "\\'")), true),
            2 => (format!("$q1_$ {body} $q1_$"), true),
            3 => (format!("U&'{}'", body.replace('\'', "''")), true),
            _ => (format!("\"{}\"", body.replace('"', "\"\"")), true),
        }
    })
}

proptest! {
    /// Whatever surrounds it and however it is quoted.
    #[test]
    fn a_quoted_secret_is_never_written((first, _) in any_literal(), (second, _) in any_literal()) {
        let statement = format!("select auth.sign_in({first}, {second})");
        let message = format!("statement: {statement}");
        prop_assert!(!written(&log(&message)).contains(CANARY), "{}", written(&log(&message)));
        let error = Entry { message: Some("no"), statement: Some(&statement), ..Entry::default() };
        prop_assert!(!written(&error).contains(CANARY));
        prop_assert!(!is_clean(&statement));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}", sql in "[auth.signi_'\"$eE\\\\/*\\-;=(){}0-9\\n ]{0,60}") {
        let _ = redact(&log(&format!("{text} auth.x {sql}")));
        let _ = redact(&Entry { message: Some(&sql), context: Some(&text), detail: Some(&sql), is_ours: true, ..Entry::default() });
        let _ = is_clean(&sql);
    }
}
