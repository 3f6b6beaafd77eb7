# The built-in guest without our program: how it is built, that it boots on both of QEMU's PC machines, and that
# every command of its shell behaves as documented.
# Two guests run for the whole file, on q35 with AHCI and on pc with IDE; both get every command that a guest
# survives. Tests that end a guest have one of their own.
bats_require_minimum_version 1.5.0
load helpers

BUILD=$ROOT/images/mach-mini/build.sh
DEBS=$GUESTS/debs
WELCOME='machsh login: '
PROMPT='machsh# '

setup_file() {
    local m
    # A copy, because other tests may hold a lock on the file in build/.
    cp "$MACH_MINI" "$BATS_FILE_TMPDIR/disk.qcow2"
    for m in q35 pc; do boot "$m" "$BATS_FILE_TMPDIR/$m" -no-reboot; done
    for m in q35 pc; do log_in "$BATS_FILE_TMPDIR/$m"; done
}

teardown_file() {
    local m
    for m in q35 pc; do end_process "$(cat "$BATS_FILE_TMPDIR/$m/pid")"; done
}

# boot MACHINE DIR [QEMU-ARGUMENTS...]: boot a guest in the background; DIR gets the sockets serial and monitor,
# console.log and pid.
boot() {
    local machine=$1 dir=$2 disk
    shift 2
    mkdir -p "$dir"
    disk=file=$BATS_FILE_TMPDIR/disk.qcow2,format=qcow2,snapshot=on
    if [ "$machine" = q35 ]; then
        disk=(-drive "$disk,if=none,id=d" -device ide-hd,drive=d,bus=ide.0)
    else
        disk=(-drive "$disk,if=ide")
    fi
    qemu-system-x86_64 -machine "$machine" -accel tcg -cpu core2duo-v1 -m 128 -display none -nic none \
        "${disk[@]}" -serial chardev:serial -monitor "unix:$dir/monitor,server=on,wait=off" \
        -chardev "socket,id=serial,path=$dir/serial,server=on,wait=off,logfile=$dir/console.log" \
        "$@" </dev/null >"$dir/qemu.out" 2>&1 3>&- &
    echo $! >"$dir/pid"
    PIDS+=("$!")
}

# guest MACHINE [QEMU-ARGUMENTS...]: boot a guest for this test and log in; its directory is put into G.
guest() {
    G=$T/$((GUEST_NUMBER += 1))
    boot "$1" "$G" "${@:2}"
    log_in "$G"
}

log_in() {
    wait_until 30 console_has "$1" "$WELCOME" || { cat "$1/qemu.out" "$1/console.log"; return 1; }
    serial "$1" send:root "expect:$PROMPT" >/dev/null
}

# serial DIR STEP...: a conversation with a guest; see tests/guests/serial.
serial() {
    "$ROOT/tests/guests/serial" "$1/serial" talk "${@:2}"
}

console_has() { grep -qaF -- "$2" "$1/console.log"; }
console_count() { [ "$(grep -caF -- "$2" "$1/console.log")" -ge "$3" ]; }

monitor() { echo "$2" | socat -t 60 - "UNIX-CONNECT:$1/monitor" >/dev/null; }

# The guest's QEMU has ended on its own, with status 0.
assert_off() {
    local pid status=0
    pid=$(cat "$1/pid")
    wait_until "${2:-10}" process_is_gone "$pid"
    wait "$pid" || status=$?
    assert_equal "$status" 0
}

# It still runs after a second.
assert_on() {
    sleep 1
    ! process_is_gone "$(cat "$1/pid")"
}

# The same, and during that second its processor was almost idle.
assert_idle() {
    local stat before
    stat=/proc/$(cat "$1/pid")/stat
    before=$(awk '{ print $14 + $15 }' "$stat")
    assert_on "$1"
    [ $(($(awk '{ print $14 + $15 }' "$stat") - before)) -le 50 ]
}

# answer MACHINE LINE: the output of machsh on one of the two guests; its lines end with CR LF.
answer() {
    "$ROOT/tests/guests/serial" "$BATS_FILE_TMPDIR/$1/serial" run "$2"
}

# machsh LINE: the output of both, which must be the same; lines end with LF.
machsh() {
    local q35=0 pc=0
    answer q35 "$1" >"$T/q35.out" &
    answer pc "$1" >"$T/pc.out" || pc=$?
    wait $! || q35=$?
    assert_equal "$pc" "$q35"
    cmp "$T/pc.out" "$T/q35.out" >&2
    tr -d '\r' <"$T/q35.out"
    return "$q35"
}

machsh_on() {
    answer "$@" | tr -d '\r'
    return "${PIPESTATUS[0]}"
}

# --- the build -------------------------------------------------------------------------------

@test "two builds, from different directories into different directories, give the same bytes" {
    mkdir "$T/a b"
    cp -R "$ROOT/images/mach-mini" "$T/a b/"
    "$BUILD" --debs "$DEBS" "$T/one" >/dev/null
    touch "$T/a b/mach-mini"/* "$T/a b/mach-mini/machsh"/*
    (cd / && umask 077 && HOME=/nowhere LC_ALL=C.UTF-8 TZ=Asia/Tokyo \
        "$T/a b/mach-mini/build.sh" --debs "$DEBS" "$T/a b/two" >/dev/null)
    diff -r "$T/one" "$T/a b/two"
}

@test "kernel and task are also available as separate files, with licences and corresponding sources" {
    gzip -dc "$GUESTS/mach-mini/gnumach.gz" >"$T/gnumach"
    run -0 file "$T/gnumach" "$GUESTS/mach-mini/machsh"
    assert_line --regexp 'gnumach: +ELF 64-bit LSB executable, x86-64.*statically linked'
    assert_line --regexp 'machsh: +ELF 64-bit LSB executable, x86-64.*statically linked, stripped'
    run -0 cat "$GUESTS/LICENSES"
    assert_line --partial 'Debian source package gnumach 2:1.8+git20250702-1'
    assert_line --regexp 'Debian source package grub2 2\.[0-9]'
    refute_output --partial '@'
    grep -q 'GNU GENERAL PUBLIC LICENSE' "$GUESTS/licenses/GPL-2" "$GUESTS/licenses/GPL-3"
    grep -qi 'gnumach' "$GUESTS/licenses/gnumach"
}

@test "a package other than the pinned one is not used; without a mirror the error gives the fix" {
    mkdir "$T/debs"
    cp "$DEBS"/*.deb "$T/debs"
    printf x >>"$T/debs/gnumach-dev.deb"
    DEBIAN_MIRROR=file:/no/such/mirror run -1 "$BUILD" --debs "$T/debs" "$T/out"
    assert_line --partial "cannot read trixie's package lists"
    assert_line --partial 'DEBIAN_MIRROR'
    [ ! -e "$T/out/mach-mini.qcow2" ]
}

# --- boot ------------------------------------------------------------------------------------

@test "mach-mini boots with little and much memory, other CPUs, two CPUs, without graphics" {
    local n=0 arguments
    for arguments in 'q35 -m 32' 'q35 -m 4096 -cpu max' 'pc -m 3000 -smp 2' 'pc -cpu qemu64' \
        'q35 -smp 2 -vga none'; do
        # shellcheck disable=SC2086 # several arguments
        set -- $arguments
        guest "$1" "${@:2}"
        serial "$G" send:halt eof >/dev/null
        assert_off "$G"
        n=$((n + 1))
    done
    [ "$n" -eq 5 ]
}

@test "the console has every byte from the boot loader's first one" {
    local m
    for m in q35 pc; do
        run -0 cat "$BATS_FILE_TMPDIR/$m/console.log"
        assert_output --partial 'Loading GNU Mach ...'
        assert_output --partial 'GNU Mach 1.8+git20250702-up-amd64'
        assert_output --partial '1 multiboot modules'
        assert_output --partial 'machsh on GNU Mach 1.8+git20250702-up-amd64 x86_64'
        refute_output --partial 'panic'
    done
}

# --- commands --------------------------------------------------------------------------------

@test "uname: the kernel's version text, or the fields of uname(1)" {
    run -0 machsh uname
    assert_output 'GNU Mach 1.8+git20250702-up-amd64 x86_64'
    run -0 machsh 'uname -a'
    assert_output 'GNU-Mach mach-mini 1.8+git20250702-up-amd64 GNU Mach 1.8+git20250702-up-amd64 x86_64'
    run -0 machsh 'uname -s; uname -n; uname -r; uname -m; uname -ms'
    assert_output $'GNU-Mach\nmach-mini\n1.8+git20250702-up-amd64\nx86_64\nGNU-Mach x86_64'
    run -2 machsh 'uname -x'
    assert_output 'usage: uname [-asnrvm]'
}

@test "version: that of the shell, and the kernel's as in uname" {
    run -0 machsh version
    assert_output --regexp '^machsh [0-9.]+ on GNU Mach 1\.8\+git20250702-up-amd64$'
}

@test "uptime increases, and date is that of the machine" {
    local before after guest host
    for m in q35 pc; do
        before=$(machsh_on "$m" uptime)
        [[ $before =~ ^up\ [0-9]+\.[0-9]{3}\ s,\ load(\ [0-9]+\.[0-9]{2}){3}$ ]]
        machsh_on "$m" 'sleep 0.3'
        after=$(machsh_on "$m" uptime)
        awk -v a="${before:3}" -v b="${after:3}" 'BEGIN { exit !(b + 0 - a >= 0.3) }'
        guest=$(machsh_on "$m" date)
        [[ $guest == *' UTC' ]]
        guest=$(date -d "$guest" +%s)
        host=$(date +%s)
        [ $((guest > host ? guest - host : host - guest)) -le 60 ]
    done
}

@test "mem and cpus print the machine's memory and processors" {
    for m in q35 pc; do
        run -0 machsh_on "$m" mem
        assert_line --index 0 --regexp '^total 13[01][0-9]{3} KB, free [0-9]+ KB, active [0-9]+ KB, inactive [0-9]+ KB, wired [0-9]+ KB$'
        assert_line --index 1 --regexp '^machsh: virtual [0-9]+ KB, resident [0-9]+ KB$'
    done
    run -0 machsh cpus
    assert_output --regexp '^1 available of 1, cpu type [0-9]+\.[0-9]+$'
}

@test "echo, words and quotes behave as in sh" {
    local words='a   b "c  $? '\''d'\''" '\''e "f" $?'\'' g\ h i\;j x""y \"k\" "\$? \\" z#z # comment'
    run -0 machsh "echo $words"
    assert_output "$(sh -c 'true; echo '"$words")"
    run -0 machsh 'echo -n no line end'
    assert_output 'no line end'
    run -0 machsh 'echo BE""GIN; echo; echo END'
    assert_output $'BEGIN\n\nEND'
    run -0 machsh 'echo grüße, 世界'
    assert_output 'grüße, 世界'
}

@test "a status is kept, shown by \$? and status, and used by && and ||" {
    run -0 machsh true
    run -1 machsh false
    run -42 machsh 'false 42'
    run -2 machsh 'false 256'
    run -127 machsh 'no-such-command x'
    assert_output --partial 'no-such-command: command not found'
    run -7 machsh 'false 7; status; status'
    assert_output $'7\n7'
    run -0 machsh 'false 7; echo $?; echo $?'
    assert_output $'7\n0'
    run -1 machsh 'false && echo no || echo yes; true || echo no && echo "also yes"; true && false'
    assert_output $'yes\nalso yes'
    run -0 machsh '# nothing'
    assert_output ''
}

@test "a line that the shell cannot parse is refused as a whole" {
    local line
    while read -r line; do
        run -2 machsh "echo not this; $line"
        refute_output --partial 'not this'
        assert_output --regexp '^machsh: (unterminated quote|nothing to quote|not supported here|no command)'
    done <<'END'
echo 'open
echo "open
echo a | echo b
echo a > b
echo a &
echo $(uname)
echo `uname`
(true)
&& true
true &&
true || ; true
true ;; true
END
    run -2 machsh 'echo \'
    run -2 machsh "$(printf 'a %.0s' {1..65})"
    assert_output 'machsh: too many words'
}

@test "help lists every command, help COMMAND describes one; wrong arguments print the usage" {
    run -0 machsh help
    local c
    for c in help uname version echo uptime date mem cpus sleep spin flood bytes noise true false \
        status exit acpi halt poweroff reboot fault panic; do
        assert_line --regexp "^  $c( |$)"
    done
    assert_equal "${#lines[@]}" 23
    run -0 machsh 'help halt'
    assert_output --regexp '^  halt \[-k\] +power off by ACPI'
    run -127 machsh 'help nothing'
    for c in 'sleep x' 'sleep 1 2' 'sleep 1.2345' 'spin -1' 'flood 1k' 'noise' 'exit x' 'acpi maybe' \
        'halt -x' 'reboot now' 'panic hard' 'bytes 1' 'date x'; do
        run -2 machsh "$c"
        assert_output --partial "usage: ${c%% *}"
    done
}

@test "bytes: all 256 values arrive unchanged" {
    local m i
    { printf '<<<BYTES'; for i in {0..255}; do printf "\\x$(printf %x "$i")"; done; printf 'BYTES>>>\r\n'; } >"$T/want"
    for m in q35 pc; do
        answer "$m" bytes >"$T/got"
        cmp "$T/want" "$T/got"
    done
}

@test "flood: the requested number of kilobytes, complete and in order" {
    local m
    awk 'BEGIN { for (i = 1; i <= 256 * 16; i++)
        printf "%08d abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n", i }' >"$T/want"
    assert_equal "$(stat -c %s "$T/want")" $((256 * 1024))
    for m in q35 pc; do
        answer "$m" 'flood 256' >"$T/got"
        cmp "$T/want" "$T/got"
    done
    run -0 machsh 'flood 0'
    assert_output ''
}

@test "sleep waits without using the processor, spin uses it" {
    local pid start
    pid=$(cat "$BATS_FILE_TMPDIR/q35/pid")
    ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
    start=$(ticks)
    machsh_on q35 'sleep 1'
    local slept=$(($(ticks) - start))
    start=$(ticks)
    machsh_on q35 'spin 1'
    local spun=$(($(ticks) - start))
    echo "slept $slept, spun $spun ticks"
    [ "$slept" -lt "$spun" ]
}

@test "noise: lines at the prompt and within output, until it is switched off" {
    local m
    for m in q35 pc; do
        machsh_on "$m" 'noise 0.1; sleep 1; noise off' >"$T/out"
        grep -qx 'noise 1' "$T/out"
        grep -qx 'noise 2' "$T/out"
        serial "$BATS_FILE_TMPDIR/$m" 'send:noise 0.1' "expect:$PROMPT" 'expect:noise 2' \
            'send:noise off' "expect:$PROMPT" send:true "expect:$PROMPT" >/dev/null
    done
}

# --- typing ----------------------------------------------------------------------------------

@test "CR, LF and CR LF each end one line; BS, DEL, ^U and escape sequences edit it" {
    local m
    for m in q35 pc; do
        run -0 serial "$BATS_FILE_TMPDIR/$m" 'raw:echo one\recho two\necho three\r\necho four\r' \
            $'expect:\r\nfour\r\n'"$PROMPT"
        assert_equal "$(grep -c "^$PROMPT" <<<"$output")" 4
        run -0 serial "$BATS_FILE_TMPDIR/$m" 'raw:echo abX\x7fcY\x08d\x1b[A\x1b[15~\x1bOPe\r' \
            $'expect:\r\nabcde\r\n'"$PROMPT"
        run -0 serial "$BATS_FILE_TMPDIR/$m" 'raw:rubbish\x15echo f\xc3\xbc\x7fg\r' \
            $'expect:\r\nfg\r\n'"$PROMPT"
    done
}

# More than a kilobyte at once can overrun the kernel's own input queue (README.md).
@test "900 bytes or 60 lines pasted at once arrive complete; a line holds 4095 bytes, a longer one is refused" {
    local m x
    x=$(printf 'x%.0s' {1..900})
    for m in q35 pc; do
        run -0 serial "$BATS_FILE_TMPDIR/$m" "raw:echo $x\r" $'expect:\r\n'"$x"$'\r\n'"$PROMPT" \
            "raw:$(printf 'echo "(%d)"\\r' {1..60})" $'expect:\r\n(60)\r\n'"$PROMPT"
        assert_equal "$(grep -o '^([0-9]*)' <<<"$output")" "$(printf '(%d)\n' {1..60})"
        run -0 serial "$BATS_FILE_TMPDIR/$m" "raw:echo ${x:0:895}" "expect:${x:0:895}" "raw:$x" "expect:$x" \
            "raw:$x" "expect:$x" "raw:$x" "expect:$x" "raw:${x:0:495}" "expect:${x:0:495}" 'raw:\r' \
            $'expect:\r\n'"$x$x$x$x${x:0:490}"$'\r\n'"$PROMPT"
        run -0 serial "$BATS_FILE_TMPDIR/$m" "raw:echo ${x:0:895}" "expect:${x:0:895}" "raw:$x" "expect:$x" \
            "raw:$x" "expect:$x" "raw:$x" "expect:$x" "raw:${x:0:496}" $'expect:\a' 'raw:\r' \
            'expect:line longer than 4095 bytes, not run' "expect:$PROMPT" \
            'send:echo status $?' $'expect:\r\nstatus 2\r\n'"$PROMPT"
    done
}

@test "^C ends a line, or a command that would never end, with status 130" {
    local m c
    for m in q35 pc; do
        serial "$BATS_FILE_TMPDIR/$m" 'raw:half a line\x03' $'expect:^C\r\n'"$PROMPT" \
            'send:echo $?' $'expect:\r\n130\r\n'"$PROMPT" >/dev/null
        for c in 'sleep 100000' 'spin 100000' 'flood 100000000'; do
            serial "$BATS_FILE_TMPDIR/$m" "send:$c; echo not this" $'expect:\r\n' 'raw:\x03' \
                $'expect:^C\r\n'"$PROMPT" 'send:echo $?' $'expect:\r\n130\r\n'"$PROMPT" >"$T/out"
            [ "$(grep -c 'not this' "$T/out")" -eq 1 ] # the echo
        done
        # The line is typed together with the command, and the input after it is not lost.
        serial "$BATS_FILE_TMPDIR/$m" 'raw:sleep 100000\r\x03echo after\r' \
            $'expect:^C\r\n' $'expect:\r\nafter\r\n'"$PROMPT" >/dev/null
    done
}

@test "exit and ^D log out; the next user can log in" {
    local m
    for m in q35 pc; do
        run -0 serial "$BATS_FILE_TMPDIR/$m" 'send:exit 7; echo not this' $'expect:\r\nlogout\r\n' \
            "expect:$WELCOME" 'raw:\r' "expect:$WELCOME" 'send:some body' \
            'expect:Welcome, some body.' "expect:$PROMPT" send:status $'expect:\r\n7\r\n'"$PROMPT" \
            'raw:\x04' $'expect:\r\nlogout\r\n' "expect:$WELCOME" send:root "expect:$PROMPT"
    done
}

# --- what ends the machine -------------------------------------------------------------------

@test "halt and poweroff end QEMU immediately, with status 0" {
    local c m=pc
    for c in halt poweroff; do
        guest "$m" -no-reboot
        run -0 serial "$G" "send:$c" eof
        assert_output "$c"$'\r\nhalting\r'
        assert_off "$G"
        m=q35
    done
}

@test "the power button shuts the guest down with acpi on, at the prompt and in a command, but not with acpi off" {
    local m
    for m in q35 pc; do
        guest "$m"
        serial "$G" 'send:acpi off' 'expect:power button: off, chip ' "expect:$PROMPT" >/dev/null
        monitor "$G" system_powerdown
        assert_on "$G"
        serial "$G" send:status $'expect:\r\n0\r\n' 'send:acpi on' 'expect:power button: on' \
            "expect:$PROMPT" 'send:flood 1000000' 'expect:00000002' >/dev/null
        monitor "$G" system_powerdown
        assert_off "$G"
        console_has "$G" 'power button: halting'
    done
    guest q35
    monitor "$G" system_powerdown
    assert_off "$G"
    console_has "$G" 'power button: halting'
}

@test "acpi prints the chip set" {
    run -0 machsh_on q35 acpi
    assert_output --regexp '^power button: on, chip ICH9, PM base 0x0600, status 0x[0-9a-f]{4}, enable 0x0100, control 0x[0-9a-f]{4}$'
    run -0 machsh_on pc acpi
    assert_output --regexp '^power button: on, chip PIIX4, PM base 0x0600, '
}

@test "reboot returns to the login prompt, or ends QEMU under -no-reboot" {
    local m
    for m in q35 pc; do
        guest "$m"
        serial "$G" send:reboot 'expect:rebooting' "expect:$WELCOME" send:root "expect:$PROMPT" >/dev/null
    done
    guest q35 -no-reboot
    serial "$G" send:reboot eof >/dev/null
    assert_off "$G"
}

@test "halt -k: the kernel stops in a tight loop and QEMU keeps running" {
    local m
    for m in q35 pc; do
        guest "$m"
        serial "$G" 'send:halt -k' 'expect:in tight loop' >/dev/null
        assert_on "$G"
    done
}

@test "fault and panic task end the task without a message; QEMU keeps running, idle" {
    local c
    for c in fault 'panic task'; do
        guest q35
        serial "$G" "send:$c" $'expect:\r\n' >/dev/null
        assert_idle "$G"
        run -0 tail -n 2 "$G/console.log"
        refute_output --partial "still here"
        refute_output --regexp "$PROMPT\$"
        run -1 console_has "$G" 'panic ../'
    done
}

@test "panic and panic kernel: the kernel prints a panic" {
    guest pc
    serial "$G" 'send:panic kernel' "expect:protecting the kernel's" 'expect:panic ' \
        'expect:pmap_remove_range' >/dev/null
    guest q35
    serial "$G" send:panic 'expect:panic ' "expect:Debugger invoked, but there isn't one!" >/dev/null
}
