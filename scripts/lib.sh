# shellcheck shell=sh
# lib.sh - what several of the host-side scripts need; read with `.`, does nothing by itself.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# The Debian mirror this machine uses, so that what works for its own packages works for ours; a
# machine that is no Debian gets Debian's public one.
debian_mirror() {
    mirror=
    if have apt-get; then
        # shellcheck disable=SC2016 # the $(…) are apt's
        mirror=$(apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' \
            'Created-By: Packages' 2>/dev/null | sed -n 's|^Debian/Debian ||p' | sed q) || true
    fi
    printf '%s\n' "${mirror:-http://deb.debian.org/debian/}"
}

# This machine's apt settings that decide whether a mirror can be reached and believed (a proxy, a
# clock that is off), as an apt.conf for another root.
apt_settings() {
    have apt-config || return 0
    apt-config dump --no-empty --format '%F "%v";%n' Acquire::Check-Date \
        Acquire::Check-Valid-Until Acquire::http Acquire::https
}

# Compose v2, or docker-compose 1.29, which has to be told to build with BuildKit.
compose() {
    if docker compose version >/dev/null 2>&1; then
        docker compose "$@"
    else
        COMPOSE_DOCKER_CLI_BUILD=1 DOCKER_BUILDKIT=1 docker-compose "$@"
    fi
}
