"""What it costs to seal a transaction with a token, by algorithm, and to verify a token in plain SQL.

`auth.authenticate` is called in a loop inside the server, a transaction each, so that no network takes part; the same
loop without it is what a transaction costs anyway and is taken off. A backend remembers tokens that it verified, so
there are two numbers: for a token that it sees for the first time, and for one that comes again. What the signature
takes of the first is measured beside it, by the same library outside the server (crates/core/benches/signatures.rs)."""

import json
import os
import statistics
import subprocess
import time

from measure import Line, against, connect, duration, interleaved

ALGORITHMS = ("HS256", "ES256", "EdDSA", "RS256")
TRANSACTIONS = 500
TOKENS = 1_000
# As often does `auth.jwt_verify` go over the tokens, so that it is measured for about as long as the check in SQL.
REPEATED = 10
SECRET = "a secret of thirty-two bytes or more"

AGAIN = "do $$ declare token text := (select t.token from bench.minted as t where algorithm = '{algorithm}' and n = 1); begin for i in 1..{count} loop perform {call}; commit; end loop; end $$"
FIRST = "do $$ declare token text; begin for token in select t.token from bench.minted as t where algorithm = '{algorithm}' and n > 1 loop perform {call}; commit; end loop; end $$"

# Tokens of one session, each with another text.
MINT = """
create table bench.minted (algorithm text, n integer, token text);
grant usage on schema bench to authenticator;
grant select on bench.minted to authenticator;
"""

# The check as pgjwt makes it, without this extension: take apart, sign again, compare, look at the times.
BY_HAND = """
create table bench.token (claims text not null, token text not null);
create function bench.url_decode(data text) returns bytea language sql immutable as
$$ select decode(rpad(translate(data, '-_', '+/'), (length(data) + 3) / 4 * 4, '='), 'base64') $$;
create function bench.url_encode(data bytea) returns text language sql immutable as
$$ select translate(encode(data, 'base64'), E'+/=\\n', '-_') $$;
create function bench.verify(token text, secret text, out payload json, out valid boolean) language sql stable as
$$
    select convert_from(bench.url_decode(part[2]), 'utf8')::json,
           convert_from(bench.url_decode(part[1]), 'utf8')::json ->> 'alg' = 'HS256'
           and part[3] = bench.url_encode(hmac(part[1] || '.' || part[2], secret, 'sha256'))
           and tstzrange(to_timestamp((convert_from(bench.url_decode(part[2]), 'utf8')::json ->> 'nbf')::double precision),
                         to_timestamp((convert_from(bench.url_decode(part[2]), 'utf8')::json ->> 'exp')::double precision))
               @> current_timestamp
      from regexp_split_to_array(token, '\\.') as part
$$;
"""
# Both give the claims of every token that is good.
VERIFY_BY_HAND = """select count(checked.payload) from bench.token, bench.verify(token, %s) as checked
                     where claims = %s and checked.valid"""
VERIFY = f"""select count(auth.jwt_verify(token, %s, '{{HS256}}')) from bench.token, generate_series(1, {REPEATED})
              where claims = %s"""


def measure():
    with connect("DB") as owner, connect("AUTHENTICATOR") as login:
        claims = signed_in(owner)
        yield from authenticate(owner, login, claims)
        yield from verify(owner, claims)


def signed_in(owner):
    """The claims of a real access token, whose session is looked up at every use."""
    query = """select d.claims from auth.sign_in('alice@acme.example', 'seven green sailing boats') as s,
                      auth.jwt_decode_unverified(s.access_token) as d"""
    return owner.execute(query).fetchone()[0]


def authenticate(owner, login, claims):
    owner.execute(MINT)
    for algorithm in ALGORITHMS:
        owner.execute("select auth.rotate_signing_key(%s)", [algorithm])
        owner.execute("""insert into bench.minted
                         select %s, n, auth.mint_token(%s::jsonb || jsonb_build_object('n', n)) from generate_series(1, %s) as n""",
                      [algorithm, json.dumps(claims), TRANSACTIONS + 1])
    owner.execute("select auth.rotate_signing_key()")
    owner.execute("analyze bench.minted")
    size = owner.execute("select max(length(token) - length(substring(token from '[^.]*$')) - 1) from bench.minted where algorithm = 'HS256'").fetchone()[0]

    signatures = {algorithm: [] for algorithm in ALGORITHMS}
    works = {f"again {algorithm}": again(login, algorithm, "auth.authenticate(token)") for algorithm in ALGORITHMS}
    works |= {f"first {algorithm}": first(algorithm, "auth.authenticate(token)") for algorithm in ALGORITHMS}
    works |= {"again": again(login, "HS256", "length(token)"), "first": first("HS256", "length(token)"), "signatures": lambda: bare_signatures(size, signatures)}
    times = interleaved(7, **works)
    for algorithm in ALGORITHMS:
        seconds = {when: (times.median(f"{when} {algorithm}") - times.median(when)) / TRANSACTIONS for when in ("first", "again")}
        signature = statistics.median(signatures[algorithm])
        yield Line(f"`auth.authenticate` {algorithm}, a token that this backend has not seen",
                   f"{duration(seconds['first'])}, of which the signature {duration(signature)} ({signature / seconds['first']:.0%})")
        yield Line(f"`auth.authenticate` {algorithm}, one that comes again",
                   f"{duration(seconds['again'])} against {duration(seconds['first'])}", seconds["again"] / seconds["first"])


def again(connection, algorithm, call):
    return lambda: connection.execute(AGAIN.format(algorithm=algorithm, count=TRANSACTIONS, call=call)) and None


def first(algorithm, call):
    """In a fresh backend, which knows its keys and none of these tokens."""

    def work():
        with connect("AUTHENTICATOR") as fresh:
            fresh.execute(AGAIN.format(algorithm=algorithm, count=1, call=call))
            start = time.perf_counter()
            fresh.execute(FIRST.format(algorithm=algorithm, call=call))
            return time.perf_counter() - start

    return work


def bare_signatures(size, into):
    command = ["cargo", "bench", "--quiet", "--locked", "-p", "gatehouse-core", "--bench", "signatures", "--", str(size)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "CARGO_TERM_COLOR": "never"})
    for line in printed.stdout.splitlines():
        algorithm, microseconds_each = line.split()
        into[algorithm].append(float(microseconds_each) / 1e6)


def verify(owner, claims):
    few = {name: claims[name] for name in ("sub", "role", "iat", "nbf", "exp")}
    owner.execute(BY_HAND)
    for name, given in (("all", claims), ("few", few)):
        # Every token another one, so that nothing can be remembered from the one before.
        owner.execute("""insert into bench.token
                         select %s::text, auth.jwt_sign(%s::jsonb || jsonb_build_object('jti', gen_random_uuid()), %s)
                           from generate_series(1, %s)""", [name, json.dumps(given), SECRET, TOKENS])
    owner.execute("analyze bench.token")
    # The target is for the tokens of this project; small ones are there to be known.
    for name, said, target in (("all", f"an access token of {len(claims)} claims", 10), ("few", f"one of {len(few) + 1} claims", None)):
        times = interleaved(
            15,
            ours=verifying(owner, VERIFY, name, TOKENS * REPEATED),
            by_hand=verifying(owner, VERIFY_BY_HAND, name, TOKENS),
        )
        yield Line(f"HS256 in SQL with pgcrypto's `hmac()`, as pgjwt does it, against `auth.jwt_verify`: {said}",
                   *against(times, "by_hand", "ours"), at_least=target)


def verifying(connection, query, name, expected):
    def work():
        start = time.perf_counter()
        valid = connection.execute(query, [SECRET, name]).fetchone()[0]
        if valid != expected:
            raise RuntimeError(f"only {valid} of {expected} tokens were valid: {query}")
        return (time.perf_counter() - start) / expected

    return work
