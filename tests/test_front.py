"""The HTTP front: two tenants with curl's means, errors in PostgREST's shape, attacks from outside."""

import os
import re
import threading
import time

import httpx
import psycopg
import pytest
from conftest import PASSWORDS, connect, run, uri
from data_api import serve
from wire import Recorder


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def titles(http, token, query="select=title"):
    answer = http.get(f"/rest/v1/note?{query}", headers=bearer(token))
    assert answer.status_code == 200, answer.text
    return sorted(row["title"] for row in answer.json())


def test_two_tenants_see_their_own_rows_only(http, alice, bob):
    assert titles(http, alice) == ["Acme: call the roadrunner", "Acme: order more anvils"]
    assert titles(http, bob) == ["Globex: move the headquarters", "Globex: the secret plan"]


def test_asking_for_the_other_tenants_rows_gives_none(http, owner, alice):
    globex = owner.execute("select id from auth.tenant where slug = 'globex'").fetchone()[0]
    assert titles(http, alice, f"select=title&tenant_id=eq.{globex}") == []


def test_writing_into_the_other_tenant_is_refused(http, owner, alice):
    globex = owner.execute("select id from auth.tenant where slug = 'globex'").fetchone()[0]
    answer = http.post("/rest/v1/note", headers=bearer(alice), json={"title": "planted", "tenant_id": str(globex)})
    assert answer.status_code == 403 and answer.json()["code"] == "42501"
    assert owner.execute("select count(*) from public.note where title = 'planted'").fetchone()[0] == 0


def test_a_row_is_inserted_into_ones_own_tenant(http, owner, alice, bob):
    answer = http.post("/rest/v1/note", headers=bearer(alice) | {"Prefer": "return=representation"}, json={"title": "mine"})
    assert answer.status_code == 201
    [row] = answer.json()
    acme = owner.execute("select id from auth.tenant where slug = 'acme'").fetchone()[0]
    assert row["title"] == "mine" and row["tenant_id"] == str(acme)
    assert "mine" in titles(http, alice) and "mine" not in titles(http, bob)
    answer = http.post("/rest/v1/note", headers=bearer(alice), json=[{"title": "two"}, {"title": "three"}])
    assert answer.status_code == 201 and answer.content == b""
    owner.execute("delete from public.note where title in ('mine', 'two', 'three')")


def test_nobody_in_particular_sees_nothing(http):
    answer = http.get("/rest/v1/note")
    assert answer.status_code == 401
    assert answer.json()["code"] == "42501" and set(answer.json()) == {"code", "details", "hint", "message"}
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert http.get("/rest/v1/note", headers={"apikey": os.environ["GATEHOUSE_ANON_KEY"]}).status_code == 401


def test_the_service_key_sees_all_and_only_over_its_own_pool(http):
    answer = http.get("/rest/v1/note?select=title", headers=bearer(os.environ["GATEHOUSE_SERVICE_KEY"]))
    # service_role bypasses row-level security.
    assert answer.status_code == 200 and len(answer.json()) == 4
    with connect() as login, pytest.raises(psycopg.errors.InsufficientPrivilege):
        login.execute("select auth.authenticate(%s)", [os.environ["GATEHOUSE_SERVICE_KEY"]])


@pytest.mark.parametrize(
    "sign", [{"Origin": "https://app.example"}, {"Sec-Fetch-Site": "same-origin"}, {"User-Agent": "Mozilla/5.0 (X11)"}]
)
def test_a_service_key_opens_nothing_from_a_browser(http, sign):
    key = os.environ["GATEHOUSE_SERVICE_KEY"]
    for headers in (bearer(key), {"apikey": key}):
        refused = http.get("/rest/v1/note", headers=headers | sign)
        assert (refused.status_code, refused.json()["code"]) == (401, "GATE301")
        assert key not in refused.text
    assert http.get("/rest/v1/note", headers=bearer(key)).status_code == 200


@pytest.mark.parametrize("break_it", [
    lambda token: token[:-6], lambda token: token + "x", lambda token: "garbage",
    lambda token: token.rsplit(".", 1)[0], lambda token: token.rsplit(".", 1)[0] + ".", lambda token: "a.b.c",
])
def test_a_bad_token_is_401_and_says_little(http, alice, break_it):
    answer = http.get("/rest/v1/note", headers={"Authorization": "Bearer " + break_it(alice)})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "PGRST301"
    assert not re.search(r"select|auth\.|/src|panick", answer.text, re.I)


def test_an_empty_bearer_is_401():
    # curl sends what httpx refuses to.
    url = os.environ["GATEHOUSE_URL"] + "/rest/v1/note"
    answer = run("curl", "-s", "-w", "%{http_code}", url, "-H", "Authorization: Bearer ")
    assert answer.endswith("401") and '"PGRST301"' in answer


def test_an_expired_token_is_401_with_postgrests_code(http, mint):
    answer = http.get("/rest/v1/note", headers=bearer(mint(sub="x", exp=1_000_000_000)))
    assert answer.status_code == 401 and answer.json()["code"] == "PGRST303"


def test_select_names_columns(http, alice):
    answer = http.get("/rest/v1/note?select=id,title&title=eq.Acme: order more anvils", headers=bearer(alice))
    assert [set(row) for row in answer.json()] == [{"id", "title"}]
    assert answer.headers["content-range"] == "0-0/*"
    assert answer.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("query,status", [
    ("/rest/v1/note?select=nothing", 400), ("/rest/v1/note?nothing=eq.1", 400), ("/rest/v1/note?title=bogus.1", 400),
    ("/rest/v1/note?title=eq", 400), ("/rest/v1/nothing", 404), ("/rest/v1/note?select=id;drop table note", 400),
    ("/rest/v1/note?select=" + "a," * 3000, 400), ("/rest/v1/note?id=eq.abc", 400), ("/rest/v1/note%00", 404),
    ("/rest/v1/note?id=eq.%00", 400), ("/rest/v1/note?%ff=eq.1", 400), ("/rest/v1/pg_authid", 404), ("/rest/v1/user", 404),
])
def test_a_bad_query_is_a_clear_refusal(http, alice, query, status):
    answer = http.get(query, headers=bearer(alice))
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"code", "details", "hint", "message"}


def test_sql_in_values_is_a_value(http, owner, alice):
    for hostile in ("x'; drop table public.note; --", "' or true --", "\\'; reset role; --", "$$;reset role;$$"):
        assert http.get("/rest/v1/note", params={"title": "eq." + hostile}, headers=bearer(alice)).json() == []
        answer = http.post("/rest/v1/note", json={"title": hostile}, headers=bearer(alice))
        assert answer.status_code == 201
        assert hostile in titles(http, alice)
    owner.execute("delete from public.note where title like '%%role%%' or title like '%%drop%%' or title like '%%true%%'")


@pytest.mark.parametrize("body,content_type,status", [
    (b"{", "application/json", 400), (b"[1]", "application/json", 400), (b'{"nothing": 1}', "application/json", 400),
    (b'"x"', "application/json", 400), (b'{"title": "a"}', "text/plain", 400), (b"\xff", "application/json", 400),
    (b'[{"title": "a"}, {"id": 1}]', "application/json", 400),
])
def test_a_bad_body_is_a_clear_refusal(http, owner, alice, body, content_type, status):
    before = owner.execute("select count(*) from public.note").fetchone()[0]
    answer = http.post("/rest/v1/note", content=body, headers=bearer(alice) | {"Content-Type": content_type})
    assert answer.status_code == status, answer.text
    assert owner.execute("select count(*) from public.note").fetchone()[0] == before


def test_signing_in_gives_supabases_session_object(http):
    body = {"email": "alice@acme.example", "password": PASSWORDS["alice@acme.example"]}
    session = http.post("/auth/v1/token?grant_type=password", json=body).json()
    assert session["token_type"] == "bearer" and session["expires_in"] > 0
    assert abs(session["expires_at"] - time.time() - 900) < 30
    assert session["user"]["email"] == "alice@acme.example" and session["user"]["role"] == "authenticated"
    assert session["user"]["identities"][0]["provider"] == "email"


@pytest.mark.parametrize("body,status,error", [
    ({"email": "alice@acme.example", "password": "wrong"}, 400, "invalid_credentials"),
    ({"email": "nobody@example.com", "password": "wrong"}, 400, "invalid_credentials"),
])
def test_both_error_shapes_of_supabase(http, body, status, error):
    path = "/auth/v1/token?grant_type=password"
    answer = http.post(path, json=body)
    assert answer.status_code == status and answer.json()["error_code"] == error and answer.json()["code"] == status
    answer = http.post(path, json=body, headers={"X-Supabase-Api-Version": "2024-01-01"})
    assert answer.json()["code"] == error and answer.headers["x-supabase-api-version"] == "2024-01-01"
    # What the client sends along must not matter here.
    answer = http.post(path, json=body | {"gotrue_meta_security": {}}, headers={"Authorization": "Bearer expired"})
    assert answer.status_code == status


def test_bad_logins_are_clear(http):
    path = "/auth/v1/token?grant_type=password"
    assert http.post(path, content=b"{").json()["error_code"] == "bad_json"
    assert http.post("/auth/v1/token?grant_type=nonsense", json={}).status_code == 400
    assert http.post(path, content=b" " * (1 << 20) + b"{}").status_code == 413
    assert http.post(path, json={"email": 1, "password": []}).status_code == 400


def test_signing_up_and_signing_in_over_http(http, owner):
    body = {"email": "frank@acme.example", "password": "seven green sailing boats", "data": {"name": "Frank"}, "tenant": "acme"}
    answer = http.post("/auth/v1/signup", json=body)
    assert answer.status_code == 200 and answer.json()["user"]["user_metadata"] == {"name": "Frank"}
    assert answer.headers["cache-control"] == "no-store"
    assert titles(http, answer.json()["access_token"]) == ["Acme: call the roadrunner", "Acme: order more anvils"]
    again = http.post("/auth/v1/signup", json=body)
    assert again.status_code == 422 and again.json()["error_code"] == "user_already_exists"
    weak = http.post("/auth/v1/signup", json=body | {"email": "weak@acme.example", "password": "password"})
    assert weak.status_code == 422 and weak.json()["error_code"] == "weak_password" and weak.json()["weak_password"]["reasons"]
    owner.execute("delete from auth.\"user\" where email = 'frank@acme.example'")


def test_the_public_keys_are_published(http, owner):
    for path in ("/.well-known/jwks.json", "/auth/v1/.well-known/jwks.json"):
        answer = http.get(path)
        assert answer.status_code == 200 and answer.headers["cache-control"] == "public, max-age=600"
        active = owner.execute("select kid from auth.signing_key where status = 'active'").fetchone()[0]
        assert active in [key["kid"] for key in answer.json()["keys"]]


def test_live_and_ready(http):
    assert http.get("/live").status_code == 200
    assert http.get("/ready").status_code == 200


def test_identities_never_mix_on_shared_connections(alice, bob):
    """Many requests of two tenants and of nobody, interleaved over the same few connections."""
    wrong = []

    def ask(token, expected):
        with httpx.Client(base_url=os.environ["GATEHOUSE_URL"]) as client:
            for _ in range(60):
                answer = client.get("/rest/v1/note?select=title", headers=bearer(token) if token else {})
                seen = {row["title"].split(":")[0] for row in answer.json()} if answer.status_code == 200 else answer.status_code
                if seen != expected:
                    wrong.append((expected, seen))

    people = [(alice, {"Acme"}), (bob, {"Globex"}), (None, 401), (alice + "x", 401)] * 3
    threads = [threading.Thread(target=ask, args=person) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_client_that_leaves_early_leaves_no_transaction_open(owner, alice):
    owner.execute("create or replace view public.slow with (security_invoker) as select pg_sleep(0.4)::text as zzz, title from public.note")
    owner.execute("grant select on public.slow to authenticated; notify pgrst")
    with httpx.Client(base_url=os.environ["GATEHOUSE_URL"]) as client:
        for _ in range(12):
            with pytest.raises(httpx.ReadTimeout):
                client.post("/auth/v1/token?grant_type=password", json={"email": "alice@acme.example", "password": "x"}, timeout=0.02)
    deadline = time.time() + 15
    while time.time() < deadline:
        stuck = owner.execute("select count(*) from pg_stat_activity where usename = 'authenticator' and state <> 'idle'").fetchone()[0]
        if not stuck:
            break
        time.sleep(0.1)
    assert stuck == 0
    with httpx.Client(base_url=os.environ["GATEHOUSE_URL"]) as client:
        assert titles(client, alice) == ["Acme: call the roadrunner", "Acme: order more anvils"]
    owner.execute("drop view public.slow")


def test_a_data_request_is_one_round_trip(alice):
    """All messages of a request go out together, with one Sync, and the front waits once."""
    with Recorder(uri("AUTHENTICATOR")) as database, serve(DB_URI=database.uri, DB_SCHEMAS="public", JWT_SECRET="", DB_POOL=1) as client:
        # The schema cache is read, and the listener has its connection.
        assert titles(client, alice) == ["Acme: call the roadrunner", "Acme: order more anvils"]
        headers = bearer(alice) | {"Prefer": "return=representation, count=exact"}
        for prepared in (False, True):
            for method, path, body in [
                ("GET", "/note?select=title&limit=1", None), ("POST", "/note?select=id,title", {"title": "one trip"}),
                ("PATCH", "/note?title=eq.one trip", {"title": "two trips"}), ("DELETE", "/note?title=eq.two trips", None),
            ]:
                with database.recording() as record:
                    assert client.request(method, path, headers=headers, json=body).status_code < 300
                    flights = record()
                # Prelude and statement, each parsed the first time; then Sync; and all in one flight.
                assert [flight.count("S") for flight in flights] == [1], flights
                assert flights[0].count("E") == 2 and flights[0].count("B") == 2
                assert not prepared or "P" not in flights[0]


def test_curl_from_the_readme(http, alice):
    url = os.environ["GATEHOUSE_URL"]
    body = '{"email": "alice@acme.example", "password": "%s"}' % PASSWORDS["alice@acme.example"]
    session = run("curl", "-s", f"{url}/auth/v1/token?grant_type=password", "-H", "Content-Type: application/json", "-d", body)
    token = re.search(r'"access_token": *"([^"]*)"', session).group(1)
    notes = run("curl", "-s", f"{url}/rest/v1/note?select=title", "-H", f"Authorization: Bearer {token}")
    assert "anvils" in notes and "Globex" not in notes


def test_a_sealed_request_can_be_tried_without_effect(owner, alice):
    with serve(DB_URI=uri("AUTHENTICATOR"), DB_SCHEMAS="public", JWT_SECRET="", DB_TX_END="rollback") as client:
        answer = client.post("/note?select=title", headers=bearer(alice) | {"Prefer": "return=representation"}, json={"title": "tried"})
        assert answer.status_code == 201 and answer.json() == [{"title": "tried"}]
        assert titles(client, alice) == ["Acme: call the roadrunner", "Acme: order more anvils"]
    assert owner.execute("select count(*) from public.note where title = 'tried'").fetchone()[0] == 0
