# The HTTP front of this checkout: start and stop. Sourced, not run.

front_pid() {
    local pid
    pid=$(cat "$STATE/front.pid" 2>/dev/null) && kill -0 "$pid" 2>/dev/null &&
        grep -qs gatehouse "/proc/$pid/comm" && echo "$pid"
}

stop_front() {
    local pid
    pid=$(front_pid) || return 0
    kill -TERM "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    rm -f "$STATE/front.pid"
}

# The front holds nothing but the passwords of two login roles; it runs as nobody where it can.
start_front() {
    local binary=$STATE/bin/gatehouse new
    new=$(target_folder)/release/gatehouse
    if [ -n "$(front_pid)" ] && cmp -s "$new" "$binary" && front_ready; then
        return 0
    fi
    stop_front
    mkdir -p "$STATE/bin"
    install -m 755 "$new" "$binary.new"
    mv "$binary.new" "$binary"
    port_in_use "$HTTP_PORT" && die "port $HTTP_PORT is in use by another program" "set GATEHOUSE_HTTP_PORT to a free one"
    step "starting the HTTP front on port $HTTP_PORT"
    (
        export PGRST_DB_URI=$AUTHENTICATOR_URI GATEHOUSE_SERVICE_DB_URI=$SERVICE_URI
        export PGRST_DB_SCHEMAS=public PGRST_DB_ANON_ROLE=anon
        export PGRST_SERVER_HOST=127.0.0.1 PGRST_SERVER_PORT=$HTTP_PORT
        # Everybody here comes from this machine; the limits are per address.
        export GATEHOUSE_RATE_LIMIT_AUTH=off GATEHOUSE_MAX_CONNECTIONS_PER_ADDRESS=10000
        export GATEHOUSE_SITE_URL=${GATEHOUSE_SITE_URL:-http://127.0.0.1:$HTTP_PORT/auth/account} GATEHOUSE_DEV_MAILBOX=$DEV_MAILBOX
        export GATEHOUSE_PAGES=on GATEHOUSE_COOKIE_SESSIONS=on GATEHOUSE_EXTERNAL_URL=http://127.0.0.1:$HTTP_PORT
        local drop=()
        is_root && drop=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
        setsid "${drop[@]}" "$(readlink -f "$binary")" serve </dev/null >>"$STATE/log/front.log" 2>&1 &
        echo $! >"$STATE/front.pid"
    )
    for _ in $(seq 150); do
        front_ready && return 0
        # By its number: until it runs, the process has another name.
        kill -0 "$(cat "$STATE/front.pid")" 2>/dev/null || break
        sleep 0.1
    done
    die "the HTTP front did not become ready" "see $STATE/log/front.log"
}

front_ready() { curl -fsS -o /dev/null --max-time 2 "http://127.0.0.1:$HTTP_PORT/ready" 2>/dev/null; }
