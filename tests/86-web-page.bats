# The page of vm-web, in Debian's Chromium driven by playwright-core (tests/page).
load helpers

setup_file() {
    make -s -C "$ROOT" web
}

# page SCENARIO [ARGUMENT...]: run a scenario of tests/page.
page() {
    run -0 timeout $((60 * PATIENCE)) node "$ROOT/tests/page/main.mjs" "$1" "$LINK" "${@:2}"
}

nothing_of_transfers() { ! compgen -G "$T/vm-web-*" && ! pgrep -f "$VM push"; }

@test "the bundle: below 600 kB gzip, nothing inline, the licence of every package" {
    local total=0 file
    for file in "$ROOT"/build/web/assets/*.gz; do
        total=$((total + $(stat -c %s "$file")))
        gzip -dc "$file" | cmp - "${file%.gz}"
    done
    echo "$total bytes"
    [ "$total" -le 600000 ] && [ "$total" -gt 100000 ]
    # The files that are loaded before the first paint.
    run -0 sh -c "cat '$ROOT'/build/web/assets/main-*.gz '$ROOT'/build/web/assets/page-*.gz | wc -c"
    [ "$output" -le 40000 ]
    run -1 grep -nE '<style|<script>|style=| on[a-z]+=|https?://' "$ROOT"/build/web/index.html "$ROOT"/build/web/login.html
    for package in @xterm/xterm @xterm/addon-fit @xterm/addon-search @novnc/novnc; do
        grep -q "^$package [0-9.]* (M" "$ROOT/build/web/LICENSES.txt"
    done
    run -1 grep -c '"resolved"' "$ROOT/web/package-lock.json"
}

@test "the link logs in; the prompt appears, uname -a is typed and its output read; find, copy, paste, resize" {
    web_guest
    page prompt
}

@test "a wrong token shows the login page, which accepts the right one; without a token nothing is shown" {
    web_guest
    page token
}

@test "two browsers at once; one of them read-only" {
    web_guest
    page several
}

@test "the page shows a boot from the first byte to ready, beside the boot before" {
    web_guest
    vm stop
    host_vm_exit
    web_vm VM_START_PAUSED=1
    page boot
}

@test "the page stops the guest" {
    web_guest
    page stop
    host_vm_exit
    [ "$STATUS" -eq 0 ]
}

@test "the page can be used with the keyboard alone" {
    web_guest
    page keyboard
}

@test "axe-core reports no violation, light, dark and on a phone; the layout does not shift" {
    web_guest
    vm snapshot save one
    page axe
}

@test "monitor, pause, snapshots, screenshot" {
    web_guest QEMU_VGA=std
    page tools
}

@test "the page runs, shows and compares profiles" {
    web_guest
    page profiles
}

@test "a Linux with a display: noVNC has the same pixels as vm screenshot; dropped files arrive unchanged" {
    linux_vm QEMU_VGA=std VM_SSH_KEY="$GUESTS/linux-key" VM_WEB=1 VM_WEB_PORT="$(free_port)"
    web_link
    vm wait --timeout $((90 * PATIENCE))
    export SHOT=$T/shot.png
    page screen "${ENV[*]@Q} '$VM' screenshot '$T/shot.png'"
    head -c 3000000 /dev/urandom >"$T/file"
    mkdir -p "$T/folder/deep"
    echo 'one in deep' >"$T/folder/deep/one"
    echo two >"$T/folder/two"
    truncate -s 100M "$T/big"
    vm exec 'mkdir /mnt/small && mount -t tmpfs -o size=1m none /mnt/small'
    page files "$T/file" "$T/folder" "$T/big"
    # Of the one that was cancelled, nothing is left on either side.
    wait_until 10 nothing_of_transfers
    run -0 vm exec 'ls -A /root /mnt/small'
    refute_line big
    refute_line file
    printf '%s\n' '#!/bin/sh' 'printf "\033]0;owned\007\033[c\033[6n\033[>c\033]52;c;b3duZWQ=\007<img src=x onerror=globalThis.owned=1>\nHOSTILE-%s\n" END' >"$T/hostile"
    vm push "$T/hostile" /root/
    vm exec 'sh /root/hostile >/dev/ttyS0'
    page hostile
}
