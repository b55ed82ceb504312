"""What it costs to seal a transaction with a token, by algorithm, and to verify a token in plain SQL.

`auth.authenticate` is called in a loop inside the server, a transaction each, so that no network takes part; the same
loop without it is what a transaction costs anyway and is taken off. What of the rest the signature takes is measured
beside it, by the same library outside the server (crates/core/benches/signatures.rs)."""

import json
import os
import subprocess

from measure import Line, connect, interleaved, microseconds

ALGORITHMS = ("HS256", "ES256", "EdDSA", "RS256")
TRANSACTIONS = 500
TOKENS = 1_000
SECRET = "a secret of thirty-two bytes or more"

LOOP = "do $$ declare token text := '{token}'; begin for i in 1..{count} loop perform {call}; commit; end loop; end $$"

# The check as pgjwt makes it, without this extension: take apart, sign again, compare, look at the times.
BY_HAND = """
create table bench.token (token text not null);
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
VERIFY_BY_HAND = "select count(*) from bench.token, bench.verify(token, %s) as checked where checked.valid"
VERIFY = "select count(auth.jwt_verify(token, %s, '{HS256}')) from bench.token"


def measure():
    with connect("DB") as owner, connect("AUTHENTICATOR") as login:
        claims = signed_in(owner)
        yield from authenticate(owner, login, claims)
        yield verify(owner, claims)


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
        whole = (times[algorithm] - times["nothing"]) / TRANSACTIONS
        signature = sorted(signatures[algorithm])[len(signatures[algorithm]) // 2]
        yield Line(f"`auth.authenticate` {algorithm}, per transaction",
                   f"{microseconds(whole)}, of which the signature {microseconds(signature)} ({signature / whole:.0%})")


def looping(connection, token, call):
    return lambda: connection.execute(LOOP.format(token=token, count=TRANSACTIONS, call=call)) and None


def bare_signatures(size, into):
    command = ["cargo", "bench", "--quiet", "--locked", "-p", "gatehouse-core", "--bench", "signatures", "--", str(size)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "CARGO_TERM_COLOR": "never"})
    for line in printed.stdout.splitlines():
        algorithm, microseconds_each = line.split()
        into[algorithm].append(float(microseconds_each) / 1e6)


def verify(owner, claims):
    owner.execute(BY_HAND)
    owner.execute("insert into bench.token select auth.jwt_sign(%s, %s) from generate_series(1, %s)",
                  [json.dumps(claims), SECRET, TOKENS])
    times = interleaved(15, ours=verifying(owner, VERIFY), by_hand=verifying(owner, VERIFY_BY_HAND))
    ours, by_hand = times["ours"] / TOKENS, times["by_hand"] / TOKENS
    return Line("HS256 in SQL with pgcrypto's `hmac()`, as pgjwt does it, against `auth.jwt_verify`",
                f"{microseconds(by_hand)} against {microseconds(ours)}", by_hand / ours, at_least=10)


def verifying(connection, query):
    def work():
        valid = connection.execute(query, [SECRET]).fetchone()[0]
        if valid != TOKENS:
            raise RuntimeError(f"only {valid} of {TOKENS} tokens were valid: {query}")

    return work
