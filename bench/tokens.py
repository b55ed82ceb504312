"""What it costs to seal a transaction with a token, by algorithm, and to verify a token in plain SQL.

`auth.authenticate` is called in a loop inside the server, a transaction each, so that no network takes part; the same
loop without it is what a transaction costs anyway and is taken off. What of the rest the signature takes is measured
beside it, by the same library outside the server (crates/core/benches/signatures.rs)."""

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

LOOP = "do $$ declare token text := '{token}'; begin for i in 1..{count} loop perform {call}; commit; end loop; end $$"

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
    tokens = {}
    for algorithm in ALGORITHMS:
        owner.execute("select auth.rotate_signing_key(%s)", [algorithm])
        tokens[algorithm] = owner.execute("select auth.mint_token(%s)", [json.dumps(claims)]).fetchone()[0]
    owner.execute("select auth.rotate_signing_key()")
    size = len(tokens["HS256"].rpartition(".")[0])

    signatures = {algorithm: [] for algorithm in ALGORITHMS}
    works = {algorithm: looping(login, token, "auth.authenticate(token)") for algorithm, token in tokens.items()}
    works["nothing"] = looping(login, tokens["HS256"], "length(token)")
    works["signatures"] = lambda: bare_signatures(size, signatures)
    times = interleaved(7, **works)
    for algorithm in ALGORITHMS:
        whole = (times.median(algorithm) - times.median("nothing")) / TRANSACTIONS
        signature = statistics.median(signatures[algorithm])
        yield Line(f"`auth.authenticate` {algorithm}, per transaction",
                   f"{duration(whole)}, of which the signature {duration(signature)} ({signature / whole:.0%})")


def looping(connection, token, call):
    return lambda: connection.execute(LOOP.format(token=token, count=TRANSACTIONS, call=call)) and None


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
