# Shared by all scripts here: messages, the choice of PostgreSQL, running as an unprivileged user.
# Sourced, not run.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
STATE=${GATEHOUSE_STATE:-$ROOT/.gatehouse}
OLDEST_PG=14
NEWEST_PG=18
RUST_NEEDED=1.95

# A Rust panic must never send a backtrace to a client; do not even tempt other libraries.
unset RUST_BACKTRACE RUST_LIB_BACKTRACE

say() { printf '%s\n' "$*" >&2; }
step() { printf '  %s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '  fix: %s\n' "$2" >&2
    exit 1
}

is_root() { [ "$(id -u)" = 0 ]; }

# Runs a command with the rights to install packages.
privileged() {
    if is_root; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "installing packages needs root: $*" "run this as root, or install sudo"
    fi
}

# The user that the database server runs as: PostgreSQL refuses root.
server_user() { if is_root; then echo postgres; else id -un; fi; }

# Runs a command as a user; the current one needs nothing.
as_user() {
    local user=$1
    shift
    if [ "$user" = "$(id -un)" ]; then
        "$@"
    else
        setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups env HOME=/ "$@"
    fi
}
as_server() { as_user "$(server_user)" "$@"; }

# Installs the Debian packages that are missing.
ensure_packages() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "this system has no apt-get, and these are missing: ${missing[*]}" \
            "install PostgreSQL $OLDEST_PG to $NEWEST_PG with its server headers and run again with PG_CONFIG=/path/to/pg_config"
    step "installing ${missing[*]}"
    [ -n "$(find /var/lib/apt/lists -name '*Packages*' -mmin -1440 -print -quit 2>/dev/null)" ] ||
        privileged apt-get update -q >"$STATE/log/apt.log" 2>&1 || die "apt-get update failed" "see $STATE/log/apt.log"
    privileged env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" \
        >>"$STATE/log/apt.log" 2>&1 ||
        die "installing ${missing[*]} failed" "see $STATE/log/apt.log"
}

# The newest supported PostgreSQL that is installed or offered; PG_CONFIG overrides.
choose_postgres() {
    if [ -n "${PG_CONFIG:-}" ]; then
        [ -x "$PG_CONFIG" ] || die "PG_CONFIG=$PG_CONFIG is no program" "give the path of pg_config"
    else
        local newest
        newest=$( (
            ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | cut -d/ -f5
            apt-cache search --names-only '^postgresql-server-dev-[0-9]+$' 2>/dev/null | sed -E 's/^postgresql-server-dev-([0-9]+).*/\1/'
        ) | awk -v min=$OLDEST_PG -v max=$NEWEST_PG '$1 >= min && $1 <= max' | sort -n | tail -n 1)
        if [ -z "$newest" ] && command -v apt-get >/dev/null; then
            privileged apt-get update -q >"$STATE/log/apt.log" 2>&1 || true
            newest=$(apt-cache search --names-only '^postgresql-server-dev-[0-9]+$' |
                sed -E 's/^postgresql-server-dev-([0-9]+).*/\1/' |
                awk -v min=$OLDEST_PG -v max=$NEWEST_PG '$1 >= min && $1 <= max' | sort -n | tail -n 1)
        fi
        [ -n "$newest" ] || die "no PostgreSQL $OLDEST_PG to $NEWEST_PG found or offered here" \
            "install one with its server headers and run again with PG_CONFIG=/path/to/pg_config"
        ensure_packages "postgresql-$newest" "postgresql-server-dev-$newest"
        PG_CONFIG=/usr/lib/postgresql/$newest/bin/pg_config
    fi
    PG_MAJOR=$("$PG_CONFIG" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/')
    [ "$PG_MAJOR" -ge $OLDEST_PG ] && [ "$PG_MAJOR" -le $NEWEST_PG ] ||
        die "PostgreSQL $PG_MAJOR is not supported; $OLDEST_PG to $NEWEST_PG are" "set PG_CONFIG to the pg_config of a supported one"
    [ -f "$("$PG_CONFIG" --includedir-server)/postgres.h" ] ||
        die "the server headers of PostgreSQL $PG_MAJOR are missing" "install postgresql-server-dev-$PG_MAJOR"
    export PG_CONFIG PG_MAJOR
}

ensure_rust() {
    command -v cargo >/dev/null || die "cargo was not found" "install Rust $RUST_NEEDED or newer from https://rustup.rs"
    local have
    have=$(rustc --version | sed -E 's/^rustc ([0-9]+\.[0-9]+).*/\1/')
    [ "$(printf '%s\n' "$RUST_NEEDED" "$have" | sort -V | head -n 1)" = "$RUST_NEEDED" ] ||
        die "Rust $have is too old; $RUST_NEEDED or newer is needed" "run: rustup update stable"
}

# A TCP port nobody listens on.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        port_in_use "$port" || { echo "$port"; return; }
    done
}
port_in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

random_word() { od -An -N"${1:-16}" -tx1 /dev/urandom | tr -d ' \n'; }
