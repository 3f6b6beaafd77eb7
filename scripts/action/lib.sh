# shellcheck shell=sh
# lib.sh - functions for the steps of the GitHub Action (action.yml); read with `.`.
#
# The steps share a directory, $dir: in/NAME is an input, the other files are results of earlier steps. The guest's
# output is hostile: it is printed between ::stop-commands:: and its token, and is filtered everywhere else.
# Everything is printed on standard output, because the runner does not keep the order of two streams.
exec 2>&1
LC_ALL=C
export LC_ALL

newline='
'
dir=${ACTION_DIR-} name='' cache=''

# --- what the runner understands ---------------------------------------------------------------

# One line of an annotation: printable, escaped for workflow commands.
escaped() {
    tr -d '\000-\010\013-\037\177' | awk '{ gsub(/%/, "%25"); printf "%s%s", (NR > 1 ? "%0A" : ""), $0 }'
}
# annotate error|warning|notice TITLE TEXT; TITLE is a constant.
annotate() { printf '::%s title=hurd-vm: %s::%s\n' "$1" "$2" "$(printf '%s\n' "$3" | escaped)"; }
group() { printf '::group::%s\n' "$1"; }
end_group() { printf '::endgroup::\n'; }
# output NAME VALUE: VALUE is our own and has no line end.
output() { printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"; }

# Between these two lines the runner interprets no output as a command.
token=
guest_speaks() {
    token=$(od -An -N 20 -tx1 /dev/urandom | tr -d ' \n')
    printf '::stop-commands::%s\n' "$token"
}
# The guest may have left its last line without an end.
guest_is_silent() {
    [ -z "$token" ] || printf '\n::%s::\n' "$token"
    token=
}

failed() {
    guest_is_silent
    annotate error "$1" "$2"
    exit "${3:-1}"
}

lines_of() { printf '%s\n' "$1" | tr -d '\r' | sed 's/^[[:blank:]]*//; s/[[:blank:]]*$//; /^$/d'; }

in_workspace() { case $1 in /*) printf '%s\n' "$1" ;; *) printf '%s/%s\n' "$GITHUB_WORKSPACE" "$1" ;; esac; }

# --- the container ------------------------------------------------------------------------------

input() { cat "$dir/in/$1"; }
# event NAME: the events of this name from PID 1.
event() { grep -a '"event":"'"$1"'"' "$dir/logs/events.jsonl" 2>/dev/null; }
running() { [ "$(docker inspect -f '{{.State.Running}}' "$name" 2>/dev/null)" = true ]; }

# The container has ended; its status gives the reason (docs/lifecycle.md).
say_why_ended() {
    status=$(docker inspect -f '{{.State.ExitCode}}' "$name")
    case $status in
    0) text='the guest shut down' ;;
    80) text='the guest panicked, or its boot failed' ;;
    81) text="the guest was not ready within $(input BOOT_TIMEOUT) s (input boot-timeout)" ;;
    83) text='VM_RUN_TIMEOUT had passed' ;;
    *) text="the container ended with status $status" ;;
    esac
    # PID 1 has escaped the guest's text.
    said=$(docker logs "$name" 2>&1 | grep -aE '^vm: (error|  fix): ' | tail -n 4 | cut -c 1-400) || :
    annotate error guest "$text${said:+$newline$said}"
    [ "$status" != 0 ] || status=69
}

# ssh if there is a key that the guest accepts, otherwise the serial console.
choose_transport() {
    via=serial
    case $(input SYNC) in
    serial) return ;;
    ssh)
        has_key || failed sync 'sync: ssh needs a key: input ssh-key, or a guest that the Action downloads'
        takes_key || failed sync "the guest's ssh server does not answer, or does not take the key"
        via=ssh ;;
    *) if has_key && takes_key; then via=ssh; fi ;;
    esac
}

has_key() { [ -e "$dir/key" ] || [ -e "$cache/images/ssh/id_ed25519" ]; }
takes_key() {
    docker exec "$name" vm wait --for ssh --timeout 120 >/dev/null 2>&1 &&
        docker exec "$name" vm exec --via ssh --timeout 60 true >/dev/null 2>&1
}

# in_guest NAME ENVS DIR: run the input NAME as a script in the guest's shell in DIR, with the variables that the
# file ENVS names. If the guest ends, the command ends too, and the status is the container's.
in_guest() {
    text=$(input "$1" | tr -d '\r') envs=$2 where=$3
    limit=$(input TIMEOUT)
    status=0
    guest_speaks
    case $text in
    *"$newline"*)
        case $(docker exec "$name" vm status | sed -n 's/^guest  *//p') in
        mach,*) each_line ;;
        *) as_file ;;
        esac ;;
    *) exec_in_guest "$text" ;;
    esac || status=$?
    guest_is_silent
    why_ended
}

# What a status that is not the command's own means.
why_ended() {
    case $status in
    69 | 126 | 137 | 255) [ -z "$(timeout 3 docker wait "$name" 2>/dev/null)" ] || say_why_ended ;;
    124) annotate error timeout "not done within $(input TIMEOUT) s (input timeout): ended" ;;
    esac
}

exec_in_guest() {
    command=$1
    set -- "$name" vm exec --via "$via" --timeout "$limit"
    [ -z "$where" ] || set -- "$@" --dir "$where"
    while read -r variable; do set -- -e "$variable" "$@" --env "$variable"; done <"$envs"
    docker exec "$@" -- "$command" </dev/null
}

# A script may have line ends and be longer than a line of a terminal.
as_file() {
    printf '%s\n' "$text" | docker exec -i "$name" sh -c 'cat >/var/tmp/script' &&
        docker exec "$name" vm push --via "$via" /var/tmp/script /tmp/hurd-vm-script >/dev/null &&
        exec_in_guest 'sh -e /tmp/hurd-vm-script'
}

# GNU Mach's shell executes lines and cannot read files.
each_line() {
    end=$(($(date +%s) + limit))
    lines_of "$text" >"$dir/script"
    while IFS= read -r line; do
        limit=$((end - $(date +%s)))
        [ "$limit" -gt 0 ] || return 124
        exec_in_guest "$line" || return
    done <"$dir/script"
}
