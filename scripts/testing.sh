# What the tests need on top of an instance. Sourced, not run.

# pgTAP and its runner. Its files are plain SQL: any version's serve every PostgreSQL.
ensure_pgtap() {
    local from share
    from=$(ls -d /usr/share/postgresql/*/extension/pgtap.control 2>/dev/null | tail -n 1 || true)
    if [ -z "$from" ]; then
        ensure_packages "$(apt-cache search --names-only '^postgresql-[0-9]+-pgtap$' | cut -d' ' -f1 | sort -V | tail -n 1)"
        from=$(ls -d /usr/share/postgresql/*/extension/pgtap.control | tail -n 1)
    fi
    ensure_packages libtap-parser-sourcehandler-pgtap-perl
    share=$("$(pg pg_config)" --sharedir)/extension
    cp "$(dirname "$from")"/pgtap* "$share/"
}

# The clients that tokens and hashes are exchanged with, in folders of this checkout.
ensure_clients() {
    # The browser brings no font along.
    ensure_packages openssl apache2-utils pgbouncer chromium fonts-dejavu-core
    command -v node >/dev/null && command -v npm >/dev/null || ensure_packages nodejs npm
    ensure_python
    local node=$ROOT/.gatehouse/node
    if ! cmp -s "$ROOT/tests/package.json" "$node/package.json"; then
        step "installing the JavaScript clients"
        rm -rf "$node"
        mkdir -p "$node"
        cp "$ROOT/tests/package.json" "$ROOT/tests/package-lock.json" "$node/"
        (cd "$node" && npm ci --silent --no-audit --no-fund) || { rm -rf "$node"; die "installing the JavaScript clients failed"; }
    fi
}

# The Python clients alone.
ensure_python() {
    local venv=$ROOT/.gatehouse/venv
    cmp -s "$ROOT/tests/requirements.txt" "$venv/requirements.txt" && return 0
    step "installing the Python clients"
    python3 -c 'import ensurepip, venv' 2>/dev/null || ensure_packages python3-venv
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet -r "$ROOT/tests/requirements.txt" || die "installing the Python clients failed"
    cp "$ROOT/tests/requirements.txt" "$venv/requirements.txt"
}

# In-database tests, each file a promise: first as the superuser, then as the login role.
run_pgtap() {
    step "tests inside PostgreSQL $PG_MAJOR"
    DATABASE=postgres sql -c 'drop database if exists pg_test' -c 'create database pg_test'
    DATABASE=pg_test sql -f "$ROOT/pg_test/setup.sql" >/dev/null
    local superuser login
    superuser=$(grep -L 'Run as authenticator' "$ROOT"/pg_test/*.sql | grep -v '/setup\.sql$')
    login=$(grep -l 'Run as authenticator' "$ROOT"/pg_test/*.sql)
    prove_as postgres "$DB_PASSWORD" $superuser
    prove_as authenticator "$AUTHENTICATOR_PASSWORD" $login
}

prove_as() {
    local user=$1 password=$2
    shift 2
    PGPASSWORD=$password PGOPTIONS='-c client_min_messages=warning' pg_prove --quiet --psql-bin "$(pg psql)" \
        -h 127.0.0.1 -p "$DB_PORT" -U "$user" -d pg_test "$@" 2>"$STATE/log/pg_prove.log" ||
        die "tests inside PostgreSQL failed" "see above and $STATE/log/pg_prove.log"
}

run_end_to_end() {
    step "end to end, against the running system"
    GATEHOUSE_ENV=$STATE/env GATEHOUSE_NODE=$ROOT/.gatehouse/node \
        "$ROOT/.gatehouse/venv/bin/python" -m pytest -q "$ROOT/tests" -p no:cacheprovider "$@"
}
