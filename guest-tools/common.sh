# shellcheck shell=sh
# common.sh - what fetch-image and prepare-image share; read with `.`, does nothing by itself.
#
# Both run in the container image on BusyBox or GNU tools alike. Exit statuses are those of
# sysexits(3): 64 usage, 65 bad data, 66 not there, 69 no answer, 73 no room, 75 busy, 77 not allowed.

me=${0##*/}
# The host's files are mounted under /.host (scripts/in-container.sh): people know them without.
# Names of archives and words of servers are among what is said: no control character of theirs is.
say() {
    printf '%s: %s' "$me" "$*" | LC_ALL=C tr '\000-\037\177' '[?*]' | sed 's|/\.host/|/|g' >&2
    echo >&2
}

# die STATUS WHAT [FIX]
die() {
    say "error: $2"
    [ -z "${3-}" ] || say "  fix: $3"
    exit "$1"
}

# Bytes of a file, 0 when there is none.
size_of() { stat -Lc %s "$1" 2>/dev/null || echo 0; }

megabytes() { awk -v n="$1" 'BEGIN { printf "%.1f MB", n / 1e6 }'; }

# Bytes that a user may still write in directory $1.
free_in() { df -Pk "$1" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }'; }

# need_room BYTES DIRECTORY WHAT-FOR
need_room() {
    room=$(free_in "$2")
    [ "$room" -ge "$1" ] || die 73 "$2 has $(megabytes "$room") left, and $3 needs $(megabytes "$1")" \
        'make room there, or choose another directory'
}

# hex FILE OFFSET COUNT: these bytes as hexadecimal digits.
hex() { od -An -v -tx1 -j "$2" -N "$3" "$1" | tr -d ' \n'; }

# One worker in a directory at a time. The lock is on the directory itself, so that nothing is left
# behind; what the worker has started holds it too, since two writers of one file are the danger.
lock_directory() {
    exec 9<"$1"
    flock -n 9 || die 75 "another fetch-image or prepare-image is at work in $1" 'wait for its end'
}

# new_keys DIRECTORY [UID:GID]: the key pair id_ed25519 in it. It is made beside its place, the public
# key, by which it is known to be whole, comes last: a full disk leaves nothing that looks like a key.
# A private key that is there stays, and gets its public one.
new_keys() {
    mkdir -p "$1" || return 1
    [ -z "${2-}" ] || chown "$2" "$1" || return 1
    new=$(mktemp -d "$1/.new-XXXXXX") || return 1
    if make_pair "$1" "$new" "${2-}"; then
        rm -rf "$new"
        return 0
    fi
    rm -rf "$new"
    return 1
}

make_pair() {
    if [ -s "$1/id_ed25519" ]; then
        ssh-keygen -y -f "$1/id_ed25519" >"$2/id_ed25519.pub" </dev/null || return 1
    else
        ssh-keygen -q -t ed25519 -N '' -C hurd-vm -f "$2/id_ed25519" >&2 </dev/null || return 1
        [ -s "$2/id_ed25519" ] || return 1
    fi
    [ -s "$2/id_ed25519.pub" ] || return 1
    [ -z "$3" ] || chown "$3" "$2"/id_ed25519* || return 1
    [ ! -e "$2/id_ed25519" ] || mv -f "$2/id_ed25519" "$1/" || return 1
    mv -f "$2/id_ed25519.pub" "$1/"
}

# What a qcow2 image of unknown origin may not do: name another file, which QEMU would open. Byte
# offsets: QEMU's docs/interop/qcow2.txt; incompatible feature bits allowed are 0 (dirty),
# 3 (compression type) and 4 (extended L2).
refuse_references() {
    case $(hex "$1" 4 4) in
    00000002) features=0000000000000000 ;;
    00000003) features=$(hex "$1" 72 8) ;;
    *) die 65 "$2: this qcow2 version is not known" 'convert it with the QEMU that made it' ;;
    esac
    [ "$(hex "$1" 8 8)" = 0000000000000000 ] ||
        die 65 "$2: the qcow2 image has a backing file" 'use an image that is whole: qemu-img convert'
    [ "$(hex "$1" 32 4)" = 00000000 ] || die 65 "$2: the qcow2 image is encrypted" 'decrypt it first'
    case $features in
    00000000000000[01][0189]) ;;
    *) die 65 "$2: the qcow2 image keeps its data elsewhere, is damaged, or needs a newer QEMU" \
        'qemu-img info tells; convert it to a plain qcow2 image' ;;
    esac
}
