"""PyPI's supabase, unmodified: two tenants' rows, the operator's users, and the client for asyncio."""

import asyncio

import pytest
from conftest import PASSWORDS
from postgrest.exceptions import APIError
from python_client import NEW_PASSWORD, PASSWORD, address, admin, client, new_user, refused, sign_in, signed_in, totp
from supabase import acreate_client

# The client's own, of which nothing here is the cause.
pytestmark = pytest.mark.filterwarnings("ignore:The '(timeout|verify)' parameter is deprecated")

ACME = ["Acme: call the roadrunner", "Acme: order more anvils"]
GLOBEX = ["Globex: move the headquarters", "Globex: the secret plan"]


@pytest.fixture
def front(client_fronts):
    return client_fronts["trusting"]


def person(front, email):
    supabase = client(front)
    sign_in(supabase, email, PASSWORDS[email])
    return supabase


@pytest.fixture
def alice(front):
    return person(front, "alice@acme.example")


@pytest.fixture
def bob(front):
    return person(front, "bob@globex.example")


@pytest.fixture
def globex(front):
    service = client(front, "service_key")
    return service.table("note").select("tenant_id").eq("title", GLOBEX[0]).single().execute().data["tenant_id"]


def titles(supabase):
    return [row["title"] for row in supabase.table("note").select("title").order("title").execute().data]


def test_each_reads_their_own_rows(front, alice, bob, globex):
    assert titles(alice) == ACME and titles(bob) == GLOBEX
    assert alice.table("note").select("*").eq("tenant_id", globex).execute().data == []
    assert alice.table("note").select("*", count="exact").limit(1).execute().count == 2
    assert titles(client(front, "service_key")) == [*ACME, *GLOBEX]


def test_a_row_is_written_changed_and_deleted(alice):
    [row] = alice.table("note").insert({"title": "py: new"}).execute().data
    assert row["author_id"] == alice.auth.get_user().user.id
    assert alice.table("note").update({"title": "py: changed"}).eq("id", row["id"]).execute().data[0]["title"] == "py: changed"
    assert alice.rpc("count_notes").execute().data == 3
    alice.table("note").delete().eq("id", row["id"]).execute()
    assert titles(alice) == ACME


def test_nothing_of_the_other_tenant_is_written(alice, bob, globex):
    with pytest.raises(APIError) as error:
        alice.table("note").insert({"title": "planted", "tenant_id": globex}).execute()
    assert error.value.code == "42501"
    assert alice.table("note").update({"title": "stolen"}).eq("tenant_id", globex).execute().data == []
    assert alice.table("note").delete().eq("tenant_id", globex).execute().data == []
    assert titles(bob) == GLOBEX


@pytest.mark.parametrize("ask,code", [
    (lambda c: c.table("nothing").select("*"), "PGRST205"), (lambda c: c.table("note").select("nothing"), "42703"),
    (lambda c: c.table("note").select("*").single(), "PGRST116"), (lambda c: c.rpc("nothing"), "PGRST202"),
])
def test_errors_say_what_is_wrong(alice, ask, code):
    with pytest.raises(APIError) as error:
        ask(alice).execute()
    assert error.value.code == code and error.value.message


def test_with_the_anon_key_alone_there_are_no_rows(front):
    with pytest.raises(APIError) as error:
        client(front).table("note").select("*").execute()
    assert error.value.code == "42501"


def test_the_operator_makes_changes_lists_and_deletes_users(front):
    users = admin(front)
    user = new_user(front, user_metadata={"a": 1}, app_metadata={"plan": "gold"})
    assert users.get_user_by_id(user.id).user.app_metadata["plan"] == "gold"
    renamed = address("renamed")
    assert users.update_user_by_id(user.id, {"email": renamed, "email_confirm": True, "password": NEW_PASSWORD}).user.email == renamed
    assert sign_in(client(front), renamed, NEW_PASSWORD).user.id == user.id
    assert len(users.list_users(page=1, per_page=2)) == 2
    assert user.id in [one.id for one in users.list_users()]
    users.delete_user(user.id)
    refused(lambda: users.get_user_by_id(user.id), 404, "user_not_found")
    refused(lambda: sign_in(client(front), renamed, NEW_PASSWORD), 400, "invalid_credentials")


def test_the_operator_removes_a_lost_factor_and_ends_sessions(front):
    supabase, user = signed_in(front)
    factor = supabase.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "lost"})
    supabase.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": totp(factor.totp.secret)})
    factors = admin(front).mfa.list_factors({"user_id": user.id})
    assert [one.id for one in factors] == [factor.id]
    assert admin(front).mfa.delete_factor({"user_id": user.id, "id": factor.id}).id == factor.id
    sign_in(supabase, user.email)
    token = supabase.auth.get_session().access_token
    admin(front).sign_out(token)
    refused(lambda: client(front).auth.get_user(token), 403, "session_not_found")


def test_neither_the_anon_key_nor_a_user_acts_as_the_operator(front):
    supabase, user = signed_in(front)
    for somebody in (client(front), supabase):
        refused(lambda: somebody.auth.admin.list_users(), 403, "not_admin")
        refused(lambda: somebody.auth.admin.delete_user(user.id), 403, "not_admin")


def test_the_client_for_asyncio(front):
    async def life():
        supabase = await acreate_client(front["url"], front["anon_key"])
        email = address("async")
        signed_up = await supabase.auth.sign_up({"email": email, "password": PASSWORD})
        assert signed_up.session
        await supabase.auth.sign_out()
        await supabase.auth.sign_in_with_password({"email": "alice@acme.example", "password": PASSWORDS["alice@acme.example"]})
        await supabase.auth.refresh_session()
        assert (await supabase.auth.get_claims())["claims"]["email"] == "alice@acme.example"
        rows = await supabase.table("note").select("title").order("title").execute()
        await supabase.auth.sign_out()
        return [row["title"] for row in rows.data]

    assert asyncio.run(life()) == ACME
