//! What the claims must be, once the signature is right.

use serde_json::{Value, json};

use super::{Algorithm, NOW, check, code, forge, key_set, object};
use crate::jwt::{Expectations, MAX_LEEWAY, Verified, verify};
use crate::{Error, Result};

const HS256: &[Algorithm] = &[Algorithm::Hs256];
const BASE: Expectations<'static> = Expectations::new(HS256, NOW);

fn judge_text(payload: &str, expected: &Expectations<'_>) -> Result<Verified> {
    let token = forge(Algorithm::Hs256, r#"{"alg":"HS256"}"#, payload);
    verify(&token, &key_set(Algorithm::Hs256), expected)
}

fn judge(claims: &Value, expected: &Expectations<'_>) -> &'static str {
    code(judge_text(&claims.to_string(), expected))
}

#[test]
fn a_token_ends_on_the_second_of_its_exp() {
    for (exp, expected) in [
        (json!(NOW + 1), "accepted"),
        (json!(NOW), "token_expired"),
        (json!(NOW - 1), "token_expired"),
        (json!(0), "token_expired"),
        (json!(1_700_000_000.5), "accepted"),
        (json!(1_699_999_999.5), "token_expired"),
        (json!(1.7e9), "token_expired"),
        (json!(1.8e9), "accepted"),
        (json!(9_007_199_254_740_991_u64), "accepted"),
    ] {
        assert_eq!(judge(&json!({"exp": exp}), &BASE), expected, "{exp}");
    }
}

#[test]
fn the_leeway_moves_every_date_by_exactly_as_much() {
    let lenient = Expectations { leeway: 60, ..BASE };
    for (claims, expected) in [
        (json!({"exp": NOW - 59}), "accepted"),
        (json!({"exp": NOW - 60}), "token_expired"),
        (json!({"exp": NOW + 900, "nbf": NOW + 60}), "accepted"),
        (json!({"exp": NOW + 900, "nbf": NOW + 61}), "token_not_yet_valid"),
        (json!({"exp": NOW + 900, "iat": NOW + 60}), "accepted"),
        (json!({"exp": NOW + 900, "iat": 1_700_000_060.5}), "token_not_yet_valid"),
    ] {
        assert_eq!(judge(&claims, &lenient), expected, "{claims}");
    }
}

#[test]
fn a_leeway_out_of_range_is_the_callers_mistake() {
    for leeway in [-1, MAX_LEEWAY + 1, i64::MIN, i64::MAX] {
        let token = super::token(Algorithm::Hs256);
        let outcome = verify(&token, &key_set(Algorithm::Hs256), &Expectations { leeway, ..BASE });
        assert_eq!(code(outcome), "leeway_out_of_range");
    }
    assert_eq!(
        judge(&json!({"exp": NOW - MAX_LEEWAY + 1}), &Expectations { leeway: MAX_LEEWAY, ..BASE }),
        "accepted"
    );
}

#[test]
fn no_clock_however_wrong_overflows() {
    for (now, expected) in [
        (i64::MIN, "token_not_yet_valid"),
        (i64::MIN + 1, "token_not_yet_valid"),
        (-1_000, "token_not_yet_valid"),
        (i64::MAX - 1, "token_expired"),
        (i64::MAX, "token_expired"),
    ] {
        for leeway in [0, MAX_LEEWAY] {
            let claims = json!({"exp": NOW, "nbf": 1, "iat": 1});
            assert_eq!(judge(&claims, &Expectations { now, leeway, ..BASE }), expected, "{now}");
        }
    }
}

#[test]
fn a_token_is_not_valid_before_nbf_or_iat() {
    for name in ["nbf", "iat"] {
        for (date, expected) in [
            (json!(NOW), "accepted"),
            (json!(NOW + 1), "token_not_yet_valid"),
            (json!(1_700_000_000.25), "token_not_yet_valid"),
        ] {
            let claims = json!({"exp": NOW + 900, name: date});
            assert_eq!(judge(&claims, &BASE), expected, "{claims}");
        }
    }
}

#[test]
fn dates_are_finite_numbers_from_0_below_2_to_the_53() {
    for name in ["exp", "nbf", "iat"] {
        for date in [
            "\"1700000900\"",
            "\"never\"",
            "null",
            "true",
            "[]",
            "{}",
            "-1",
            "-0.5",
            "-1e400",
            "1e400",
            "1e308",
            "9007199254740992",
            "18446744073709551615",
            "99999999999999999999999999",
        ] {
            let payload = match name {
                "exp" => format!("{{\"exp\":{date}}}"),
                _ => format!("{{\"exp\":1700000900,\"{name}\":{date}}}"),
            };
            let expected = Error::TokenClaimInvalid { claim: name.into() };
            assert_eq!(judge_text(&payload, &BASE).err(), Some(expected), "{payload}");
        }
    }
}

#[test]
fn a_token_that_begins_after_its_end_is_invalid_at_any_time() {
    for now in [0, NOW, NOW + 1_000_000] {
        let expected = Expectations { now, ..BASE };
        assert_eq!(judge(&json!({"exp": NOW, "nbf": NOW + 1}), &expected), "token_claim_invalid");
    }
    assert_eq!(judge(&json!({"exp": NOW + 1, "nbf": NOW}), &BASE), "accepted");
}

#[test]
fn required_claims_must_be_there_and_not_null() {
    assert_eq!(judge_text("{}", &BASE).err(), Some(Error::TokenClaimMissing { claim: "exp".into() }));
    let strict = Expectations { required: &["exp", "sub", "tenant"], ..BASE };
    for (claims, missing) in [
        (json!({"exp": NOW + 1, "tenant": 1}), "sub"),
        (json!({"exp": NOW + 1, "sub": "a"}), "tenant"),
        (json!({"exp": NOW + 1, "sub": "a", "tenant": null}), "tenant"),
    ] {
        let expected = Error::TokenClaimMissing { claim: missing.into() };
        assert_eq!(judge_text(&claims.to_string(), &strict).err(), Some(expected));
    }
    assert_eq!(judge(&json!({"exp": NOW + 1, "sub": "", "tenant": false}), &strict), "accepted");
}

#[test]
fn without_required_exp_a_token_may_last_for_ever_but_a_given_exp_counts() {
    let lax = Expectations { required: &[], ..BASE };
    assert_eq!(judge(&json!({}), &lax), "accepted");
    assert_eq!(judge(&json!({"exp": NOW}), &lax), "token_expired");
    assert_eq!(judge(&json!({"exp": "never"}), &lax), "token_claim_invalid");
}

#[test]
fn the_audience_must_name_the_caller() {
    let expected = Expectations { audience: Some("me"), ..BASE };
    for (aud, outcome) in [
        (json!("me"), "accepted"),
        (json!(["you", "me"]), "accepted"),
        (json!("you"), "token_audience_mismatch"),
        (json!("ME"), "token_audience_mismatch"),
        (json!("me "), "token_audience_mismatch"),
        (json!(["you"]), "token_audience_mismatch"),
        (json!([]), "token_audience_mismatch"),
        (json!([["me"]]), "token_claim_invalid"),
        (json!(["me", 1]), "token_claim_invalid"),
        (json!({"me": 1}), "token_claim_invalid"),
        (json!(1), "token_claim_invalid"),
        (json!(null), "token_claim_invalid"),
    ] {
        assert_eq!(judge(&json!({"exp": NOW + 1, "aud": aud}), &expected), outcome, "{aud}");
        // Also a caller who expects nobody in particular gets well-formed claims only.
        let anybody = judge(&json!({"exp": NOW + 1, "aud": aud}), &BASE);
        assert_eq!(anybody == "accepted", outcome != "token_claim_invalid", "{aud}");
    }
    assert_eq!(judge(&json!({"exp": NOW + 1}), &expected), "token_audience_mismatch");
}

#[test]
fn the_issuer_must_be_the_expected_one() {
    let expected = Expectations { issuer: Some("https://id.example"), ..BASE };
    for (claims, outcome) in [
        (json!({"exp": NOW + 1, "iss": "https://id.example"}), "accepted"),
        (json!({"exp": NOW + 1, "iss": "https://id.example/"}), "token_issuer_mismatch"),
        (json!({"exp": NOW + 1, "iss": ""}), "token_issuer_mismatch"),
        (json!({"exp": NOW + 1}), "token_issuer_mismatch"),
        (json!({"exp": NOW + 1, "iss": ["https://id.example"]}), "token_claim_invalid"),
        (json!({"exp": NOW + 1, "iss": null}), "token_claim_invalid"),
    ] {
        assert_eq!(judge(&claims, &expected), outcome, "{claims}");
    }
    assert_eq!(judge(&json!({"exp": NOW + 1, "iss": 1}), &BASE), "token_claim_invalid");
}

#[test]
fn a_subject_is_text() {
    for subject in [json!(1), json!(null), json!(["ann"]), json!({})] {
        assert_eq!(judge(&json!({"exp": NOW + 1, "sub": subject}), &BASE), "token_claim_invalid");
    }
}

#[test]
fn claims_named_twice_are_refused_at_any_depth() {
    for payload in [
        r#"{"exp":1700000900,"sub":"ann","sub":"admin"}"#,
        r#"{"exp":1700000900,"exp":1700000900}"#,
        r#"{"exp":1700000900,"sub":"ann","\u0073ub":"admin"}"#,
        r#"{"exp":1700000900,"app":{"role":"user","role":"admin"}}"#,
    ] {
        assert_eq!(code(judge_text(payload, &BASE)), "token_duplicate_member", "{payload}");
    }
}

#[test]
fn a_payload_that_is_no_object_is_malformed() {
    for payload in
        ["null", "[]", "1", "\"ann\"", "{", "{}{}", "\u{feff}{}", r#"{"exp":1700000900,"sub":"a\u0000"}"#]
    {
        assert_eq!(code(judge_text(payload, &BASE)), "token_malformed", "{payload}");
    }
}

#[test]
fn a_number_out_of_range_in_any_claim_is_refused_without_repeating_what_the_sender_wrote() {
    let refusal = judge_text("{\"exp\":1700000900,\"forged\\nlog line\":1e400}", &BASE).unwrap_err();
    assert_eq!(refusal, Error::TokenClaimInvalid { claim: "?".into() });
}

#[test]
fn the_claims_of_an_unverified_token_are_not_judged() {
    let token = forge(Algorithm::Hs256, r#"{"alg":"HS256"}"#, "not even json");
    let (signed, _) = token.rsplit_once('.').unwrap();
    let unsigned = format!("{signed}.{}", "A".repeat(43));
    assert_eq!(code(check(&token, Algorithm::Hs256)), "token_malformed");
    assert_eq!(code(check(&unsigned, Algorithm::Hs256)), "token_signature_invalid");
}

#[test]
fn a_verified_token_gives_its_claims_as_values_and_letter_by_letter() {
    let payload = r#"{ "exp":1700000900, "big":123456789012345678901234567890, "sub":"ann" }"#;
    let verified = judge_text(payload, &BASE).unwrap();
    assert_eq!(verified.claims_json(), payload);
    assert_eq!(verified.claims()["sub"], "ann");
    assert_eq!(verified.header(), &object(json!({"alg": "HS256"})));
    assert_eq!(verified.into_claims().len(), 3);
}
