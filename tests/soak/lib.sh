# lib.sh - functions for the soak scripts: a directory of their own, waiting, figures.
# shellcheck shell=sh disable=SC2034 # the scripts use them

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
VM=$ROOT/build/vm
GUESTS=$ROOT/build/guests
IMAGE=${IMAGE:-hurd-vm:${TAG:-latest}}
PATIENCE=${PATIENCE:-5}
NAME=soak-$$
T=$(mktemp -d "${TMPDIR:-/tmp}/$NAME.XXXXXX")
chmod 755 "$T"

fail() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 1
}

# wait_until SECONDS COMMAND...: SECONDS times PATIENCE, as in tests/helpers.bash.
wait_until() {
    tries=$(($1 * PATIENCE * 20))
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        sleep 0.05
    done
}

now_ms() {
    date +%s%3N
}

# progress DONE ALL WHAT: print every hundredth, and the last.
progress() {
    if [ $(($1 % 100)) -eq 0 ] || [ "$1" -eq "$2" ]; then
        printf '%s of %s %s, %s ms each\n' "$1" "$2" "$3" $((($(now_ms) - BEGIN) / $1))
    fi
}
