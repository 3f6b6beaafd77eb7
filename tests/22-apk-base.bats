#!/usr/bin/env bats
# The Dockerfile's apk branch, unmodified, on a stand-in for Alpine (tests/apk): BusyBox and its shell, an
# apk that knows Alpine's names, a compiler whose triple is musl's. The scripts and the guest tools run
# with BusyBox as well. Without the builder's cache this downloads packages and builds BusyBox.
load helpers
IMAGE=hurd-vm:on-apk # what the helpers' containers run

setup_file() {
    BASE=$("$ROOT/scripts/base-image" apk)
    export BASE
    TAG=on-apk "$ROOT/scripts/image" >"$BATS_FILE_TMPDIR/said" 2>&1 || {
        tail -n 40 "$BATS_FILE_TMPDIR/said"
        return 1
    }
}

# in_base COMMAND: by the base's shell; this repository is in /src.
in_base() { docker run --rm --network none -v "$ROOT:/src:ro" -w /src "$BASE" sh -c "$1"; }

# busybox_path: a directory of the base's BusyBox, one link an applet, in BB. It runs anywhere.
busybox_path() {
    BB=$T/busybox
    mkdir "$BB"
    docker run --rm --network none "$BASE" cat /usr/bin/busybox >"$BB/busybox"
    chmod 755 "$BB/busybox"
    "$BB/busybox" --list | while read -r applet; do
        [ -e "$BB/$applet" ] || ln -s busybox "$BB/$applet"
    done
}

@test "the base's userland is BusyBox as Alpine has it" {
    run -0 in_base 'readlink -f /bin/sh; for command in flock unzip tar awk sed find adduser; do
        readlink -f "$(command -v $command)"; done | sort -u; echo "$(($(busybox --list | wc -l) / 100))"
        for command in bash perl dpkg apt-get python3 telnet taskset start-stop-daemon ar; do
            ! command -v $command || exit 1; done'
    assert_output '/usr/bin/busybox
/usr/bin/busybox
2'
    # What neither Alpine nor BusyBox has is not there by accident.
    run ! in_base 'date +%N | grep -q "^[0-9]"'
    run ! in_base 'grep --include=x -r y .'
    run ! in_base 'find . -printf x'
}

@test "apk takes Alpine's names and no other" {
    run -1 docker run --rm --network none "$BASE" apk add --no-cache curl qemu-utils musl-tools
    assert_output 'ERROR: unable to select packages:
  qemu-utils (no such package)
  musl-tools (no such package)'
    # All that the table has, at once.
    mapfile -t names < <(awk '/^[a-z]/ { print $1 }' "$ROOT/tests/apk/packages")
    run -0 docker run --rm --network none "$BASE" apk add --no-cache "${names[@]}"
    assert_line 'Installing xorriso'
}

@test "the image boots the built-in guest, healthy, and stops it" {
    container apk "${SAFE[@]}" --tmpfs /var/log/qemu
    container_ready "$C"
    run -0 docker exec "$C" vm exec uname -m
    assert_output x86_64
    docker exec "$C" vm health
    docker exec "$C" sh -c 'readlink -f /bin/sh' | grep -qx /usr/bin/busybox
    docker stop "$C" >/dev/null
    assert_equal "$(docker inspect -f '{{.State.ExitCode}}' "$C")" 0
}

@test "a compiler whose triple is musl's does all by itself: cc -static-pie, not musl-gcc" {
    mkdir "$T/bin"
    cp "$ROOT/tests/apk/cc" "$T/bin/cc"
    cd "$ROOT"
    run -0 env PATH="$T/bin:$PATH" VERSION="$(cat build/version)" make -n -B V=1 vm
    assert_line --regexp '^cc -static-pie .* -o build/vm '
    assert_line --regexp '^cc -Iinit .* -c -o build/obj/'
    refute_output --partial musl-gcc
    refute_output --partial idirafter
    # The same decides on the stand-in itself.
    run -0 docker run --rm --network none "$BASE" sh -c 'apk add gcc musl-dev >&2; cc -dumpmachine' 2>/dev/null
    assert_line --regexp '^[a-z0-9_]*-alpine-linux-musl$'
}

@test "every shell script is one for BusyBox" {
    cd "$ROOT"
    # By their first line: pages in docs have examples inside.
    git ls-files | xargs awk 'FNR == 1 && /^#! ?\/bin\/sh|^# shellcheck shell=sh/ { print FILENAME }' >"$T/scripts"
    [ "$(wc -l <"$T/scripts")" -gt 20 ]
    docker run --rm -i --network none -v "$ROOT:/src:ro" -w /src "$BASE" sh -euc \
        'while read -r file; do sh -n "$file"; done' <"$T/scripts"
}

@test "the host's scripts run with BusyBox for a userland" {
    busybox_path
    # What BusyBox has comes from BusyBox; docker and the tools of packages come from the host.
    # prepare-image and get-image run the guest tools in the image, whose shell is BusyBox's as well.
    env=(env PATH="$BB:$PATH" TAG=on-apk)
    run -0 "${env[@]}" "$BB/sh" "$ROOT/scripts/base-image"
    run -0 "${env[@]}" "$BB/sh" "$ROOT/scripts/setup-host"
    "$ROOT/tests/guests/hurdlike/build.sh" 2 "$GUESTS" "$T/hurd.img"
    sum=$(sha256sum <"$T/hurd.img")
    run -0 "${env[@]}" "$BB/sh" "$ROOT/scripts/prepare-image" --hostname mach "$T/hurd.img" "$T/new.qcow2"
    assert_equal "$(sha256sum <"$T/hurd.img")" "$sum"
    qemu-img convert -O raw "$T/new.qcow2" "$T/raw"
    run -0 debugfs -R 'cat /etc/hostname' "$T/raw?offset=$((10 << 20))"
    assert_line mach
    xz -0 "$T/hurd.img"
    run -0 "${env[@]}" "$BB/sh" "$ROOT/scripts/get-image" --dir "$T/images" "$T/hurd.img.xz"
    qemu-img check -q "$T/images/debian-hurd-amd64.qcow2"
}
