# shellcheck shell=sh
# in-container.sh - run a tool of the image (guest-tools/) on files of the host; read with `.` after
# lib.sh.
#
# The host needs only Docker. Files and directories that the tool needs are mounted (mount_path). The
# tool runs as the calling user, with that user's rights, so that its files belong to the user. If
# interrupted, it leaves no file under its final name.

image=hurd-vm:${TAG:-latest}
# The arguments for docker, one a line.
docker_arguments=

need_image() {
    docker image inspect "$image" >/dev/null 2>&1 && return
    say "there is no image $image yet: building it"
    scripts/image >&2
}

absolute() {
    [ -d "$(dirname "$1")" ] || die "$(dirname "$1"): no such directory"
    printf '%s/%s\n' "$(cd "$(dirname "$1")" && pwd)" "$(basename "$1")"
}

# mount_path PATH MODE: MODE is `` or `:ro`; sets inside, PATH's name in the container, where the
# tools know to leave out /.host when they speak of it.
mount_path() {
    path=$(absolute "$1")
    case $path in *[,:]*|*'
'*) die "$path: docker cannot mount a name with a comma, a colon or a line end" ;; esac
    [ -e "$path" ] || die "$path: no such file or directory"
    inside=/.host$path
    docker_arguments="$docker_arguments
--volume
$path:$inside$2"
}

# The key pair of images/ssh, for which ssh-keygen wants to know its user by name: root, in a
# container that can do nothing else.
make_keys() {
    [ ! -s "$1/id_ed25519.pub" ] || return 0
    say "making a key pair: $1/id_ed25519"
    # Every step's status counts: `set -e` does not hold on the left of ||.
    (
        umask 077
        [ ! -s "$1/id_ed25519" ] || die "there is a private key without id_ed25519.pub: ssh-keygen -y makes it"
        mkdir -p "$1" &&
            docker run --rm --network none "$image" init sh -c '
                ssh-keygen -q -t ed25519 -N "" -C hurd-vm -f /tmp/key >&2 &&
                cat /tmp/key.pub /tmp/key' >"$1/new" &&
            sed 1d "$1/new" >"$1/new.key" && sed q "$1/new" >"$1/new.pub" &&
            [ -s "$1/new.key" ] && [ -s "$1/new.pub" ] &&
            mv -f "$1/new.key" "$1/id_ed25519" && mv -f "$1/new.pub" "$1/id_ed25519.pub"
    ) || failed=1
    rm -f "$1/new" "$1/new.key" "$1/new.pub"
    [ -z "${failed-}" ] || die "no key pair could be made in $1"
}

# run_tool TOOL ARGUMENTS...
run_tool() {
    tool=$1; shift
    for variable in http_proxy https_proxy no_proxy HTTPS_PROXY NO_PROXY; do
        ! printenv "$variable" >/dev/null || docker_arguments="$docker_arguments
--env
$variable"
    done
    [ ! -t 2 ] || docker_arguments="$docker_arguments
--tty"
    saved=$IFS
    IFS='
'
    # shellcheck disable=SC2086 # one argument a line
    set -- --rm --interactive --user "$(id -u):$(id -g)" --cap-drop ALL --read-only --tmpfs /tmp \
        --security-opt no-new-privileges:true --network "${NETWORK:-bridge}" $docker_arguments \
        "$image" init "/usr/lib/vm/$tool" "$@"
    IFS=$saved
    exec docker run "$@"
}
