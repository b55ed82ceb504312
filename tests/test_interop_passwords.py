"""Hashes made by other programs verify here, and ours there."""

import argon2
import bcrypt
import pytest
from conftest import run

PASSWORD = "seven green sailing boats"


def verify(owner, password, hashed):
    return owner.execute("select auth.verify_password(%s, %s)", [password, hashed]).fetchone()[0]


def others(owner):
    yield "htpasswd", run("htpasswd", "-nbB", "-C", "5", "x", PASSWORD).split(":")[1].strip()
    yield "python bcrypt 2b", bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()
    yield "python bcrypt 2a", bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5, b"2a")).decode()
    yield "argon2id", argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=2).hash(PASSWORD)
    yield "argon2i", argon2.PasswordHasher(1, 8192, 1, type=argon2.Type.I).hash(PASSWORD)
    owner.execute("create extension if not exists pgcrypto")
    yield "pgcrypto", owner.execute("select crypt(%s, gen_salt('bf', 5))", [PASSWORD]).fetchone()[0]


def test_hashes_of_others_verify_here(owner):
    if not owner.execute("select 1 from pg_available_extensions where name = 'pgcrypto'").fetchone():
        pytest.skip("this server has no pgcrypto")
    for name, hashed in others(owner):
        assert verify(owner, PASSWORD, hashed), name
        assert not verify(owner, PASSWORD + "x", hashed), name
        assert owner.execute("select auth.password_needs_rehash(%s)", [hashed]).fetchone()[0], name


def test_our_hashes_verify_there(owner, tmp_path):
    ours = owner.execute("select auth.hash_password(%s, 'bcrypt', 10)", [PASSWORD]).fetchone()[0]
    assert bcrypt.checkpw(PASSWORD.encode(), ours.encode())
    # pgcrypto knows this algorithm by its older prefix only, and takes $2b$ for DES.
    theirs = ours.replace("$2b$", "$2a$")
    assert owner.execute("select crypt(%s, %s) = %s", [PASSWORD, theirs, theirs]).fetchone()[0]
    (tmp_path / "htpasswd").write_text(f"x:{ours}\n")
    run("htpasswd", "-vb", str(tmp_path / "htpasswd"), "x", PASSWORD)
    ours = owner.execute("select auth.hash_password(%s, 'argon2id')", [PASSWORD]).fetchone()[0]
    assert argon2.PasswordHasher().verify(ours, PASSWORD)
