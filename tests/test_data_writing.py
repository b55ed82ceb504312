"""Writing: insert, upsert, update, delete, and what the client prefers."""

import psycopg
import pytest
from conftest import uri
from data_api import DATABASE, make_library, prefer, serve

FULL = prefer("return=representation")


@pytest.fixture(scope="module")
def api():
    make_library()
    with serve(DB_TX_END="commit-allow-override") as client:
        yield client


@pytest.fixture
def rows():
    """Looks at the database past the API, and undoes what the test did."""
    with psycopg.connect(uri("DB", DATABASE), autocommit=True) as owner:
        yield lambda query: owner.execute(query).fetchall()
        owner.execute("delete from api.genre where id > 3; delete from api.country where code not in ('cn', 'uk')")
        owner.execute("update api.country set people = 67 where code = 'uk'; delete from api.author where id > 3")


def test_rows_come_from_json_csv_and_forms(api, rows):
    assert api.post("/genre", json={"id": 10, "label": "a"}).status_code == 201
    assert api.post("/genre", json=[{"id": 11, "label": "b"}, {"id": 12, "label": "c"}]).status_code == 201
    csv = {"Content-Type": "text/csv"}
    assert api.post("/genre", content='id,label\n13,"d, ""e"""\n', headers=csv).status_code == 201
    assert api.post("/genre", data={"id": "14", "label": "f g"}).status_code == 201
    assert rows("select label from api.genre where id > 3 order by id") == [("a",), ("b",), ("c",), ('d, "e"',), ("f g",)]
    answer = api.post("/genre", content="id,label\n1\n", headers=csv)
    assert answer.status_code == 400 and answer.json()["code"] == "PGRST102"


def test_what_was_written_comes_back_as_it_is_selected(api, rows):
    answer = api.post("/author?select=name,origin(name)", json={"name": "New", "country": "uk"}, headers=FULL)
    assert answer.status_code == 201 and answer.json() == [{"name": "New", "origin": {"name": "United Kingdom"}}]
    answer = api.post("/author", json={"name": "Two"}, headers=prefer("return=headers-only"))
    assert answer.content == b"" and answer.headers["location"].startswith("/author?id=eq.")
    answer = api.post("/author", json={"name": "Three"})
    assert answer.content == b"" and "location" not in answer.headers and answer.headers["content-range"] == "*/*"


def test_columns_choose_and_defaults_fill(api, rows):
    body = [{"name": "A", "born": "1900-01-01", "ignored": 1}, {"name": "B"}]
    answer = api.post("/author?columns=name,country&select=name,country,born", json=body, headers=FULL)
    assert answer.json() == [{"name": "A", "country": None, "born": None}, {"name": "B", "country": None, "born": None}]
    headers = prefer("return=representation", "missing=default")
    answer = api.post("/author?columns=name,country&select=country", json=body, headers=headers)
    assert answer.json() == [{"country": "unknown"}] * 2 and answer.headers["preference-applied"].startswith("missing=default")


def test_rows_that_are_there_are_merged_or_left(api, rows):
    body = [{"code": "uk", "name": "UK", "people": 70}, {"code": "fr", "name": "France", "people": 68}]
    answer = api.post("/country", json=body, headers=prefer("resolution=ignore-duplicates", "return=representation"))
    assert answer.status_code == 201 and [row["code"] for row in answer.json()] == ["fr"]
    answer = api.post("/country", json=body, headers=prefer("resolution=merge-duplicates", "return=representation"))
    assert answer.status_code == 200 and rows("select people from api.country where code = 'uk'") == [(70,)]
    more = [{"code": "uk", "name": "United Kingdom", "people": 67}, {"code": "de", "name": "Germany", "people": 84}]
    assert api.post("/country", json=more, headers=prefer("resolution=merge-duplicates")).status_code == 201
    answer = api.post("/genre?on_conflict=label", json={"id": 50, "label": "poetry"}, headers=prefer("resolution=ignore-duplicates"))
    assert answer.status_code == 201 and rows("select count(*) from api.genre where id = 50") == [(0,)]
    assert api.post("/country", json=body).status_code == 409


def test_put_makes_or_replaces_the_one_row(api, rows):
    path, body = "/country?code=eq.it", {"code": "it", "name": "Italy", "people": 59}
    assert api.put(path, json=body, headers=FULL).status_code == 201
    assert api.put(path, json=body | {"people": 60}, headers=FULL).status_code == 200
    assert api.put(path, json=body).status_code == 204
    answer = api.put(path, json=body | {"code": "es"})
    assert answer.status_code == 400 and answer.json()["code"] == "PGRST115" and rows("select 1 from api.country where code = 'es'") == []
    assert api.put("/country?name=eq.Italy", json=body).status_code == 405
    assert api.put(path + "&limit=1", json=body).json()["code"] == "PGRST114"


def test_update_and_delete_touch_the_rows_that_are_asked_for(api, rows):
    answer = api.patch("/country?code=eq.uk", json={"people": 1}, headers=prefer("return=representation", "count=exact"))
    assert answer.status_code == 200 and answer.json()[0]["people"] == 1 and answer.headers["content-range"] == "0-0/1"
    assert api.patch("/country?code=eq.uk", json={"people": 67}).status_code == 204
    assert api.patch("/country?code=eq.uk", json={}, headers=FULL).json() == []
    api.post("/genre", json=[{"id": 20, "label": "x"}, {"id": 21, "label": "y"}])
    answer = api.delete("/genre?or=(id.eq.20,id.eq.21)&select=id&order=id.desc", headers=FULL)
    assert answer.status_code == 200 and answer.json() == [{"id": 21}, {"id": 20}]
    assert api.delete("/genre?id=eq.99").status_code == 204


def test_too_many_rows_undo_the_write(api, rows):
    strict = prefer("handling=strict", "max-affected=1")
    answer = api.patch("/country?code=in.(cn,uk)", json={"people": 0}, headers=strict)
    assert answer.status_code == 400 and answer.json()["code"] == "PGRST124" and answer.json()["details"] == "The query affects 2 rows"
    assert rows("select count(*) from api.country where people = 0") == [(0,)]
    assert api.patch("/country?code=eq.uk", json={"people": 67}, headers=strict).status_code == 204
    one = {"Accept": "application/vnd.pgrst.object+json", **FULL}
    answer = api.patch("/country?code=in.(cn,uk)", json={"people": 0}, headers=one)
    assert answer.status_code == 406 and answer.json()["code"] == "PGRST116"
    assert rows("select count(*) from api.country where people = 0") == [(0,)]


def test_a_client_may_try_without_effect(api, rows):
    headers = prefer("tx=rollback", "return=representation")
    answer = api.post("/genre", json={"id": 30, "label": "tried"}, headers=headers)
    assert answer.status_code == 201 and answer.json() and "tx=rollback" in answer.headers["preference-applied"]
    assert rows("select count(*) from api.genre where id = 30") == [(0,)]


def test_values_go_through_their_representation(api, rows):
    answer = api.patch("/book?id=eq.1&select=shade", json={"shade": "#000010"}, headers=FULL)
    assert answer.json() == [{"shade": "#000010"}] and rows("select shade from api.book where id = 1") == [(16,)]
    api.patch("/book?id=eq.1", json={"shade": "#0000ff"})


@pytest.mark.parametrize("method,path,body,status,code", [
    ("POST", "/genre", {"id": 1, "label": "twice"}, 409, "23505"), ("POST", "/genre", {"label": "no id"}, 400, "23502"),
    ("POST", "/book", {"title": "x", "author_id": 999}, 409, "23503"), ("POST", "/genre", {"nope": 1}, 400, "PGRST204"),
    ("POST", "/genre", [{"id": 5}, {"label": "x"}], 400, "PGRST102"), ("POST", "/nope", {}, 404, "PGRST205"),
    ("PATCH", "/genre?id=eq.x", {"label": "x"}, 400, "22P02"), ("POST", "/private", {"id": 1}, 401, "42501"),
    ("POST", "/genre?columns=nope", {}, 400, "PGRST204"), ("POST", "/genre?columns=", {}, 400, "PGRST100"),
])
def test_a_write_that_can_not_be_is_a_clear_refusal(api, method, path, body, status, code):
    answer = api.request(method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
