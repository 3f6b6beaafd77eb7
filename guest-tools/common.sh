# shellcheck shell=sh
# common.sh - functions of fetch-image and prepare-image; read with `.`.
#
# Both run in the container image, with BusyBox or GNU tools. Exit statuses are those of sysexits(3): 64 usage, 65
# invalid data, 66 not found, 69 no answer, 73 no space, 75 in use, 77 no permission.

me=${0##*/}
# The host's files are mounted below /.host (scripts/in-container.sh); messages show their names without it.
# Messages contain names from archives and texts from servers: their control characters are replaced.
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

# The size of a file in bytes, 0 if it does not exist.
size_of() { stat -Lc %s "$1" 2>/dev/null || echo 0; }

megabytes() { awk -v n="$1" 'BEGIN { printf "%.1f MB", n / 1e6 }'; }

# The number of bytes that a user may write in directory $1.
free_in() { df -Pk "$1" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }'; }

# need_room BYTES DIRECTORY WHAT-FOR
need_room() {
    room=$(free_in "$2")
    [ "$room" -ge "$1" ] || die 73 "$2 has $(megabytes "$room") left, and $3 needs $(megabytes "$1")" \
        'free some space there, or choose another directory'
}

# hex FILE OFFSET COUNT: these bytes as hexadecimal digits, fewer or none at the end of the file, where GNU od
# reports an error.
hex() { od -An -v -tx1 -j "$2" -N "$3" "$1" 2>/dev/null | tr -d ' \n'; }

# One process in a directory at a time. The lock is on the directory itself, so that nothing is left behind; child
# processes hold it too, because two writers of one file must be prevented.
lock_directory() {
    exec 9<"$1"
    flock -n 9 || die 75 "another fetch-image or prepare-image uses $1" 'wait until it has ended'
}

# new_keys DIRECTORY [UID:GID]: create the key pair id_ed25519 in it. It is made in a temporary directory, and the
# public key, whose existence shows that the pair is complete, is moved last: a full disk leaves nothing that looks
# like a key. An existing private key is kept and gets its public key.
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

# A qcow2 image of unknown origin must not name another file, which QEMU would open. Byte offsets: QEMU's
# docs/interop/qcow2.txt; permitted incompatible feature bits are 0 (dirty), 3 (compression type) and 4 (extended
# L2).
refuse_references() {
    case $(hex "$1" 4 4) in
    00000002) features=0000000000000000 ;;
    00000003) features=$(hex "$1" 72 8) ;;
    *) die 65 "$2: this qcow2 version is not known" 'convert it with the QEMU that made it' ;;
    esac
    [ "$(hex "$1" 8 8)" = 0000000000000000 ] ||
        die 65 "$2: the qcow2 image has a backing file" 'use a standalone image: qemu-img convert makes one'
    [ "$(hex "$1" 32 4)" = 00000000 ] || die 65 "$2: the qcow2 image is encrypted" 'decrypt it first'
    case $features in
    00000000000000[01][0189]) ;;
    *) die 65 "$2: the qcow2 image has an external data file, is damaged, or needs a newer QEMU" \
        'qemu-img info shows the cause; convert it to a plain qcow2 image' ;;
    esac
}
