# The checkout's own PostgreSQL: programs, data, start and stop. Sourced, not run.
#
# A PostgreSQL installation finds its files relative to its programs, so a copy of it can have
# libraries of its own. Nothing is installed into the system's, nor into one that runs.

pg() { echo "$STATE/server/bin/$1"; }

# Moves the state to where the server's user can reach it, if it can not reach the checkout.
place_state() {
    mkdir -p "$STATE/log" 2>/dev/null || die "$STATE can not be written" "check the rights on the checkout"
    [ -L "$STATE/server" ] || as_user "$(server_user)" test -x "$STATE" 2>/dev/null && return
    is_root && id postgres >/dev/null 2>&1 || return 0
    local elsewhere=/var/tmp/gatehouse-$(printf '%s' "$STATE" | cksum | cut -d' ' -f1)
    step "user postgres can not reach $STATE; the server lives in $elsewhere"
    install -d -m 755 "$elsewhere/server" "$elsewhere/bin"
    install -d -m 700 -o postgres -g postgres "$elsewhere/data" "$elsewhere/run"
    ln -sfn "$elsewhere/server" "$STATE/server"
    ln -sfn "$elsewhere/data" "$STATE/data"
    ln -sfn "$elsewhere/run" "$STATE/run"
    ln -sfn "$elsewhere/bin" "$STATE/bin"
}

# Copies the programs; headers and documentation stay behind.
#
# Two folders deep, with the libraries beside: servers that come as a Python wheel look for theirs
# three folders above each program.
make_server() {
    local where stamp prefix folder programs
    stamp="$("$PG_CONFIG" --version) $PG_CONFIG 2"
    where=$(readlink -f "$STATE/server" || echo "$STATE/server")
    [ "$(cat "$where/.made-from" 2>/dev/null || true)" = "$stamp" ] && return 0
    step "copying $("$PG_CONFIG" --version) for this checkout"
    server_running && stop_server
    find "$where" -mindepth 1 -delete 2>/dev/null || true
    programs=$where/package/install
    mkdir -p "$programs"
    prefix=$(common_folder "$("$PG_CONFIG" --bindir)" "$("$PG_CONFIG" --sharedir)" "$("$PG_CONFIG" --pkglibdir)")
    for folder in "$("$PG_CONFIG" --bindir)" "$("$PG_CONFIG" --sharedir)" "$("$PG_CONFIG" --pkglibdir)"; do
        mkdir -p "$programs${folder#"$prefix"}"
        cp -a "$folder/." "$programs${folder#"$prefix"}/"
    done
    rm -rf "$programs$(relative --pkglibdir)/bitcode" "$programs$(relative --pkglibdir)/pgxs"
    for folder in "$prefix"/../../*.libs; do
        [ ! -d "$folder" ] || cp -a "$folder" "$where/"
    done
    ln -sfn "package/install$(relative --bindir)" "$where/bin"
    printf '%s' "$stamp" >"$where/.made-from"
}

# What pg_config tells, below the prefix that PostgreSQL relocates.
relative() {
    local folder
    folder=$("$PG_CONFIG" "$1")
    echo "${folder#"$(common_folder "$("$PG_CONFIG" --bindir)" "$("$PG_CONFIG" --sharedir)" "$("$PG_CONFIG" --pkglibdir)")"}"
}

# The longest folder that all three are in.
common_folder() {
    printf '%s/\n%s/\n%s/\n' "$@" | sed -e 'N;N;s/^\(.*\)\/.*\n\1\/.*\n\1\/.*$/\1/'
}

# install_extension FOLDER: puts a built extension in; stops the server first if it differs.
install_extension() {
    local from=$1 lib share file changed=
    lib=$("$(pg pg_config)" --pkglibdir) share=$("$(pg pg_config)" --sharedir)/extension
    cmp -s "$from/pg_gatehouse.so" "$lib/pg_gatehouse.so" || changed=1
    for file in "$from"/*.control "$from"/*.sql; do
        cmp -s "$file" "$share/$(basename "$file")" || changed=1
    done
    [ -n "$changed" ] || return 0
    if server_running; then
        step "stopping the server to install the new library"
        stop_server
    fi
    install -m 755 "$from/pg_gatehouse.so" "$lib/pg_gatehouse.so.new"
    mv "$lib/pg_gatehouse.so.new" "$lib/pg_gatehouse.so"
    install -m 644 "$from"/*.control "$from"/*.sql "$share/"
}

# The folder of the socket; socket paths are limited to some hundred bytes.
socket_folder() {
    local folder=$STATE/run
    [ ${#folder} -le 80 ] || folder=/tmp/gatehouse-$(printf '%s' "$STATE" | cksum | cut -d' ' -f1)
    echo "$folder"
}

make_cluster() {
    local folder
    folder=$(socket_folder)
    for folder in "$STATE/data" "$folder"; do
        [ -e "$folder" ] || install -d -m 700 -o "$(server_user)" "$folder"
    done
    if [ ! -s "$STATE/data/PG_VERSION" ]; then
        step "making a database cluster"
        DB_PASSWORD=$(random_word)
        save_secret DB_PASSWORD "$DB_PASSWORD"
        local file=$STATE/data.password
        install -m 600 -o "$(server_user)" /dev/null "$(readlink -f "$STATE/data")/../.initial-password" 2>/dev/null || true
        file=$(dirname "$(readlink -f "$STATE/data")")/.initial-password
        printf '%s' "$DB_PASSWORD" >"$file"
        as_server "$(pg initdb)" -D "$(readlink -f "$STATE/data")" -U postgres -A scram-sha-256 --pwfile="$file" \
            --no-locale -E UTF8 >"$STATE/log/initdb.log" 2>&1 || { rm -f "$file"; die "initdb failed" "see $STATE/log/initdb.log"; }
        rm -f "$file"
        echo "include 'gatehouse.conf'" | as_server tee -a "$STATE/data/postgresql.conf" >/dev/null
    elif [ "$(cat "$STATE/data/PG_VERSION")" != "$PG_MAJOR" ]; then
        die "the cluster in $STATE is of PostgreSQL $(cat "$STATE/data/PG_VERSION"), not $PG_MAJOR" \
            "run make clean for a new one, or set PG_CONFIG to the old pg_config"
    fi
    make_master_key
}

# 256 random bits, for the server's eyes only, outside the data folder so that no backup has both.
make_master_key() {
    local file
    file=$(dirname "$(readlink -f "$STATE/data")")/master.key
    if [ ! -s "$file" ]; then
        step "making the master key"
        install -m 600 -o "$(server_user)" /dev/null "$file"
        random_word 32 >"$file"
    fi
    MASTER_KEY=$file
}

configure_server() {
    as_server tee "$STATE/data/gatehouse.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $DB_PORT
unix_socket_directories = '$(socket_folder)'
shared_preload_libraries = 'pg_gatehouse'
pg_gatehouse.master_key_file = '$MASTER_KEY'
pg_gatehouse.client_address_header = 'x-gatehouse-client-address'
password_encryption = 'scram-sha-256'
max_connections = 100
log_min_messages = warning
${EXTRA_CONF:-}
CONF
}

server_running() {
    [ -s "$STATE/data/postmaster.pid" ] && as_server "$(pg pg_ctl)" -D "$STATE/data" status >/dev/null 2>&1
}

start_server() {
    server_running && return 0
    port_in_use "$DB_PORT" && die "port $DB_PORT is in use by another program" "set GATEHOUSE_DB_PORT to a free one"
    configure_server
    step "starting PostgreSQL on port $DB_PORT"
    touch "$STATE/log/postgres.log"
    chown "$(server_user)" "$STATE/log/postgres.log"
    as_server "$(pg pg_ctl)" -D "$STATE/data" -w -t 60 start </dev/null >>"$STATE/log/postgres.log" 2>&1 ||
        die "PostgreSQL did not start" "see $STATE/log/postgres.log"
}

stop_server() {
    server_running || return 0
    as_server "$(pg pg_ctl)" -D "$STATE/data" -m fast -w stop >/dev/null
}

# sql [psql arguments]: as the superuser, stopping at the first error.
sql() {
    PGPASSWORD=$DB_PASSWORD "$(pg psql)" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$DB_PORT" -U postgres -d "${DATABASE:-gatehouse}" "$@"
}
