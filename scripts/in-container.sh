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

# mount_path PATH MODE: MODE is empty or `:ro`; sets inside to PATH's name in the container. The tools omit /.host
# when they print it.
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

# The key pair of images/ssh. ssh-keygen needs a name for its user: root, in a container without privileges.
make_keys() {
    [ ! -s "$1/id_ed25519.pub" ] || return 0
    say "making a key pair: $1/id_ed25519"
    # Every step's status is checked, because `set -e` has no effect on the left of ||.
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

# network_for WORD...: docker's --network. A server on this machine's loopback address cannot be reached from a
# bridge.
network_for() {
    for word; do
        case ${word#*://} in
        127.*|localhost|localhost[:/]*|'[::1]'*) echo host; return ;;
        esac
    done
    echo bridge
}

# run_tool TOOL ARGUMENTS...
run_tool() {
    tool=$1; shift
    network=${NETWORK:-$(network_for "${http_proxy-}" "${https_proxy-}" "${HTTPS_PROXY-}" "$@")}
    if [ -f "${CURL_CA_BUNDLE-}" ]; then
        mount_path "$CURL_CA_BUNDLE" :ro
        docker_arguments="$docker_arguments
--env
CURL_CA_BUNDLE=$inside"
    fi
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
        --security-opt no-new-privileges:true --network "$network" $docker_arguments \
        "$image" init "/usr/lib/vm/$tool" "$@"
    IFS=$saved
    exec docker run "$@"
}
