"""Calling functions."""

import pytest
from data_api import bearer, make_library, prefer, serve


@pytest.fixture(scope="module")
def api():
    make_library()
    with serve(APP_SETTINGS_shop="open") as client:
        yield client


def test_arguments_come_in_the_query_in_json_and_in_forms(api):
    assert api.get("/rpc/add?a=1&b=2").json() == 3 and api.get("/rpc/add?a=1").json() == 2
    assert api.post("/rpc/add", json={"a": 5, "b": 5}).json() == 10
    assert api.post("/rpc/add", data={"a": "7"}).json() == 8
    assert api.post("/rpc/add?columns=a", json={"a": 1, "b": 100}).json() == 2
    assert api.get("/rpc/joined?sep=-&parts=a&parts=b").json() == "a-b"
    assert api.post("/rpc/joined", json={"sep": "+", "parts": ["x", "y"]}).json() == "x+y"


def test_a_single_nameless_argument_is_the_body(api):
    assert api.post("/rpc/echo", json={"any": [1, None]}).json() == {"any": [1, None]}
    assert api.post("/rpc/shout", content="loud", headers={"Content-Type": "text/plain"}).json() == "LOUD"
    assert api.post("/rpc/size", content=b"\x00\xff\\", headers={"Content-Type": "application/octet-stream"}).json() == 3


def test_results_have_the_shape_of_what_is_returned(api):
    assert api.get("/rpc/numbers").json() == [1, 2, 3]
    assert api.get("/rpc/pair").json() == {"x": 1, "y": "a"}
    assert api.get("/rpc/one_author?id=2&select=name").json() == {"name": "Bo Li"}
    answer = api.post("/rpc/nothing")
    assert answer.status_code == 204 and answer.content == b""


def test_rows_of_a_function_are_rows_of_its_relation(api):
    answer = api.get("/rpc/books_of?author=2&pages=gt.400&select=id,author!book_author(name),genre(label)")
    assert answer.json() == [{"id": 2, "author": {"name": "Bo Li"}, "genre": [{"label": "poetry"}]}]
    answer = api.get("/rpc/books_of?author=2&select=id&order=id.desc&limit=1", headers=prefer("count=exact"))
    assert answer.json() == [{"id": 3}] and answer.status_code == 206 and answer.headers["content-range"] == "0-0/2"
    one = {"Accept": "application/vnd.pgrst.object+json"}
    assert api.post("/rpc/books_of?id=eq.3&select=id", json={"author": 2}, headers=one).json() == {"id": 3}


def test_only_a_post_may_write(api):
    answer = api.get("/rpc/write_one")
    assert answer.status_code == 405 and answer.json()["code"] == "25006"
    assert api.request("PUT", "/rpc/add").json()["code"] == "PGRST101"
    assert api.options("/rpc/write_one").headers["allow"] == "OPTIONS,POST"
    assert api.options("/rpc/numbers").headers["allow"] == "OPTIONS,GET,HEAD,POST"


@pytest.mark.parametrize("path,status,code", [
    ("/rpc/nope", 404, "PGRST202"), ("/rpc/add?c=1", 404, "PGRST202"), ("/rpc/add", 404, "PGRST202"), ("/rpc/same?x=1", 300, "PGRST203"),
    ("/rpc/add?a=x", 400, "22P02"), ("/rpc/add/more", 404, "PGRST125"),
])
def test_a_function_that_is_not_there_is_a_clear_refusal(api, path, status, code):
    answer = api.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_slip_of_the_pen_is_answered_with_what_was_meant(api):
    assert "books_of(author)" in api.get("/rpc/books_of?autor=1").json()["hint"]
    assert "api.numbers" in api.get("/rpc/numberz").json()["hint"] and "api.genre" in api.get("/genr").json()["hint"]


def test_sql_chooses_status_and_headers(api):
    answer = api.post("/rpc/custom_answer")
    assert answer.status_code == 418 and answer.headers["x-kettle"] == "on" and answer.headers["cache-control"] == "no-store"
    assert api.post("/rpc/bad_headers").json()["code"] == "PGRST111"


def test_sql_raises_the_answer_it_wants(api):
    answer = api.post("/rpc/pay")
    assert answer.status_code == 402 and answer.json() == {"code": "PT402", "message": "Pay first", "hint": "Buy", "details": "More"}
    answer = api.post("/rpc/full_answer")
    assert answer.status_code == 423 and answer.headers["x-open"] == "tomorrow" and answer.headers["proxy-status"] == "PostgREST; error=LIB1"
    assert answer.json() == {"code": "LIB1", "message": "Closed", "hint": "Come back", "details": None}


def test_the_transaction_knows_the_request(api):
    headers = {"X-Test": "seen", "Cookie": "crumb=yes; other=1", **bearer(sub="ann", n=1), **prefer("timezone=Europe/Paris")}
    seen = api.get("/rest/v1/rpc/whoami", headers=headers).json()
    assert seen["role"] == "authenticated" and seen["claims"] == {"role": "authenticated", "sub": "ann", "n": 1}
    assert (seen["method"], seen["path"], seen["header"], seen["cookie"]) == ("GET", "/rpc/whoami", "seen", "yes")
    assert (seen["search_path"], seen["zone"], seen["app"]) == ('"api", "public"', "Europe/Paris", "open")
    seen = api.get("/rpc/whoami").json()
    assert seen["role"] == "anon" and seen["claims"] == {"role": "anon"} and seen["zone"] != "Europe/Paris"
