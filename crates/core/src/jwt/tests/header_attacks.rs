//! Attacks on the shape of a token and on its header. Every token here has a good signature where
//! it can have one: the refusal is never by luck.

use super::{
    Algorithm, NOW, SECRET, base64url, check, claims, code, forge, key_set, object, sign, signing_key, token,
};
use crate::jwt::{
    Expectations, MAX_KID_BYTES, MAX_TOKEN_BYTES, SigningKey, Unverified, decode_unverified, verify,
};
use serde_json::{Map, json};

const HS256: Algorithm = Algorithm::Hs256;

fn payload() -> String {
    serde_json::to_string(&claims()).unwrap()
}

/// The refusal of a well-signed token with this header.
fn with_header(header: &str) -> &'static str {
    code(check(&forge(HS256, header, &payload()), HS256))
}

#[test]
fn a_forged_token_without_fault_is_accepted() {
    assert_eq!(with_header(r#"{"alg":"HS256"}"#), "accepted");
}

#[test]
fn none_is_refused_in_any_case_with_and_without_signature() {
    for name in ["none", "None", "NONE", "nOnE", "", " none", "HS256 ", "hs256", "Hs256", "HS1", "RSA1_5"] {
        let header = json!({"alg": name}).to_string();
        assert_eq!(with_header(&header), "token_algorithm_unknown", "{name}");
        let unsigned =
            format!("{}.{}.", base64url::encode(header.as_bytes()), base64url::encode(payload().as_bytes()));
        assert_eq!(code(check(&unsigned, HS256)), "token_algorithm_unknown", "{name}");
    }
}

#[test]
fn a_header_without_algorithm_or_with_one_that_is_no_text_is_refused() {
    assert_eq!(with_header("{}"), "token_algorithm_unknown");
    assert_eq!(with_header(r#"{"ALG":"HS256"}"#), "token_algorithm_unknown");
    for alg in ["null", "1", "[\"HS256\"]", "{}", "true"] {
        assert_eq!(with_header(&format!("{{\"alg\":{alg}}}")), "token_malformed", "{alg}");
    }
}

#[test]
fn crit_is_refused_whatever_it_names() {
    for crit in [r#"["zzz"]"#, r#"["exp"]"#, r#"["b64"]"#, r#"["alg"]"#, "[]", "null", "\"exp\""] {
        let header = format!(r#"{{"alg":"HS256","crit":{crit},"zzz":true,"b64":true}}"#);
        assert_eq!(with_header(&header), "token_critical_header", "{crit}");
    }
}

#[test]
fn a_key_in_the_header_is_refused_and_never_used() {
    let attacker = SigningKey::generate(Algorithm::Es256).unwrap();
    let key = SigningKey::from_der(Algorithm::Es256, &attacker.private).unwrap();
    let header = json!({"alg": "ES256", "jwk": attacker.public_jwk}).to_string();
    let token = super::forge_with(&key, &header, &payload());
    assert_eq!(code(check(&token, Algorithm::Es256)), "token_embedded_key");
    for member in ["jwk", "jku", "x5u", "x5c"] {
        for value in ["null", "\"https://evil.example/jwks\"", "{}", "[]"] {
            let header = format!(r#"{{"alg":"HS256","{member}":{value}}}"#);
            assert_eq!(with_header(&header), "token_embedded_key", "{header}");
        }
    }
}

#[test]
fn an_unencoded_payload_compression_and_encryption_are_refused() {
    for member in [r#""b64":false"#, r#""b64":true"#, r#""zip":"DEF""#, r#""enc":"A256GCM""#] {
        assert_eq!(with_header(&format!(r#"{{"alg":"HS256",{member}}}"#)), "token_malformed", "{member}");
    }
}

#[test]
fn a_member_named_twice_is_refused_in_any_spelling() {
    for header in [
        r#"{"alg":"HS256","alg":"HS256"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"none"}"#,
        r#"{"alg":"HS256","x":{"a":1,"a":2}}"#,
    ] {
        assert_eq!(with_header(header), "token_duplicate_member", "{header}");
    }
}

#[test]
fn a_kid_is_short_printable_text() {
    let kid = |kid: serde_json::Value| with_header(&json!({"alg": "HS256", "kid": kid}).to_string());
    for fine in ["", "'; drop table key; --", "../../etc/passwd", "é", &"k".repeat(MAX_KID_BYTES)] {
        // The one key has no name, so the kid chooses nothing.
        assert_eq!(kid(fine.into()), "accepted", "{fine}");
    }
    let long = "k".repeat(MAX_KID_BYTES + 1);
    for bad in ["a\0b", "a\nb", "\u{7f}", "\u{85}", &long, &"k".repeat(10_000)] {
        assert_eq!(kid(bad.into()), "token_malformed", "{bad:?}");
    }
    for bad in [json!(null), json!(1), json!(["a"]), json!({})] {
        assert_eq!(kid(bad), "token_malformed");
    }
}

#[test]
fn a_header_that_is_no_object_is_malformed() {
    for header in [
        "",
        "null",
        "[]",
        "\"HS256\"",
        "not json",
        "{\"alg\":\"HS256\"} x",
        "{\"alg\":\"HS256\",\"x\":1e400}",
    ] {
        assert_eq!(with_header(header), "token_malformed", "{header}");
    }
}

#[test]
fn another_number_of_segments_is_malformed() {
    let token = token(HS256);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    for text in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        header.to_owned(),
        signed.to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{token}.{signature}.{signature}"),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
    ] {
        assert_eq!(code(check(&text, HS256)), "token_malformed", "{text}");
        assert_eq!(code(decode_unverified(&text)), "token_malformed", "{text}");
    }
}

#[test]
fn an_encrypted_token_is_malformed() {
    let header = base64url::encode(br#"{"alg":"dir","enc":"A128GCM"}"#);
    assert_eq!(code(check(&format!("{header}..aaaa.bbbb.cccc"), HS256)), "token_malformed");
}

#[test]
fn the_json_serialisation_is_malformed() {
    let token = token(HS256);
    let parts: Vec<_> = token.split('.').collect();
    for text in [
        json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string(),
        json!({"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]})
            .to_string(),
        format!(r#"{{"{}":1,"x":"{}.{}"}}"#, parts[0], parts[1], parts[2]),
    ] {
        assert_eq!(code(check(&text, HS256)), "token_malformed");
    }
}

#[test]
fn base64url_has_one_spelling() {
    let token = token(HS256);
    let standard = forge(HS256, r#"{"alg":"HS256","x":"~~~???~~~"}"#, &payload());
    assert!(standard.contains(['-', '_']));
    let segments: Vec<_> = token.split('.').collect();
    let last = token.len() - 1;
    for text in [
        format!("{token}="),
        format!("{token}=="),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{}=.{}.{}", segments[0], segments[1], segments[2]),
        format!("{}.{}=.{}", segments[0], segments[1], segments[2]),
        format!("{}.{} .{}", segments[0], segments[1], segments[2]),
        format!("{}.{}.{}AA", segments[0], segments[1], segments[2]),
        standard.replace('-', "+").replace('_', "/"),
        // 32 bytes leave 2 bits over in the last character: the next character has one of them set.
        format!("{}{}", &token[..last], char::from(token.as_bytes()[last] + 1)),
        token.replace('.', "\u{ff0e}"),
        token.replacen('e', "é", 1),
    ] {
        assert_eq!(code(check(&text, HS256)), "token_malformed", "{text}");
    }
}

#[test]
fn over_16_kib_is_too_large_before_anything_is_read() {
    assert_eq!(code(Unverified::parse(&"a".repeat(MAX_TOKEN_BYTES))), "token_malformed");
    for text in ["a".repeat(MAX_TOKEN_BYTES + 1), ".".repeat(1 << 20)] {
        assert_eq!(code(Unverified::parse(&text)), "token_too_large");
        assert_eq!(code(decode_unverified(&text)), "token_too_large");
    }
}

#[test]
fn an_algorithm_that_the_caller_did_not_name_is_refused_though_the_key_fits() {
    for (given, allowed) in [
        (Algorithm::Hs512, &[Algorithm::Hs256][..]),
        (Algorithm::Rs256, &[Algorithm::Ps256, Algorithm::Rs512]),
        (Algorithm::EdDsa, &[Algorithm::Es256]),
        (Algorithm::Es384, &[]),
    ] {
        let outcome = verify(&token(given), &key_set(given), &Expectations::new(allowed, NOW));
        assert_eq!(code(outcome), "token_algorithm_not_allowed");
    }
}

#[test]
fn only_the_expected_types_are_taken() {
    let typed = |typ: Option<&str>, types: &[&str]| {
        let header = typ.map(|typ| ("typ".to_owned(), typ.into()));
        let key = signing_key(HS256);
        let token = match typ {
            Some(_) => sign(&claims(), &key, HS256, &Map::from_iter(header)).unwrap(),
            None => forge(HS256, r#"{"alg":"HS256"}"#, &payload()),
        };
        code(verify(&token, &key_set(HS256), &Expectations { types, ..Expectations::new(&[HS256], NOW) }))
    };
    for (typ, types) in [
        (Some("at+jwt"), &["at+jwt"][..]),
        (Some("AT+JWT"), &["at+jwt"]),
        (Some("application/at+jwt"), &["at+jwt"]),
        (Some("at+jwt"), &["Application/at+jwt"]),
        (Some("JWT"), &["at+jwt", "jwt"]),
        (Some("anything"), &[]),
        (None, &[]),
    ] {
        assert_eq!(typed(typ, types), "accepted", "{typ:?} {types:?}");
    }
    for typ in [Some("refresh+jwt"), Some("recovery+jwt"), Some("JWT"), Some(""), Some("application/"), None]
    {
        assert_eq!(typed(typ, &["at+jwt"]), "token_type_mismatch", "{typ:?}");
    }
    assert_eq!(typed(Some("application/x/at+jwt"), &["x/at+jwt"]), "token_type_mismatch");
    assert_eq!(with_header(r#"{"alg":"HS256","typ":1}"#), "token_malformed");
}

#[test]
fn decoding_without_verification_is_lenient_about_rules_and_strict_about_shape() {
    let header = r#"{"alg":"none","crit":["x"],"jwk":{},"kid":7}"#;
    let token = forge(HS256, header, r#"{"exp":"never"}"#);
    let (header, claims) = decode_unverified(&token).unwrap();
    assert_eq!((&header["alg"], &header["kid"]), (&json!("none"), &json!(7)));
    assert_eq!(claims, object(json!({"exp": "never"})));
    for (header, payload, expected) in [
        (r#"{"alg":1,"alg":2}"#, "{}", "token_duplicate_member"),
        ("{}", r#"{"a":1,"a":2}"#, "token_duplicate_member"),
        ("[]", "{}", "token_malformed"),
        ("{}", "1", "token_malformed"),
        ("{}", r#"{"exp":1e400}"#, "token_claim_invalid"),
    ] {
        assert_eq!(code(decode_unverified(&forge(HS256, header, payload))), expected, "{header} {payload}");
    }
    assert_eq!(code(decode_unverified(&format!("{token}="))), "token_malformed");
}

#[test]
fn neither_tokens_nor_keys_print_what_they_hold() {
    let token = token(HS256);
    let unverified = Unverified::parse(&token).unwrap();
    let (_, payload_and_signature) = token.split_once('.').unwrap();
    let printed = format!(
        "{unverified:?} {:?} {:?} {:?}",
        check(&token, HS256).unwrap(),
        key_set(HS256),
        signing_key(HS256)
    );
    assert!(
        !printed.contains("ann") && !printed.contains(SECRET) && !printed.contains(payload_and_signature)
    );
}
