"""Media types, plans, and the description of the API."""

import pytest
from data_api import bearer, make_library, prefer, serve

ONE = {"Accept": "application/vnd.pgrst.object+json"}


@pytest.fixture(scope="module")
def api():
    make_library()
    with serve(DB_PLAN_ENABLED="true") as client:
        yield client


def test_one_object_must_be_one_row(api):
    answer = api.get("/author?id=eq.1&select=id", headers=ONE)
    assert answer.json() == {"id": 1} and answer.headers["content-type"] == "application/vnd.pgrst.object+json; charset=utf-8"
    for query, rows in (("", 3), ("?id=eq.99", 0)):
        answer = api.get("/author" + query, headers=ONE)
        assert answer.status_code == 406 and answer.json()["code"] == "PGRST116"
        assert answer.json()["details"] == f"The result contains {rows} rows"


def test_nulls_are_left_out_where_asked(api):
    stripped = {"Accept": "application/vnd.pgrst.array+json;nulls=stripped"}
    assert api.get("/author?id=eq.3&select=id,born", headers=stripped).json() == [{"id": 3}]
    stripped = {"Accept": "application/vnd.pgrst.object+json;nulls=stripped"}
    assert api.get("/author?id=eq.3&select=id,born", headers=stripped).json() == {"id": 3}


def test_csv_has_a_line_of_names(api):
    answer = api.get("/book?select=id,title&id=lt.3&order=id", headers={"Accept": "text/csv"})
    assert answer.text == 'id,title\n1,"Notes on engines"\n2,"Rivers, roads"' and answer.headers["content-type"] == "text/csv; charset=utf-8"


def test_the_best_that_can_be_made_is_given(api):
    def given(accept):
        return api.get("/author", headers={"Accept": accept}).headers["content-type"]

    assert given("text/html, application/json;q=0.5, text/csv;q=0.9").startswith("text/csv")
    assert given("*/*").startswith("application/json")
    answer = api.get("/author", headers={"Accept": "text/html"})
    assert answer.status_code == 406 and answer.json()["code"] == "PGRST107"


def test_sql_makes_other_media_types(api):
    answer = api.get("/genre?id=lt.3&order=id", headers={"Accept": "text/plain"})
    assert answer.text == "1=poetry\n2=science\n" and answer.headers["content-type"] == "text/plain; charset=utf-8"
    answer = api.get("/rpc/cover_image?id=1", headers={"Accept": "image/png"})
    assert answer.content == b"\x89PNG" and answer.headers["content-type"] == "image/png"


def test_a_plan_is_shown_where_allowed(api):
    plan = {"Accept": 'application/vnd.pgrst.plan+json; for="text/csv"; options=verbose'}
    answer = api.get("/author?id=eq.1", headers=plan)
    assert answer.json()[0]["Plan"]["Node Type"] == "Aggregate"
    assert answer.headers["content-type"] == 'application/vnd.pgrst.plan+json; for="text/csv"; options=verbose; charset=utf-8'
    assert api.get("/author", headers={"Accept": "application/vnd.pgrst.plan"}).text.startswith("Aggregate")
    with serve() as client:
        assert client.get("/author", headers=plan).status_code == 406


def test_the_root_describes_what_the_caller_may_use(api):
    answer = api.get("/")
    document = answer.json()
    assert answer.headers["content-type"] == "application/openapi+json; charset=utf-8" and document["swagger"] == "2.0"
    assert "/book" in document["paths"] and "/rpc/add" in document["paths"] and "/private" not in document["paths"]
    assert "/private" in api.get("/", headers=bearer()).json()["paths"] and "/secret" not in document["paths"]
    author = document["definitions"]["author"]
    assert author["required"] == ["id", "name"] and author["properties"]["name"]["description"] == "As on the cover"
    assert "<pk/>" in author["properties"]["id"]["description"]
    book = document["definitions"]["book"]["properties"]
    assert "<fk table='author' column='id'/>" in book["author_id"]["description"]
    assert book["tags"] == {"type": "array", "format": "text[]", "items": {"type": "string"}, "default": "{}"} or book["tags"]["type"] == "array"
    assert book["mood"]["enum"] == ["calm", "wild"] and book["price"]["type"] == "number"
    get = document["paths"]["/author"]["get"]
    assert get["summary"] == "Who writes" and get["description"] == "People that have written at least one book."


def test_the_description_comes_in_the_third_version_too(api):
    answer = api.get("/", headers={"Accept": "application/openapi+json;version=3.0"})
    document = answer.json()
    assert document["openapi"].startswith("3.0") and "/book" in document["paths"]
    assert document["components"]["schemas"]["author"]["required"] == ["id", "name"]
    assert "$ref" not in answer.text.replace("#/components/", "") or "#/definitions" not in answer.text


def test_the_root_can_be_closed_or_a_function():
    with serve(OPENAPI_MODE="disabled") as client:
        assert client.get("/").json()["code"] == "PGRST126"
    with serve(DB_ROOT_SPEC="numbers", OPENAPI_SECURITY_ACTIVE="true") as client:
        assert client.get("/").json() == [1, 2, 3]
    with serve(OPENAPI_MODE="ignore-privileges", OPENAPI_SECURITY_ACTIVE="true", OPENAPI_SERVER_PROXY_URI="https://x.example/api") as client:
        document = client.get("/").json()
        assert "/private" in document["paths"] and document["security"] == [{"JWT": []}]
        assert (document["host"], document["basePath"], document["schemes"]) == ("x.example:443", "/api", ["https"])


def test_methods_and_other_origins_are_told(api):
    assert api.options("/book").headers["allow"] == "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"
    asked = {"Origin": "http://a.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-A"}
    answer = api.options("/book", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "*" and "X-A" in answer.headers["access-control-allow-headers"]
    with serve(SERVER_CORS_ALLOWED_ORIGINS="http://a.example") as client:
        assert client.get("/book", headers={"Origin": "http://a.example"}).headers["access-control-allow-credentials"] == "true"
        assert "access-control-allow-origin" not in client.get("/book", headers={"Origin": "http://b.example"}).headers


def test_schemas_are_chosen_by_profile():
    with serve(DB_SCHEMAS="api, second") as client:
        answer = client.get("/thing", headers={"Accept-Profile": "second"})
        assert answer.json() == [{"id": 1, "name": "one"}] and answer.headers["content-profile"] == "second"
        assert client.get("/thing").status_code == 404 and client.get("/genre").headers["content-profile"] == "api"
        refused = client.post("/thing", json={}, headers={"Content-Profile": "hidden", **prefer("tx=rollback")})
        assert refused.status_code == 406 and refused.json()["code"] == "PGRST106"
