"""No secret in the server's log and none in pg_stat_statements, with everything switched on that writes there."""

import json
import pathlib
import re
import uuid

import psycopg
import pytest
import throwaway

NAMES = pathlib.Path(__file__).parent.parent / "crates/core/src/redact/names.rs"
CANARY = "canary"
SETTINGS = [
    "log_statement = all", "log_min_duration_statement = 0", "log_parameter_max_length = -1", "log_parameter_max_length_on_error = -1",
    "log_min_messages = debug1", "log_error_verbosity = verbose", "auto_explain.log_min_duration = 0", "auto_explain.log_parameter_max_length = -1",
    "auto_explain.log_nested_statements = on", "auto_explain.log_verbose = on", "pg_stat_statements.track = all",
    "pg_stat_statements.track_utility = on", "track_activity_query_size = 16384", "pg_gatehouse.bcrypt_cost = 10",
]
# What these are given is meant for the audit, which the log shows, or for the eye.
TOLD = {"record_event", "refuse_refresh", "otp_refusal", "exchange_refusal", "factor_refusal", "admin_end_sessions", "note_event", "revoke_session_always", "test_panic", "test_index_panic", "test_hashing_panic", "install_pgjwt_shims"}


def names(table):
    body = re.search(rf"const {table}: .*?= \[(.*?)\];", NAMES.read_text(), re.S).group(1)
    return set(re.findall(r'"(\w+)"', body))


@pytest.fixture(scope="module")
def cluster():
    with throwaway.cluster(*SETTINGS, preload="pg_stat_statements, auto_explain, pg_gatehouse") as made:
        with made.connect() as owner:
            owner.execute("create extension pg_stat_statements")
            owner.execute("select auth.install_pgjwt_shims('public')")
        yield made


@pytest.fixture
def owner(cluster):
    with cluster.connect() as connection:
        yield connection


class Canaries:
    """Fresh secrets, and where they turn up."""

    def __init__(self, cluster):
        self.cluster, self.given = cluster, []
        self.start = len(cluster.log())

    def fresh(self, form="{}"):
        value = form.format(CANARY + uuid.uuid4().hex[:12])
        self.given.append(value)
        return value

    def found(self):
        log = self.cluster.log()[self.start:]
        assert "statement: " in log or "execute " in log, "the log is written"
        with self.cluster.connect() as owner:
            kept = [row[0] for row in owner.execute("select query from pg_stat_statements")]
        return [line for line in log.splitlines() if CANARY in line] + [query for query in kept if CANARY in query]


@pytest.fixture
def canaries(cluster):
    return Canaries(cluster)


def attempt(connection, statement, *arguments, **options):
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement, *arguments, **options)
    except psycopg.Error:
        pass


def functions(owner):
    """Each function of ours that may carry a secret, with the types of its arguments."""
    rows = owner.execute("""
        select p.proname, array(select format_type(t, null) from unnest(p.proargtypes::oid[]) with ordinality as a (t, n) order by n)
          from pg_proc as p where pronamespace = 'auth'::regnamespace and prorettype <> 'trigger'::regtype and pronargs > 0
    """).fetchall()
    return [(name, types) for name, types in rows if name not in names("HARMLESS") | TOLD]


def value(type, canaries):
    match type:
        case "text" | "name":
            return canaries.fresh()
        case "text[]":
            return "{" + canaries.fresh() + "}"
        case "jsonb" | "json":
            return json.dumps({"password": canaries.fresh(), "sub": canaries.fresh()})
        case "bytea":
            return canaries.fresh()
        case "uuid":
            return str(uuid.uuid4())
        case "integer" | "bigint" | "smallint":
            return "7"
        case "interval":
            return "1 minute"
        case "boolean":
            return "true"
    return None


def test_every_function_with_literals_and_with_parameters(owner, canaries):
    tried = 0
    for name, types in functions(owner):
        for schema in ("auth.", '"auth" . ', ""):
            owner.execute("set search_path = " + ("public" if schema else "public, auth"))
            arguments = [value(type, canaries) for type in types]
            if schema == "" and name not in names("SECRET"):
                continue
            literals = ", ".join("null" if a is None else "'" + a.replace("'", "''") + "'" for a in arguments)
            attempt(owner, f"select {schema}\"{name}\"({literals})" if schema else f"select {name}({literals})")
            places = ", ".join(f"%s::{type}" for type in types)
            for prepare in (False, True):
                attempt(owner, f"select {schema}{name}({places})", [value(type, canaries) for type in types], prepare=prepare)
            tried += 1
    owner.execute("set search_path = public")
    assert tried > 60 and len(canaries.given) > 200
    # A refusal names the role or permission that was asked for.
    assert [line for line in canaries.found() if '"event":"permission_denied"' not in line] == []


def test_a_function_that_takes_a_secret_is_known_without_its_schema_too(owner):
    """A new function belongs in crates/core/src/redact/names.rs."""
    rows = owner.execute("""
        select proname, proargnames from pg_proc
         where pronamespace = 'auth'::regnamespace and proargnames && array['password', 'token', 'code', 'key', 'secret', 'api_key', 'refresh_token', 'hash', 'recovery_code', 'auth_code', 'code_verifier', 'verifier', 'password_hash']
           and not proname = any (%s)""", [list(names("HARMLESS"))]).fetchall()
    assert rows
    assert {name for name, _ in rows} - names("SECRET") - {"audit_hash", "audit_mark"} == set()


FORMS = [
    "select auth.sign_in('a@example.com', {})",
    "select auth.sign_in('a@example.com', {}) where 1 / 0 = 1",
    "select auth.sign_in('a@example.com', {}), 1 / (select 0)",
    "select auth.sign_in('a@example.com', {}",
    "select auth.sign_in({}::uuid, 'x')",
    "select auth.sign_in(\"{raw}\", 'x')",
    "select auth.no_such_function({})",
    "do $$ begin perform auth.sign_in('a', {}); end $$",
    "do $$ begin perform auth.sign_in('a', {}); raise exception 'no: %', {}; end $$",
    "do $$ begin raise notice 'sign_in( %', {}; perform auth.sign_in('a', 'x'); end $$",
    "do $$ begin raise warning 'x' using detail = {}, hint = {}; perform auth.sign_in('a', 'x'); end $$",
    "do $$ begin execute format('select auth.sign_in(%L, %L)', 'a', {}); end $$",
    "prepare s as select auth.sign_in('a', {}); execute s; deallocate s",
    "prepare p (text) as select auth.sign_in('a', $1); execute p({}); deallocate p",
    "prepare q (text) as select 1 / length(left($1, 0)); execute q({})",
    "copy (select auth.sign_in('a', {})) to '/dev/null'",
    "copy (select auth.sign_in('a', {}), 1 / length('')) to '/dev/null'",
    "explain (verbose) select auth.sign_in('a', {})",
    "explain (analyze, verbose) select auth.verify_password({}, {})",
    "select 1; select auth.sign_in('a', {}); select 2",
    "select 1; select auth.sign_in('a', {}); select 1 / 0",
    "begin; declare c cursor for select auth.sign_in('a', {}); fetch c; commit",
    "create temp table t as select auth.hash_password({}) as h; drop table t",
    "create view v as select auth.verify_password({}, 'x'); drop view v",
    "create function public.f() returns void language sql as $f$ select auth.sign_in('a', {}) $f$; select public.f(); drop function public.f()",
    "create function public.g() returns void language plpgsql as $f$ begin perform auth.sign_in('a', {}); perform 1 / 0; end $f$; select public.g(); drop function public.g()",
    "insert into auth.\"user\" (email, password_hash) values ('BAD', {})",
    "insert into auth.\"user\" (id, password_hash) select null, {}",
    "update auth.\"user\" set password_hash = {} where id is null",
    "set pg_gatehouse.token = {}",
    "set local pg_gatehouse.token to {raw}",
    "select set_config('pg_gatehouse.token', {}, true)",
    "select set_config('request.headers', json_build_object('apikey', {}::text)::text, false)",
    "alter role authenticator set pg_gatehouse.token = {}",
    "alter role authenticator password {}",
    "select public.sign('{{\"sub\": \"1\"}}', {}), public.verify('x', {})",
    "select auth.jwt_verify('x', {}, '{{HS256}}') /* {raw} */ -- {raw}",
    "with x as (select {}::text as p) select auth.sign_in('a', p) from x",
    "select auth.sign_in('a', p) from (values ({})) as x (p) order by p",
    "call auth.nothing({})",
    "select * from auth.sign_in('a', {}) as r join lateral (select {}::json) as x on true",
]
QUOTES = ["'{}'", "E'{}\\n'", "$q${}$q$", "U&'{}'"]


@pytest.mark.parametrize("form", FORMS)
def test_every_kind_of_statement(owner, canaries, form):
    for quotes in QUOTES:
        if "$$" in form and quotes.startswith("$"):
            quotes = "'{}'"
        secret = canaries.fresh()
        statement = form.replace("{raw}", secret).replace("{{", "\1").replace("}}", "\2")
        while "{}" in statement:
            statement = statement.replace("{}", quotes.replace("{}", secret), 1)
        statement = statement.replace("\1", "{").replace("\2", "}")
        try:
            owner.execute(statement)
        except psycopg.Error:
            owner.execute("rollback")
    owner.execute("deallocate all")
    assert canaries.found() == []


def test_parameters_in_every_kind_of_failure(owner, canaries):
    for statement in (
        "select auth.sign_in('a', %s)", "select auth.sign_in('a', %s), 1 / (select 0)", "select auth.sign_in(%s::uuid::text, 'x')",
        "select auth.sign_in('a', %s::text), %s::json", "select r.* from auth.sign_in('a', %s) as r, lateral (select 1 / length(left(r.status, 0))) as x",
        "insert into auth.\"user\" (email, password_hash) values ('BAD', %s)", "select set_config('pg_gatehouse.token', %s, true)",
        "select set_config('request.headers', %s, true), auth.authenticate(%s)",
    ):
        for prepare in (False, True):
            attempt(owner, statement, [canaries.fresh() for _ in range(statement.count("%s"))], prepare=prepare)
    assert canaries.found() == []


def test_copied_data_that_is_refused(owner, canaries):
    for row in ("x\t{}\n", "{}\n"):
        with pytest.raises(psycopg.Error):
            with owner.cursor().copy("copy auth.\"user\" (email, password_hash) from stdin") as copy:
                copy.write(row.format(canaries.fresh()).replace("x\t", "BAD@\t"))
    assert canaries.found() == []


def test_the_fronts_statement(owner, canaries):
    """One statement that sets the request's variables and authenticates, then the query."""
    statement = "select set_config('search_path', 'public', true), set_config('request.headers', %s, true), auth.authenticate(%s)"
    for _ in range(2):
        attempt(owner, statement, [json.dumps({"authorization": "Bearer " + canaries.fresh()}), canaries.fresh()])
    assert canaries.found() == []


def test_tokens_keys_and_hashes_go_from_statements_that_name_nothing_of_ours(owner, cluster):
    token = owner.execute("select auth.mint_token('{\"sub\": \"x\"}')").fetchone()[0]
    hash = owner.execute("select auth.hash_password('seven green sailing boats')").fetchone()[0]
    start = len(cluster.log())
    for secret in (token, hash, "ghk_" + "a" * 40, "gatehouse_rt_" + "b" * 40):
        owner.execute(f"select '{secret}' as x")
        owner.execute("select %s::text as x", [secret])
        owner.execute(f"do $$ begin raise log 'x {secret}'; end $$")
        attempt(owner, f"select '{secret}'::int")
    kept = [row[0] for row in owner.execute("select query from pg_stat_statements")]
    for secret in (token.rsplit(".", 1)[1], hash[7:], "a" * 40, "b" * 40):
        assert secret not in cluster.log()[start:]
        assert not [query for query in kept if secret in query]


def test_a_real_sign_in_and_what_it_gives_stay_out(owner, cluster):
    owner.execute("select auth.sign_up('eve@example.com', 'seven green sailing boats')")
    start = len(cluster.log())
    token = owner.execute("select access_token from auth.sign_in('eve@example.com', 'seven green sailing boats')").fetchone()[0]
    with owner.transaction():
        owner.execute("select auth.authenticate(%s)", [token])
    log = cluster.log()[start:]
    assert "auth.sign_in(" in log, "the statement itself is told"
    for secret in (token, token.rsplit(".", 1)[1], "seven green"):
        assert secret not in log


def test_other_statements_are_logged_and_kept_as_ever(owner, cluster):
    start = len(cluster.log())
    owner.execute("select 'plain text' as x where auth.uid() is null")
    owner.execute("select %s::text as y", ["a parameter"])
    log = cluster.log()[start:]
    assert "select 'plain text' as x where auth.uid() is null" in log and "'a parameter'" in log
    kept = [row[0] for row in owner.execute("select query from pg_stat_statements")]
    assert any("auth.uid() is null" in query for query in kept)
    # With parameters alone there is nothing to hide.
    attempt(owner, "select auth.sign_in('a', %s)".replace("'a'", "%s"), ["a", "b"])
    assert any("auth.sign_in($1, $2)" in row[0] for row in owner.execute("select query from pg_stat_statements"))


def test_the_client_still_gets_its_error(owner):
    with pytest.raises(psycopg.errors.UndefinedFunction) as error:
        owner.execute("select auth.sign_in(1, 2, 3, 4)")
    assert error.value.diag.message_primary == "function auth.sign_in(integer, integer, integer, integer) does not exist"
    with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification) as error:
        owner.execute("select auth.authenticate('nonsense')")
    assert error.value.diag.message_detail == "token_malformed"


def test_pg_stat_statements_loaded_later_keeps_no_secret_either():
    with throwaway.cluster(*SETTINGS[:-2], preload="pg_gatehouse, pg_stat_statements") as cluster, cluster.connect() as owner:
        owner.execute("create extension pg_stat_statements")
        owner.execute("select auth.sign_in('a', 'canary-1')")
        owner.execute("do $$ begin perform auth.sign_in('a', 'canary-2'); end $$")
        owner.execute("select pg_stat_statements_reset(), auth.sign_in('a', 'canary-3')")
        kept = [row[0] for row in owner.execute("select query from pg_stat_statements")]
        assert kept and not [query for query in kept if CANARY in query]
        assert CANARY not in cluster.log()
