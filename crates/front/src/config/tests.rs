use std::path::Path;
use std::time::Duration;

use super::{BindHost, Config, DatabaseUri, Endpoint, Family, Listen, LogLevel, SessionKind, Sources};

fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
    let mut all = vec![("USER", "me")];
    all.extend_from_slice(pairs);
    Config::read(&Sources::of(&all)).map_err(|error| error.to_string())
}

fn uri(text: &str) -> Result<DatabaseUri, String> {
    DatabaseUri::parse(text, &|key| (key == "USER").then(|| "me".to_owned()))
}

#[test]
fn without_any_variable_the_defaults_are_those_of_postgrest() {
    let config = read(&[]).unwrap();
    assert_eq!(config.listen, Listen::Tcp { host: BindHost::Any(Family::V4), port: 3000, shared: false });
    assert_eq!(config.schemas, ["public"]);
    assert_eq!(config.extra_search_path, ["public"]);
    assert_eq!(config.anon_role, None);
    assert_eq!(config.pool.size, 10);
    assert_eq!(config.pool.acquisition_timeout, Duration::from_secs(10));
    assert_eq!(config.log_level, LogLevel::Error);
    assert!(config.admin.is_none());
}

#[test]
fn lists_are_split_at_commas_and_an_empty_search_path_is_empty() {
    let config = read(&[("PGRST_DB_SCHEMAS", "api, other"), ("PGRST_DB_EXTRA_SEARCH_PATH", "")]).unwrap();
    assert_eq!(config.schemas, ["api", "other"]);
    assert!(config.extra_search_path.is_empty());
}

#[test]
fn a_wrong_value_names_key_value_and_what_is_allowed() {
    let error = read(&[("PGRST_SERVER_PORT", "http")]).unwrap_err();
    assert_eq!(error, r#"PGRST_SERVER_PORT: "http" is not allowed; allowed: a whole number from 0 to 65535"#);
    let error = read(&[("PGRST_DB_POOL", "0")]).unwrap_err();
    assert!(error.starts_with(r#"PGRST_DB_POOL: "0""#), "{error}");
    let error = read(&[("PGRST_LOG_LEVEL", "loud")]).unwrap_err();
    assert!(error.ends_with("allowed: crit, error, warn, info, debug"), "{error}");
}

#[test]
fn system_schemas_are_never_exposed() {
    assert!(read(&[("PGRST_DB_SCHEMAS", "api,pg_catalog")]).is_err());
}

#[test]
fn the_admin_port_is_not_the_main_port() {
    assert!(read(&[("PGRST_ADMIN_SERVER_PORT", "3000")]).is_err());
    let config = read(&[("PGRST_ADMIN_SERVER_PORT", "3001"), ("PGRST_SERVER_HOST", "::1")]).unwrap();
    let host = BindHost::Named("::1".to_owned());
    assert_eq!(config.admin.unwrap(), Listen::Tcp { host, port: 3001, shared: false });
}

#[test]
fn a_secret_must_be_a_key_and_is_never_shown() {
    let error = read(&[("PGRST_JWT_SECRET", "hunter2hunter2")]).unwrap_err();
    assert!(error.starts_with("PGRST_JWT_SECRET:") && !error.contains("hunter2"), "{error}");
    let secret = "a secret of at least thirty-two bytes";
    let config = read(&[("PGRST_JWT_SECRET", secret)]).unwrap();
    assert!(!format!("{config:?}").contains("thirty-two"));
    let encoded = [
        ("PGRST_JWT_SECRET", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh_-"),
        ("PGRST_JWT_SECRET_IS_BASE64", "true"),
    ];
    assert!(read(&encoded).unwrap().tokens.unwrap().keys.expose().contains("\"oct\""));
}

#[test]
fn a_unix_socket_takes_the_place_of_the_port() {
    let config =
        read(&[("PGRST_SERVER_UNIX_SOCKET", "/tmp/x.sock"), ("PGRST_SERVER_UNIX_SOCKET_MODE", "777")]);
    assert_eq!(config.unwrap().listen, Listen::Unix { path: "/tmp/x.sock".into(), mode: 0o777 });
    assert!(read(&[("PGRST_SERVER_UNIX_SOCKET_MODE", "177")]).is_err());
}

#[test]
fn no_password_is_printed_by_errors_or_by_debug() {
    let error = read(&[("PGRST_DB_URI", "postgres://u:hunter2@h:port/db")]).unwrap_err();
    assert!(error.starts_with("PGRST_DB_URI:") && !error.contains("hunter2"), "{error}");
    let config = read(&[("PGRST_DB_URI", "postgres://u:hunter2@h/db")]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_uri_gives_every_part() {
    let parsed =
        uri("postgresql://us%40er:p%3Aw@db.example:6000/my%20db?connect_timeout=3&application_name=x")
            .unwrap();
    assert_eq!(
        parsed.endpoints,
        [Endpoint::Tcp { host: "db.example".to_owned(), address: None, port: 6000 }]
    );
    assert_eq!((parsed.user.as_str(), parsed.database.as_str()), ("us@er", "my db"));
    assert_eq!(parsed.password.unwrap().expose(), "p:w");
    assert_eq!(parsed.connect_timeout, Duration::from_secs(3));
    assert_eq!(parsed.application_name, "x");
}

#[test]
fn a_silent_server_is_found_out_in_a_minute_and_a_half_or_as_the_uri_says() {
    let of = |options: &str| uri(&format!("postgres://u@h/db?{options}")).map(|uri| uri.keepalive);
    let usual = of("").unwrap();
    let seconds = Duration::from_secs;
    assert_eq!((usual.idle, usual.interval, usual.count), (Some(seconds(60)), seconds(10), 3));
    assert_eq!((of("keepalives=0").unwrap().idle, of("keepalives_idle=0").unwrap()), (None, usual));
    let own = of("keepalives_idle=5&keepalives_interval=2&keepalives_count=9&tcp_user_timeout=1500").unwrap();
    assert_eq!((own.idle, own.interval, own.count), (Some(seconds(5)), seconds(2), 9));
    assert_eq!(own.user_timeout, Some(Duration::from_millis(1500)));
    for wrong in ["keepalives=yes", "keepalives_count=128", "keepalives_idle=-1", "tcp_user_timeout=1s"] {
        assert!(of(wrong).unwrap_err().starts_with(wrong.split_once('=').unwrap().0), "{wrong}");
    }
}

#[test]
fn sockets_are_given_by_an_encoded_host_or_by_the_host_option() {
    let expected = [Endpoint::Unix(Path::new("/tmp/s/.s.PGSQL.6000").to_owned())];
    assert_eq!(uri("postgres://u@%2Ftmp%2Fs:6000/db").unwrap().endpoints, expected);
    assert_eq!(uri("postgres://u@/db?host=/tmp/s&port=6000").unwrap().endpoints, expected);
    assert_eq!(uri("host=/tmp/s port=6000 user=u").unwrap().endpoints, expected);
    let default = [Endpoint::Unix(Path::new("/var/run/postgresql/.s.PGSQL.5432").to_owned())];
    assert_eq!(uri("postgresql://").unwrap().endpoints, default);
}

#[test]
fn pairs_may_be_quoted_and_later_ones_win() {
    let parsed = uri(r"user=a user = 'o\'brien' password='two words' dbname=d host=h").unwrap();
    assert_eq!((parsed.user.as_str(), parsed.database.as_str()), ("o'brien", "d"));
    assert_eq!(parsed.password.unwrap().expose(), "two words");
}

#[test]
fn several_hosts_are_tried_in_order() {
    let tcp = |host: &str, port| Endpoint::Tcp { host: host.to_owned(), address: None, port };
    assert_eq!(uri("postgres://u@a:1,b:2/d").unwrap().endpoints, [tcp("a", 1), tcp("b", 2)]);
    assert_eq!(uri("postgres://u@a,b/d").unwrap().endpoints, [tcp("a", 5432), tcp("b", 5432)]);
    assert_eq!(uri("postgres://u@[::1]:7/d").unwrap().endpoints, [tcp("::1", 7)]);
    assert!(uri("host=a,b,c port=1,2 user=u").is_err());
}

#[test]
fn an_address_says_where_and_a_host_whom_to_expect_there() {
    let tcp = |host: &str, address: Option<&str>| Endpoint::Tcp {
        host: host.to_owned(),
        address: address.map(str::to_owned),
        port: 5432,
    };
    let endpoints = |text| uri(text).map(|parsed| parsed.endpoints);
    assert_eq!(endpoints("host=a hostaddr=10.0.0.1").unwrap(), [tcp("a", Some("10.0.0.1"))]);
    assert_eq!(endpoints("hostaddr=10.0.0.1").unwrap(), [tcp("10.0.0.1", None)]);
    assert_eq!(
        endpoints("host=a,b hostaddr=10.0.0.1,").unwrap(),
        [tcp("a", Some("10.0.0.1")), tcp("b", None)]
    );
    assert!(endpoints("host=a,b hostaddr=10.0.0.1").is_err());
}

#[test]
fn what_would_be_unsafe_to_ignore_in_a_connection_string_is_refused() {
    assert!(uri("postgres://u@h/d?target_session_attrs=some").is_err());
    let standby = uri("postgres://u@h/d?target_session_attrs=prefer-standby").unwrap();
    assert_eq!(standby.session, SessionKind::PreferStandby);
    assert!(uri("postgres://u@h/d?unknown=1").is_err());
    assert!(uri("user=u password='open").is_err());
}
