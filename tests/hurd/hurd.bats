# What can be asked of any GNU/Hurd image: HURD_TEST_IMAGE=FILE make test-hurd
#
# The image stays as it is: it is mounted read-only and the guest writes to a throwaway overlay.
# Nothing is assumed about it: its console may be on the serial line or on the screen only (then the
# screen's text is read from the VGA's memory and keys are sent by the monitor), the disk may be on
# AHCI or IDE, the root file system anywhere. What a user may have to say:
#
#   HURD_TEST_FORMAT    qcow2 (default) or raw
#   HURD_TEST_USER      the user that logs in (root)
#   HURD_TEST_PASSWORD  his password (none)
#   HURD_TEST_TIMEOUT   seconds that a boot may take (900)
#   QEMU_*, VM_*        settings for the guest: QEMU_MACHINE=pc, QEMU_DISK_BUS=ide, QEMU_RAM=2048, …
load ../helpers

TIMEOUT=${HURD_TEST_TIMEOUT:-900}

setup_file() {
    [ -f "${HURD_TEST_IMAGE:-}" ] || {
        echo "HURD_TEST_IMAGE=${HURD_TEST_IMAGE:-}: name a disk image of a GNU/Hurd" >&2
        return 1
    }
}

boot() {
    local env=() name image
    image=$(realpath "$HURD_TEST_IMAGE")
    for name in $(compgen -e | grep -E '^(QEMU|VM)_'); do
        env+=(-e "$name")
    done
    container hurd "${SAFE[@]}" --tmpfs /var/log/qemu -v "$image:/opt/hurd-image/test.img:ro" \
        -e QEMU_DRIVE=/opt/hurd-image/test.img -e QEMU_DRIVE_FORMAT="${HURD_TEST_FORMAT:-qcow2}" \
        -e QEMU_DISK_MODE=throwaway -e VM_GUEST=hurd "${env[@]}"
    wait_until 60 logs_have "$C" 'the guest runs'
    wait_until "$TIMEOUT" login_shown
}

login_shown() {
    on_serial || screen | grep -q 'login: *$' || container_ended "$C"
}

on_serial() {
    docker exec "$C" vm health
}

# The 80x25 characters of the VGA's text screen: every other byte from 0xb8000 on. The name stands in
# quotation marks of the monitor's own, which else divides 4000 by it.
screen() {
    docker exec "$C" sh -c 'vm monitor pmemsave 0xb8000 4000 \"/var/log/qemu/screen\" >/dev/null && cat /var/log/qemu/screen' |
        python3 -c '
import sys
text = sys.stdin.buffer.read()[::2].decode("cp437")
for i in range(0, len(text), 80):
    print(text[i:i + 80].replace("\0", " ").rstrip())'
}

# Type a line on the guest's keyboard.
keys() {
    local i char
    for ((i = 0; i < ${#1}; i++)); do
        char=${1:i:1}
        case $char in
        ' ') char=spc ;;
        -) char=minus ;;
        [A-Z]) char=shift-${char,,} ;;
        esac
        docker exec "$C" vm monitor sendkey "$char" 50 >/dev/null
        sleep 0.1 # as long as the key is held
    done
    docker exec "$C" vm monitor sendkey ret 50 >/dev/null
}

screen_has() {
    screen | grep -qE -- "$1"
}

# Log in, run COMMAND, see OUTPUT (a regular expression); leaves the shell at its prompt.
command_on_screen() {
    screen_has '[#$>] *$' || keys "${HURD_TEST_USER:-root}"
    wait_until 60 screen_has 'assword: *$|[#$>] *$'
    if screen_has 'assword: *$'; then
        keys "${HURD_TEST_PASSWORD:-}"
    fi
    wait_until 60 screen_has '[#$>] *$'
    keys "$1"
    wait_until 60 screen_has "$2"
}

command_on_serial() {
    local steps=(send: 'expect:login: ' "send:${HURD_TEST_USER:-root}")
    [ -z "${HURD_TEST_PASSWORD:-}" ] || steps+=('expect:assword: ' "send:$HURD_TEST_PASSWORD")
    talk -t 120 telnet 127.0.0.1 "$(port_of "$C" 5555)" :: "${steps[@]}" 'expect:# ' "send:$1" \
        'expect:GNU' 'expect:# '
}

@test "it boots to its login prompt, runs a command, halts with status 0, and the image is unchanged" {
    sum=$(sha256sum <"$HURD_TEST_IMAGE")
    boot
    if on_serial; then
        echo "# console on the serial line" >&3
        run -0 docker exec "$C" cat /var/log/qemu/console.log
        assert_output --regexp 'multiboot modules|task loaded:|Hurd server bootstrap'
        command_on_serial 'uname -a'
        talk -t 30 telnet 127.0.0.1 "$(port_of "$C" 5555)" :: send: 'expect:# ' 'send:halt' \
            'expect:halt' || :
    else
        echo "# console on the screen only" >&3
        run screen
        assert_output --partial 'login:'
        command_on_screen 'uname -a' 'GNU'
        keys halt
    fi
    wait_exit "$C" 200
    assert_equal "$STATUS" 0
    wait_until 10 logs_have "$C" 'the guest powered off'
    assert_equal "$(sha256sum <"$HURD_TEST_IMAGE")" "$sum"
}

@test "its states are told: not ready while it boots, then ready where its console can say so" {
    boot
    run docker exec "$C" vm status --json
    assert_success
    assert_equal "$(jq -r .guest <<<"$output")" hurd
    assert_equal "$(jq -r .state <<<"$output")" running
    if on_serial; then
        assert_equal "$(jq -r .ready <<<"$output")" true
    else
        assert_equal "$(jq -r .ready <<<"$output")" false
    fi
    # The Hurd ignores the power button: it is asked by ssh or on the serial line, where a login
    # works, and else cut off, unless it has written nothing. The log says which.
    docker stop -t 200 "$C" >/dev/null
    wait_exit "$C"
    if [ "$STATUS" -eq 0 ]; then
        run container_logs "$C"
        assert_output --regexp 'the guest powered off|there is nothing to lose'
    else
        assert_equal "$STATUS" 82
        wait_until 10 logs_have "$C" 'the guest was cut off'
    fi
}
