# shellcheck shell=sh
# lib.sh - functions for the host-side scripts; read with `.`.

say() { printf '%s%s: %s\n' "${bar:+
}" "${0##*/}" "$*" >&2; bar=; }
die() { say "$*"; exit 1; }
bar=
# stage N OF TEXT: report that step N of OF begins; on a terminal as a progress bar, which the next one overwrites.
stage() {
    if [ -t 2 ] && [ "${TERM:-dumb}" != dumb ]; then
        printf '\r[%.*s%.*s] %s\033[K' "$(($1 * 24 / $2))" '########################' \
            "$((24 - $1 * 24 / $2))" '........................' "$3" >&2
        bar=1
        [ "$1" -lt "$2" ] || { printf '\n' >&2; bar=; }
    else
        say "$3"
    fi
}
have() { command -v "$1" >/dev/null 2>&1; }

# The Debian mirror of this machine, because it is known to work; on other systems the public one.
debian_mirror() {
    mirror=
    if have apt-get; then
        # shellcheck disable=SC2016 # the $(…) are apt's
        mirror=$(apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' \
            'Created-By: Packages' 2>/dev/null | sed -n 's|^Debian/Debian ||p' | sed q) || true
    fi
    printf '%s\n' "${mirror:-http://deb.debian.org/debian/}"
}

# This machine's apt settings for reaching and verifying a mirror (a proxy, a wrong clock), as an
# apt.conf for another root.
apt_settings() {
    have apt-config || return 0
    apt-config dump --no-empty --format '%F "%v";%n' Acquire::Check-Date \
        Acquire::Check-Valid-Until Acquire::http Acquire::https
}

# Compose v2, or docker-compose 1.29, which uses BuildKit only if it is told to.
compose() {
    if docker compose version >/dev/null 2>&1; then
        docker compose "$@"
    else
        COMPOSE_DOCKER_CLI_BUILD=1 DOCKER_BUILDKIT=1 docker-compose "$@"
    fi
}

# npm_registry, added_certificates: how this machine's npm reaches its registry, for the Dockerfile's NPM_REGISTRY
# and NPM_CA.
npm_registry() { ! have npm || npm config get registry 2>/dev/null || :; }
added_certificates() { cat /usr/local/share/ca-certificates/*.crt 2>/dev/null || :; }

# gives_kvm IMAGE: can the engine, wherever it runs, pass /dev/kvm to a container?
gives_kvm() { docker run --rm --network none --device /dev/kvm "$1" version >/dev/null 2>&1; }

# private_apt DIR ARCHITECTURE: configure apt for Debian 13 of that architecture, with a state of its own in DIR,
# which does not affect the system.
private_apt() {
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -f "$keyring" ] || die "$keyring is missing; install: debian-archive-keyring"
    mkdir -p "$1/lists/partial" "$1/archives/partial" "$1/none"
    printf 'deb [arch=%s signed-by=%s] %s trixie main\n' "$2" "$keyring" "$(debian_mirror)" \
        >"$1/sources.list"
    cat >"$1/apt.conf" <<END
APT::Architecture "$2";
APT::Architectures { "$2"; };
Dir::Etc::SourceList "$1/sources.list";
Dir::Etc::SourceParts "$1/none";
Dir::State::Lists "$1/lists";
Dir::State::Status "/dev/null";
Dir::Cache "$1";
Acquire::Languages "none";
APT::Sandbox::User "root";
END
    export APT_CONFIG="$1/apt.conf"
    apt-get -qq update >&2 || die "cannot read Debian 13's package lists (see above)"
}

# apt_download WORK DEBS PACKAGE...: download the packages into DEBS, with the configuration that private_apt made
# in WORK (existing files are not downloaded again). Prints the names of their files.
apt_download() {
    (
        work=$1 debs=$2
        shift 2
        # The names of the files in apt, which it prints only for files that do not exist.
        uris=$(cd "$work" && apt-get -qq --print-uris download "$@") || die "apt does not know all of: $*"
        cd "$debs" || exit 1
        apt-get -qq download "$@" >&2 || die "cannot get all of: $* (see above)"
        printf '%s\n' "$uris" | cut -d ' ' -f 2
    )
}

# up_to_date DIR ID IDFILE FILE...: does every FILE exist, and was it made from what ID stands for? If so, they are
# touched, so that make takes them for new.
up_to_date() {
    (
        cd "$1" || exit 1
        id=$2 idfile=$3
        shift 3
        for file in "$@"; do
            [ -s "$file" ] || exit 1
        done
        [ "$(cat "$idfile" 2>/dev/null)" = "$id" ] && touch "$@"
    )
}
