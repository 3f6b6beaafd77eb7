#!/usr/bin/env bats
# The Dockerfile's branch for apk, unmodified, on a substitute for Alpine (tests/apk): BusyBox and its shell, an apk
# that accepts Alpine's package names, a compiler whose target is musl. The scripts and the guest tools also run
# with BusyBox. Without the builder's cache this downloads packages and builds BusyBox.
load helpers
IMAGE=hurd-vm:on-apk # the image of the helper containers

setup_file() {
    BASE=$("$ROOT/scripts/base-image" apk)
    export BASE
    TAG=on-apk "$ROOT/scripts/image" >"$BATS_FILE_TMPDIR/said" 2>&1 || {
        tail -n 40 "$BATS_FILE_TMPDIR/said"
        return 1
    }
}

# in_base COMMAND: run by the shell of the base; this repository is /src.
in_base() { docker run --rm --network none -v "$ROOT:/src:ro" -w /src "$BASE" sh -c "$1"; }

# busybox_path: put a directory of links to the base's BusyBox, one for each applet, into BB. It works anywhere.
busybox_path() {
    BB=$T/busybox
    mkdir "$BB"
    docker run --rm --network none "$BASE" cat /usr/bin/busybox >"$BB/busybox"
    chmod 755 "$BB/busybox"
    "$BB/busybox" --list | while read -r applet; do
        [ -e "$BB/$applet" ] || ln -s busybox "$BB/$applet"
    done
}

@test "the userland of the base is BusyBox with Alpine's applets" {
    run -0 in_base 'readlink -f /bin/sh; for command in flock unzip tar awk sed find adduser; do
        readlink -f "$(command -v $command)"; done | sort -u; echo "$(($(busybox --list | wc -l) / 100))"
        for command in bash perl dpkg apt-get python3 telnet taskset start-stop-daemon ar; do
            ! command -v $command || exit 1; done'
    assert_output '/usr/bin/busybox
/usr/bin/busybox
2'
    # Commands that neither Alpine nor BusyBox has must not be there by accident.
    run ! in_base 'date +%N | grep -q "^[0-9]"'
    run ! in_base 'grep --include=x -r y .'
    run ! in_base 'find . -printf x'
}

@test "apk accepts Alpine's package names and no others" {
    run -1 docker run --rm --network none "$BASE" apk add --no-cache curl qemu-utils musl-tools
    assert_output 'ERROR: unable to select packages:
  qemu-utils (no such package)
  musl-tools (no such package)'
    # All packages of the table at once.
    mapfile -t names < <(awk '/^[a-z]/ { print $1 }' "$ROOT/tests/apk/packages")
    run -0 docker run --rm --network none "$BASE" apk add --no-cache "${names[@]}"
    assert_line 'Installing xorriso'
}

@test "the image boots the built-in guest, becomes healthy, and stops it" {
    container apk "${SAFE[@]}" --tmpfs /var/log/qemu
    container_ready "$C"
    run -0 docker exec "$C" vm exec uname -m
    assert_output x86_64
    docker exec "$C" vm health
    docker exec "$C" sh -c 'readlink -f /bin/sh' | grep -qx /usr/bin/busybox
    docker stop "$C" >/dev/null
    assert_equal "$(docker inspect -f '{{.State.ExitCode}}' "$C")" 0
}

@test "for arm64 the programs are cross-compiled, with the packages of another architecture" {
    local name=hurd-vm:on-apk-cross
    DOCKER_BUILDKIT=1 docker build -q -t "$name" --target build --platform linux/arm64 --build-arg BASE="$BASE" \
        --build-arg VERSION=7.8.9 "$ROOT" >/dev/null
    in_stage() {
        docker run --rm --network none -v "$(command -v qemu-aarch64-static):/qemu:ro" --entrypoint /qemu "$name" "$@"
    }
    run -0 docker run --rm --network none --entrypoint cat "$name" /cross
    assert_line 'CROSS=aarch64-alpine-linux-musl CROSS_ROOT= BUILD=build'
    run -0 in_stage build/vm --version
    assert_line 'vm 7.8.9'
    run -0 in_stage -L /target build/vm-web --routes
    assert_line --partial '"path":"/api/v1/status"'
    docker rmi "$name" >/dev/null
}

@test "a compiler whose target is musl links with cc -static-pie, without musl-gcc" {
    mkdir "$T/bin"
    cp "$ROOT/tests/apk/cc" "$T/bin/cc"
    cd "$ROOT"
    run -0 env PATH="$T/bin:$PATH" VERSION="$(cat build/version)" make -n -B V=1 vm
    assert_line --regexp '^cc -static-pie .* -o build/vm '
    assert_line --regexp '^cc -Iinit .* -c -o build/obj/'
    refute_output --partial musl-gcc
    refute_output --partial idirafter
    # The same decision on the substitute itself.
    run -0 docker run --rm --network none "$BASE" sh -c 'apk add gcc musl-dev >&2; cc -dumpmachine' 2>/dev/null
    assert_line --regexp '^[a-z0-9_]*-alpine-linux-musl$'
}

@test "every shell script runs under BusyBox's sh" {
    cd "$ROOT"
    # Shell scripts are found by their first line.
    git ls-files | xargs awk 'FNR == 1 && /^#! ?\/bin\/sh|^# shellcheck shell=sh/ { print FILENAME }' >"$T/scripts"
    [ "$(wc -l <"$T/scripts")" -gt 20 ]
    docker run --rm -i --network none -v "$ROOT:/src:ro" -w /src "$BASE" sh -euc \
        'while read -r file; do sh -n "$file"; done' <"$T/scripts"
}

@test "the host's scripts run with BusyBox as the userland" {
    busybox_path
    # Applets of BusyBox are used where they exist; docker and the package tools come from the host.
    # prepare-image and get-image run the guest tools in the image, whose shell is BusyBox's too.
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
