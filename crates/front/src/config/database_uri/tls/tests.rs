use super::{ChannelBinding, Roots, TlsMode, TlsVersion};
use crate::config::{DatabaseTls, DatabaseUri};

fn read(text: &str) -> Result<DatabaseTls, String> {
    read_with(text, &[])
}

fn read_with(text: &str, environment: &[(&str, &str)]) -> Result<DatabaseTls, String> {
    let lookup =
        |key: &str| environment.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).into());
    DatabaseUri::parse(text, &lookup).map(|uri| (*uri.tls).clone())
}

#[test]
fn without_any_option_tls_is_preferred_and_nobody_is_verified() {
    let tls = read("postgres://u@h/d").unwrap();
    assert_eq!((tls.mode, tls.roots, tls.identity), (TlsMode::Prefer, None, None));
    assert_eq!((tls.sni, tls.versions), (true, [TlsVersion::V12, TlsVersion::V13]));
    assert_eq!(tls.channel_binding, ChannelBinding::Prefer);
}

#[test]
fn every_mode_of_libpq_is_known() {
    for (name, mode) in super::MODES {
        let text = format!("postgres://u@h/d?sslmode={name}&sslrootcert=/ca.pem");
        assert_eq!(read(&text).unwrap().mode, mode, "{name}");
    }
}

#[test]
fn the_environment_counts_where_the_string_says_nothing() {
    let environment = [
        ("PGSSLMODE", "verify-ca"),
        ("PGSSLROOTCERT", "/ca.pem"),
        ("PGSSLCERT", "/me.pem"),
        ("PGSSLKEY", "/me.key"),
        ("PGSSLSNI", "0"),
        ("PGSSLMINPROTOCOLVERSION", "TLSv1.3"),
        ("PGCHANNELBINDING", "require"),
    ];
    let tls = read_with("postgres://u@h/d", &environment).unwrap();
    assert_eq!((tls.mode, tls.roots), (TlsMode::VerifyCa, Some(Roots::File("/ca.pem".into()))));
    assert_eq!((tls.sni, tls.versions), (false, [TlsVersion::V13, TlsVersion::V13]));
    assert_eq!(tls.channel_binding, ChannelBinding::Require);
    assert_eq!(tls.identity.unwrap().key.to_str(), Some("/me.key"));
    assert_eq!(read_with("host=h user=u sslmode=disable", &environment).unwrap().mode, TlsMode::Disable);
}

#[test]
fn who_asks_for_verification_says_whom_to_trust() {
    for mode in ["verify-ca", "verify-full"] {
        let error = read(&format!("postgres://u@h/d?sslmode={mode}")).unwrap_err();
        assert!(error.contains("sslrootcert (or PGSSLROOTCERT)"), "{error}");
    }
    assert!(read("host=/run/postgresql user=u sslmode=verify-full").is_ok());
}

#[test]
fn the_roots_of_the_system_go_with_a_full_verification_only() {
    assert_eq!(read("host=h user=u sslrootcert=system").unwrap().mode, TlsMode::VerifyFull);
    let full = read("host=h user=u sslrootcert=system sslmode=verify-full").unwrap();
    assert_eq!(full.roots, Some(Roots::System));
    for (weak, _) in super::MODES.iter().filter(|(name, _)| *name != "verify-full") {
        let error = read(&format!("host=h user=u sslrootcert=system sslmode={weak}")).unwrap_err();
        assert!(error.contains("verify-full"), "{error}");
    }
}

#[test]
fn a_certificate_comes_with_its_key() {
    assert!(read("host=h user=u sslcert=/a").unwrap_err().contains("sslkey"));
    assert!(read("host=h user=u sslkey=/a").unwrap_err().contains("sslcert"));
    assert!(read("host=h user=u sslcert=/a sslkey=/b").is_ok());
}

#[test]
fn a_wrong_value_is_told_by_what_is_allowed_and_never_repeated() {
    let wrong = [
        ("sslmode", "disable, allow, prefer, require, verify-ca, verify-full"),
        ("sslsni", "0, 1"),
        ("ssl_min_protocol_version", "TLSv1.2, TLSv1.3"),
        ("ssl_max_protocol_version", "TLSv1.2, TLSv1.3"),
        ("channel_binding", "disable, prefer, require"),
        ("sslnegotiation", "postgres"),
        ("sslcertmode", "allow"),
        ("sslcrl", "no sslcrl"),
        ("sslcrldir", "no sslcrldir"),
        ("sslpassword", "no sslpassword"),
    ];
    for (option, allowed) in wrong {
        let error = read(&format!("host=h user=u {option}=hunter2")).unwrap_err();
        assert!(error.contains(option) && error.contains(allowed), "{error}");
        assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
    }
    let turned = "host=h user=u ssl_min_protocol_version=TLSv1.3 ssl_max_protocol_version=TLSv1.2";
    assert!(read(turned).is_err());
}
