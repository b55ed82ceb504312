# An instance: a cluster with the extension, the demo and the front, under one state folder.
# Sourced, not run.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/scripts/build.sh"
. "$ROOT/scripts/server.sh"
. "$ROOT/scripts/front.sh"

DATABASE=gatehouse
# What an instance for trying out has, and one for tests has not: see scripts/up.
DEV_MAILBOX=off
AUTOCONFIRM=

# Passwords and ports of this instance, remembered between runs.
load_secrets() {
    local file=$STATE/secrets
    [ ! -f "$file" ] || . "$file"
    DB_PORT=${GATEHOUSE_DB_PORT:-${DB_PORT:-$(free_port)}}
    HTTP_PORT=${GATEHOUSE_HTTP_PORT:-${HTTP_PORT:-$(free_port)}}
    save_secret DB_PORT "$DB_PORT"
    save_secret HTTP_PORT "$HTTP_PORT"
}

save_secret() {
    local file=$STATE/secrets
    [ -f "$file" ] || install -m 600 /dev/null "$file"
    sed -i "/^$1=/d" "$file"
    printf '%s=%q\n' "$1" "$2" >>"$file"
}

secret() {
    [ -n "${!1:-}" ] || { printf -v "$1" '%s' "$(random_word)"; save_secret "$1" "${!1}"; }
}

# Database, extension, roles' passwords, first key. Each step is done once.
provision() {
    DATABASE=postgres sql -At -c "select 1 from pg_database where datname = 'gatehouse'" | grep -q 1 ||
        { step "creating database gatehouse"; DATABASE=postgres sql -c 'create database gatehouse'; }
    sql -c 'create extension if not exists pg_gatehouse; alter extension pg_gatehouse update' 2>/dev/null ||
        sql -c 'create extension if not exists pg_gatehouse; alter extension pg_gatehouse update'
    secret AUTHENTICATOR_PASSWORD
    secret SERVICE_PASSWORD
    # On standard input: what is in arguments, others can read in the list of processes.
    sql <<SQL
alter role authenticator password '$AUTHENTICATOR_PASSWORD';
alter role service_authenticator password '$SERVICE_PASSWORD';
do \$\$ begin
    if not exists (select from auth.signing_key where status = 'active') then
        perform auth.rotate_signing_key();
    end if;
end \$\$;
SQL
    AUTHENTICATOR_URI=postgresql://authenticator:$AUTHENTICATOR_PASSWORD@127.0.0.1:$DB_PORT/$DATABASE
    SERVICE_URI=postgresql://service_authenticator:$SERVICE_PASSWORD@127.0.0.1:$DB_PORT/$DATABASE
    if [ -z "${ANON_KEY:-}" ] || [ -z "${SERVICE_KEY:-}" ]; then
        ANON_KEY=$(sql -At -c "select auth.mint_token('{\"role\": \"anon\"}', '10 years')")
        SERVICE_KEY=$(sql -At -c "select auth.mint_token('{\"role\": \"service_role\"}', '10 years')")
        save_secret ANON_KEY "$ANON_KEY"
        save_secret SERVICE_KEY "$SERVICE_KEY"
    fi
}

write_env() {
    local file=$STATE/env
    install -m 600 /dev/null "$file.new"
    cat >"$file.new" <<ENV
# Written by make up: how to reach this checkout's instance. Source it: . ${file#"$ROOT/"}
export GATEHOUSE_URL=http://127.0.0.1:$HTTP_PORT
export GATEHOUSE_DB_URI=postgresql://postgres:$DB_PASSWORD@127.0.0.1:$DB_PORT/$DATABASE
export GATEHOUSE_AUTHENTICATOR_URI=$AUTHENTICATOR_URI
export GATEHOUSE_SERVICE_AUTHENTICATOR_URI=$SERVICE_URI
export GATEHOUSE_ANON_KEY=$ANON_KEY
export GATEHOUSE_SERVICE_KEY=$SERVICE_KEY
export GATEHOUSE_PG_BIN=$(readlink -f "$(dirname "$(readlink -f "$(pg pg_config)")")")
export GATEHOUSE_DATA=$(readlink -f "$STATE/data")
export GATEHOUSE_LOG=$STATE/log/postgres.log
ENV
    [ "$DEV_MAILBOX" = off ] || echo "export GATEHOUSE_MAILBOX_URL=http://127.0.0.1:$HTTP_PORT/dev/mail" >>"$file.new"
    mv "$file.new" "$file"
}

# instance_up FEATURES: everything, idempotent.
instance_up() {
    mkdir -p "$STATE/log"
    ensure_rust
    choose_postgres
    ensure_packages curl
    build_extension "$STATE/build" "${1:-}"
    build_front
    place_state
    load_secrets
    make_server
    install_extension "$STATE/build"
    make_cluster
    start_server
    provision
    demo
    set_autoconfirm
    start_front
    write_env
}

# Throws the data away, so that the next instance_up starts from nothing; programs stay.
instance_forget() {
    instance_down
    [ ! -e "$STATE/data" ] || find "$(readlink -f "$STATE/data")" -mindepth 1 -delete
    rm -f "$STATE/secrets" "$STATE/env"
}

demo() {
    sql -At -c "select 1 from auth.tenant where slug = 'acme'" | grep -q 1 && return 0
    step "making the demo: tenants acme and globex, users alice and bob"
    sql -f "$ROOT/demo/demo.sql" >/dev/null
}

# Whether an address counts as proved at sign-up. For new connections, so before the front starts.
set_autoconfirm() {
    case $AUTOCONFIRM in
        "") ;;
        on | off) sql -c "alter database $DATABASE set pg_gatehouse.autoconfirm = $AUTOCONFIRM" ;;
        *) die "GATEHOUSE_AUTOCONFIRM=$AUTOCONFIRM is neither on nor off" "set it to one of them, or leave it out" ;;
    esac
}

instance_down() {
    stop_front
    [ ! -e "$STATE/data" ] || stop_server
}

instance_clean() {
    instance_down
    local link
    for link in server data run bin; do
        [ ! -L "$STATE/$link" ] || rm -rf "$(dirname "$(readlink -f "$STATE/$link")")"
    done
    rm -rf "$STATE"
}
