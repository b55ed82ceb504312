use serde_json::json;

use super::{Proxy, summary, version3};

#[test]
fn a_proxy_is_a_plain_uri() {
    let proxy = Proxy::parse("https://example.com/base").unwrap();
    assert_eq!((proxy.port, proxy.path.as_str()), (443, "/base"));
    assert_eq!(Proxy::parse("http://h:81").unwrap().port, 81);
    for text in ["", "example.com", "ftp://h", "http://", "http://h:x", "http://h?x", "http://h:0"] {
        assert!(Proxy::parse(text).is_none(), "{text}");
    }
}

#[test]
fn a_comment_is_a_title_and_the_rest() {
    assert_eq!(summary(Some("title\n\ntext\nmore")), (Some("title"), Some("text\nmore")));
    assert_eq!(summary(Some("title")), (Some("title"), None));
}

#[test]
fn the_third_version_moves_what_is_shared() {
    let document = json!({
        "host": "h:1", "basePath": "/", "schemes": ["http"],
        "definitions": {"t": {"type": "object"}},
        "parameters": {
            "body.t": {"in": "body", "required": false, "schema": {"$ref": "#/definitions/t"}},
            "limit": {"in": "query", "name": "limit", "type": "string"},
        },
        "paths": {"/t": {"post": {
            "parameters": [{"$ref": "#/parameters/body.t"}, {"$ref": "#/parameters/limit"}],
            "responses": {"201": {"description": "Created"}},
        }}},
    });
    let converted = version3::convert(&document);
    let post = &converted["paths"]["/t"]["post"];
    assert_eq!(post["requestBody"]["$ref"], "#/components/requestBodies/body.t");
    assert_eq!(post["parameters"], json!([{"$ref": "#/components/parameters/limit"}]));
    let body = &converted["components"]["requestBodies"]["body.t"];
    assert_eq!(body["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/t");
    assert_eq!(converted["components"]["parameters"]["limit"]["schema"]["type"], "string");
    assert_eq!(converted["servers"][0]["url"], "http://h:1/");
}
