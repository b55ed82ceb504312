use serde_json::{Value, json};

use super::{Followed, Outcome, Secret, SignedUp, Verified};

fn outcome(status: &str, access_token: Option<&str>) -> Outcome {
    Outcome {
        status: status.to_owned(),
        message: Some("a sentence".to_owned()),
        access_token: access_token.map(|token| Secret::new(token.to_owned())),
        refresh_token: None,
        expires_in: Some(900),
        expires_at: Some(2_000_000_000),
        user: Some(r#"{"id": "u"}"#.into()),
        auth_code: None,
    }
}

#[test]
fn a_session_has_the_members_that_clients_read() {
    let session = outcome("ok", Some("t")).session().unwrap();
    let json: Value = serde_json::from_slice(&session.to_json().unwrap()).unwrap();
    assert_eq!(
        json,
        json!({
            "access_token": "t", "token_type": "bearer", "expires_in": 900, "expires_at": 2_000_000_000,
            "refresh_token": null, "user": {"id": "u"}
        })
    );
    assert_eq!(session.second_factor_due, None);
}

#[test]
fn a_session_that_awaits_its_second_factor_is_one() {
    let session = outcome("mfa_required", Some("t")).session().unwrap();
    assert_eq!(session.second_factor_due.as_deref(), Some("a sentence"));
}

#[test]
fn without_a_session_the_user_stands_alone() {
    let signed_up = outcome("confirmation_required", None).signed_up().unwrap();
    assert!(matches!(signed_up, SignedUp::User(user) if user.0 == r#"{"id": "u"}"#));
    assert!(outcome("ok", None).session().is_err());
}

#[test]
fn one_of_two_addresses_is_half_a_confirmation() {
    let verified = outcome("ok", None).verified().unwrap();
    assert!(matches!(verified, Verified::Half(message) if message == "a sentence"));
}

#[test]
fn a_link_asked_for_with_a_challenge_gives_a_code_and_no_session() {
    let mut row = outcome("ok", None);
    row.auth_code = Some(Secret::new("c".to_owned()));
    assert!(matches!(row.followed().unwrap(), Followed::Code(code) if code.expose() == "c"));
    assert!(matches!(outcome("ok", Some("t")).followed().unwrap(), Followed::Session(_)));
}
