# Builds the extension and the front. Sourced, not run.
#
# What `cargo pgrx package` would make is made here from the same files without it: the library,
# the control file and sql/NN_*.sql in their order. So cargo-pgrx need not be installed.

# build_extension TARGET-FOLDER [FEATURES]: leaves pg_gatehouse.so, .control and --VERSION.sql there.
build_extension() {
    local into=$1 features=${2:-} version
    step "building the extension for PostgreSQL $PG_MAJOR${features:+ with $features} (minutes the first time)"
    (cd "$ROOT" && PGRX_PG_CONFIG_PATH=$PG_CONFIG cargo build --quiet --release --locked -p pg_gatehouse \
        --no-default-features --features "pg$PG_MAJOR $features") || die "the build failed" "read the compiler's message above"
    version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
    mkdir -p "$into"
    install -m 755 "$(target_folder)/release/libpg_gatehouse.so" "$into/pg_gatehouse.so"
    sed "s/@CARGO_VERSION@/$version/" "$ROOT/pg_gatehouse.control" >"$into/pg_gatehouse.control"
    {
        echo '\echo Use "create extension pg_gatehouse" to load this file. \quit'
        for file in "$ROOT"/sql/[0-9][0-9]_*.sql; do
            case $file in *_fault_injection.sql) [[ " $features " == *" fault_injection "* ]] || continue ;; esac
            echo
            cat "$file"
        done
    } >"$into/pg_gatehouse--$version.sql"
    find "$ROOT/sql" -name 'pg_gatehouse--*--*.sql' -exec cp {} "$into/" \;
}

build_front() {
    step "building the HTTP front"
    (cd "$ROOT" && cargo build --quiet --release --locked -p gatehouse) || die "the build failed" "read the compiler's message above"
}

target_folder() { echo "${CARGO_TARGET_DIR:-$ROOT/target}"; }
