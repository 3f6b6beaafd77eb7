#!/usr/bin/env bats
# scripts/get-image with a server that has the faults of real servers and networks: the result is either the
# complete image under its name, or no image and the reason; what was received is not downloaded again.
load helpers
load mirror

setup_file() {
    load helpers
    export TAG=${IMAGE#*:} NETWORK=host
    # 3 MiB that do not compress, in a disk of 8 MiB, packed in all formats.
    S=$BATS_FILE_TMPDIR/served
    mkdir -p "$S/latest/hurd-amd64" "$S/13.0/hurd-i386"
    head -c 3000000 /dev/urandom >"$S/disk.img"
    truncate -s 8M "$S/disk.img"
    cd "$S" || return
    echo readme >README
    tar -cJf disk.tar.xz README disk.img
    tar -czf "odd.tar.gz" --transform 's|disk.img|../../escape.img|' -P README disk.img
    cp disk.img other.img
    tar -cf two.tar disk.img other.img
    gzip -k disk.img
    xz -k disk.img
    zstd -q -k disk.img
    python3 -c 'import zipfile
z = zipfile.ZipFile("disk.zip", "w", zipfile.ZIP_DEFLATED)
z.write("README"); z.write("disk.img")'
    qemu-img convert -O qcow2 disk.img disk.qcow2
    head -c 1000000 disk.tar.xz >broken.tar.xz
    truncate -s 100M zeros.img
    xz -0 zeros.img
    qemu-img create -q -f qcow2 -F raw -b /etc/passwd reading.qcow2 2>/dev/null
    cp disk.tar.xz changing.tar.xz
    { head -c 2000000 /dev/urandom; head -c 4000000 /dev/zero; } | xz -0 >changing.tar.xz.new
    cp disk.tar.xz latest/hurd-amd64/debian-hurd.img.tar.xz
    cp disk.tar.xz latest/hurd-amd64/debian-hurd-amd64-20260314.img.tar.xz
    cp disk.img.gz 13.0/hurd-i386/debian-hurd-i386.img.gz
    for dir in . latest/hurd-amd64 13.0/hurd-i386; do
        (cd "$dir" && find . -maxdepth 1 -type f | sed 's|^\./||' | xargs sha512sum >../sums.new &&
            mv ../sums.new SHA512SUMS)
    done
    sum=$(sha512sum <changing.tar.xz.new)
    sed -i "s|^[0-9a-f]*  changing.tar.xz\$|${sum%% *}  changing.tar.xz|" SHA512SUMS
    echo x >unlisted.img
    "$ROOT/tests/file-server" "$S" "$BATS_FILE_TMPDIR/port" "$BATS_FILE_TMPDIR/requests" 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/pid"
    wait_until 10 test -e "$BATS_FILE_TMPDIR/port"
    URL=http://127.0.0.1:$(cat "$BATS_FILE_TMPDIR/port")
    export S URL
}

teardown_file() {
    end_process "$(cat "$BATS_FILE_TMPDIR/pid")"
}

get() {
    : >"$BATS_FILE_TMPDIR/requests"
    "$ROOT/scripts/get-image" --dir "$T/images" --name a.qcow2 --no-prepare --retries 3 --stall 2 "$@"
}

requests() { grep "^GET .*$1" "$BATS_FILE_TMPDIR/requests"; }

# The image is complete, a qcow2 of the served disk, and there is no other file.
whole() {
    qemu-img compare -f raw -F qcow2 "$S/disk.img" "$T/images/a.qcow2"
    [ "$(ls -A "$T/images")" = a.qcow2 ]
    qemu-img check -q "$T/images/a.qcow2"
}

none() { [ ! -e "$T/images/a.qcow2" ]; }

@test "Debian's image: current, dated, release; checked, unpacked, converted to qcow2 with the given options" {
    run -0 get --mirror "$URL/ok"
    assert_output --partial 'a.qcow2 is ready'
    refute_output --partial '/.host/'
    whole
    run -0 qemu-img info "$T/images/a.qcow2"
    assert_output --partial 'cluster_size: 65536'
    assert_output --partial 'compat: 1.1'
    assert_output --partial 'lazy refcounts: true'
    run -0 get --mirror "$URL/ok"
    assert_output --partial 'is there already'
    get --mirror "$URL/ok" --force --cluster-size 2M --preallocation metadata 20260314
    whole
    run -0 qemu-img info "$T/images/a.qcow2"
    assert_output --partial 'cluster_size: 2097152'
    get --mirror "$URL/ok" --force --arch i386 release
    whole
    requests 13.0/hurd-i386/debian-hurd-i386.img.gz
}

@test "tar, xz, gzip, zstd, zip, uncompressed, qcow2; from a URL, file:// and a path" {
    for file in disk.img.xz disk.img.zst disk.zip disk.qcow2 "odd.tar.gz"; do
        get --force "$URL/ok/$file"
        whole
    done
    [ ! -e "$T/escape.img" ] && [ ! -e "$T/images/escape.img" ]
    get --force "file://$S/disk.img"
    whole
    get --force "$S/disk.img.gz"
    whole
}

@test "interrupted connections: the download resumes, with ranges and without" {
    get "$URL/cut/disk.tar.xz"
    whole
    [ "$(requests disk.tar.xz | wc -l)" -ge 3 ]
    [ "$(requests disk.tar.xz | grep -c ' -$')" = 1 ]
    run -0 get --force "$URL/cutnr/disk.tar.xz"
    assert_output --partial 'starting over'
    whole
}

@test "a stalled connection, a busy server, a redirect, a server without ranges" {
    run -0 get "$URL/stall/disk.tar.xz"
    assert_output --partial 'trying again in'
    whole
    requests disk.tar.xz | grep -q 'bytes='
    for fault in busy redirect noranges; do
        get --force "$URL/$fault/disk.tar.xz"
        whole
    done
}

@test "a redirect from https to http is followed only for an image whose checksum is known" {
    tls_server "$S" 127.0.0.1 "$URL"
    mkdir -p "$T/images"
    local sum from
    from=https://127.0.0.1:$(cat "$T/port")/ok/disk.img.xz
    fetch() {
        CURL_CA_BUNDLE=$T/tls.pem "$ROOT/guest-tools/fetch-image" --dir "$T/images" --name a.qcow2 \
            --no-prepare --retries 1 "$@"
    }
    run -69 fetch "$from"
    assert_line --partial '/ok/SHA512SUMS: it redirects from https to http'
    run -69 fetch --no-checksum "$from"
    assert_line --partial 'disk.img.xz: it redirects from https to http'
    none
    sum=$(sha512sum <"$S/disk.img.xz")
    run -0 fetch --sha512 "${sum%% *}" "$from"
    whole
}

@test "SHA512SUMS.sign: a valid signature, an invalid one, none, no key ring" {
    signing_key
    mkdir -p "$S/signed/latest/hurd-amd64"
    cp "$S"/latest/hurd-amd64/* "$S/signed/latest/hurd-amd64"
    local at=$S/signed/latest/hurd-amd64
    run -65 get --mirror "$URL/ok/signed" --keyring "$T/ring.gpg"
    assert_output --partial 'SHA512SUMS is not signed: no SHA512SUMS.sign beside it'
    none
    # If a machine has Debian's keys, these are used, and a missing signature is no error.
    run -0 get --mirror "$URL/ok/signed"
    assert_line --regexp 'is not signed there|signature of SHA512SUMS is not checked'
    sign "$at/SHA512SUMS"
    run -0 get --force --mirror "$URL/ok/signed" --keyring "$T/ring.gpg"
    assert_line --partial "SHA512SUMS is signed by a key of $T/ring.gpg"
    whole
    # Signed, and changed afterwards: the checksum of the file is still right.
    sed -i '$a # one more line' "$at/SHA512SUMS"
    rm "$T/images/a.qcow2"
    run -65 get --mirror "$URL/ok/signed" --keyring "$T/ring.gpg"
    assert_output --partial "SHA512SUMS has no valid signature of a key in $T/ring.gpg"
    none
    # Signed with another key.
    gpg --batch --quiet --passphrase '' --quick-generate-key 'Other <other@example.org>' ed25519 sign never
    gpg --batch --yes --quiet --armor -u other@example.org --detach-sign --output "$at/SHA512SUMS.sign" "$at/SHA512SUMS"
    run -65 get --mirror "$URL/ok/signed" --keyring "$T/ring.gpg"
    none
    run -0 get --mirror "$URL/ok/signed" --keyring none
    whole
    # For a local file, the signature beside it.
    sign "$at/SHA512SUMS"
    run -0 get --force --keyring "$T/ring.gpg" "$at/debian-hurd.img.tar.xz"
    assert_line --partial "SHA512SUMS is signed"
    whole
    run -1 get --force --keyring "$T/no.gpg" "$at/debian-hurd.img.tar.xz"
    assert_output --partial "$T/no.gpg: no such file"
}

@test "https_proxy: everything goes through it, and its certificate authority is trusted" {
    mirror_behind_proxy "$S"
    unset NETWORK # a proxy on this machine's loopback address can still be reached
    https_proxy=$PROXY CURL_CA_BUNDLE=$T/tls.pem run -0 get --mirror https://mirror.invalid/ok
    whole
    run -0 sort -u "$T/asked"
    assert_output 'CONNECT mirror.invalid:443'
    # Without that, the proxy's certificate is not trusted.
    https_proxy=$PROXY run -69 get --force --mirror https://mirror.invalid/ok
}

@test "if the file changes during the download, the new one is downloaded completely, without a mixture" {
    run -65 get --stall 5 "$URL/changed/changing.tar.xz" --max-size 4M
    assert_output --partial 'starting over'
    assert_output --partial 'unpacks to more than'
    none
}

@test "wrong lengths: too long is tried again, too short is not accepted as complete" {
    run -69 get --retries 1 "$URL/long/disk.tar.xz"
    assert_output --partial 'its length changes'
    none
    run -65 get "$URL/short/disk.tar.xz"
    assert_output --partial 'does not match its SHA-512'
    none
}

@test "a wrong checksum, no checksum, a given checksum" {
    run -65 get --sha512 "$(printf '%0128d' 7)" "$URL/ok/disk.img.gz"
    assert_output --partial 'does not match its SHA-512'
    none
    run -65 get "$URL/ok/unlisted.img"
    assert_output --partial 'cannot be checked'
    none
    # The cause is not the checksum: no connection, no such file.
    dead=$(free_port)
    run -69 get "http://127.0.0.1:$dead/disk.img.gz"
    assert_output --partial 'no connection'
    refute_output --partial 'checksum'
    run -66 get "$URL/gone/unlisted.img"
    assert_output --partial 'HTTP status 404'
    refute_output --partial 'checksum'
    none
    sum=$(sha512sum <"$S/disk.img.gz")
    get --sha512 "${sum%% *}" "$URL/ok/disk.img.gz"
    whole
}

@test "missing, forbidden, damaged, a decompression bomb, two disks, a qcow2 that names a file" {
    run -66 get "$URL/gone/disk.tar.xz"
    assert_output --partial '404'
    run -69 get --no-checksum "$URL/away/disk.tar.xz"
    run -65 get "$URL/ok/broken.tar.xz"
    assert_output --partial 'is damaged'
    run -65 get --max-size 10M "$URL/ok/zeros.img.xz"
    assert_output --partial 'unpacks to more than'
    run -65 get "$URL/ok/two.tar"
    assert_output --partial '--member'
    run -65 get "$URL/ok/reading.qcow2"
    assert_output --partial 'backing file'
    none
    get --member other.img "$URL/ok/two.tar"
    whole
}

@test "an endless download ends at --max-size" {
    run -65 get --no-checksum --max-size 3M "$URL/endless/disk.img.gz"
    assert_output --partial 'is larger than 3.1 MB'
    none
    run -0 find "$T/images" -type f -size +3M
    assert_output ''
    # Its length is known: nothing is downloaded.
    run -65 get --max-size 1000 "$URL/ok/disk.img.gz"
    assert_output --partial 'is larger than 0.0 MB'
}

@test "missing space is reported before the download" {
    docker run --rm --network host --tmpfs /small:size=4m "$IMAGE" init /usr/lib/vm/fetch-image \
        --dir /small --no-prepare "$URL/ok/disk.tar.xz" >"$T/said" 2>&1 && return 1
    grep -q 'has 4.* MB left, and disk.tar.xz with what it becomes needs' "$T/said"
    run ! requests disk.tar.xz
}

# fetch NAME URL: a container that downloads into $T/images.
fetch() {
    CONTAINERS+=("$ID-$1")
    docker run -d --name "$ID-$1" --network host -v "$T/images:/opt/hurd-image" "$IMAGE" \
        init /usr/lib/vm/fetch-image --name a.qcow2 --no-prepare "$2" >/dev/null
}

some_came() { [ "$(stat -c %s "$T/images/.a.qcow2.fetch/archive")" -gt 500000 ]; }

@test "SIGKILL during a download: no image under the final name, and the next run continues" {
    mkdir "$T/images"
    fetch one "$URL/slow/disk.tar.xz"
    wait_until 20 some_came
    # Two at once: the second one gets an error.
    run -75 get "$URL/slow/disk.tar.xz"
    assert_output --partial 'another fetch-image or prepare-image uses'
    docker kill "$ID-one" >/dev/null
    none
    run -0 get "$URL/slow/disk.tar.xz"
    assert_output --partial 'going on with disk.tar.xz behind'
    whole
    requests disk.tar.xz | grep -q 'bytes=[1-9]'
}

@test "SIGTERM ends a download immediately, and the image belongs to the user who started it" {
    mkdir "$T/images"
    chown 1234:1234 "$T/images"
    fetch one "$URL/slow/disk.tar.xz"
    wait_until 20 some_came
    docker stop -t 60 "$ID-one" >/dev/null
    [ "$(docker inspect -f '{{.State.ExitCode}}' "$ID-one")" = 143 ]
    rm -rf "$T/images/.a.qcow2.fetch"
    docker run --rm --network host --user 1234:1234 --cap-drop ALL --read-only --tmpfs /tmp \
        -v "$T/images:/opt/hurd-image" "$IMAGE" init /usr/lib/vm/fetch-image --name a.qcow2 \
        --no-prepare "$URL/ok/disk.tar.xz"
    whole
    [ "$(stat -c %u:%g "$T/images/a.qcow2")" = 1234:1234 ]
}

@test "downloaded and prepared in one run" {
    "$ROOT/tests/guests/hurdlike/build.sh" 2 "$GUESTS" "$T/hurd.img"
    tar -cJf "$T/hurd.img.tar.xz" -C "$T" hurd.img
    rm "$T/hurd.img"
    "$ROOT/scripts/get-image" --dir "$T/images" "$T/hurd.img.tar.xz" -- --hostname mach
    [ -e "$T/images/ssh/id_ed25519" ]
    qemu-img convert -O raw "$T/images/debian-hurd-amd64.qcow2" "$T/raw"
    run -0 debugfs -R 'cat /etc/hostname' "$T/raw?offset=$((10 << 20))"
    assert_line mach
    run -0 debugfs -R 'cat /boot/grub/grub.cfg' "$T/raw?offset=$((10 << 20))"
    assert_output --partial 'console=com0'
}

# hurd_served: a Hurd of tests/guests/hurdlike, served as hurd.img.xz.
hurd_served() {
    [ ! -e "$S/hurd.img.xz" ] || return 0
    "$ROOT/tests/guests/hurdlike/build.sh" 2 "$GUESTS" "$S/hurd.img"
    head -c 4000000 /dev/urandom | dd of="$S/hurd.img" bs=1M seek=5 conv=notrunc status=none
    xz -T0 "$S/hurd.img"
    (cd "$S" && sha512sum hurd.img.xz >>SHA512SUMS)
}

fetching() {
    container "$1" --network host "${SAFE[@]}" --tmpfs /var/log/qemu -v "$T/images:/opt/hurd-image" \
        -e VM_GUEST=mach -e QEMU_RAM=256 -e SERIAL_PORT=0 -e MONITOR_PORT=0 -e VM_FETCH=1 \
        -e QEMU_HOSTFWDS=none "${@:2}"
}

health_says() { docker exec "$C" vm health | grep -q "$1"; }

@test "VM_FETCH: vm health shows the progress, vm wait waits, the guest starts on its serial console" {
    hurd_served
    mkdir "$T/images"
    chown 1234:1234 "$T/images"
    fetching one -e VM_FETCH_SOURCE="$URL/slow/hurd.img.xz"
    wait_until 30 health_says 'no image yet: fetching hurd.img.xz: [0-9]* % of'
    run -0 docker exec "$C" vm status --json
    assert_output --partial '"state":"fetching"'
    container_ready "$C" 120
    run -0 stat -c %u:%g "$T/images/debian-hurd-amd64.qcow2" "$T/images/ssh/id_ed25519"
    assert_output "1234:1234
1234:1234"
    run -0 container_logs "$C"
    assert_output --partial 'e2fsck finds the file system clean'
    assert_output --partial 'guest mach'
    docker restart -t 60 "$C" >/dev/null
    container_ready "$C"
    [ "$(container_logs "$C" | grep -c 'fetching http')" = 1 ]
}

@test "VM_FETCH: a stop during the download gives status 0, a file that cannot be downloaded status 66 and the reason" {
    hurd_served
    mkdir "$T/images"
    fetching one -e VM_FETCH_SOURCE="$URL/slow/hurd.img.xz"
    wait_until 30 logs_have "$C" '% of'
    docker stop -t 60 "$C" >/dev/null
    [ "$(docker inspect -f '{{.State.ExitCode}}' "$C")" = 0 ]
    logs_have "$C" 'stopped while fetching'
    [ ! -e "$T/images/debian-hurd-amd64.qcow2" ]
    fetching two -e VM_FETCH_SOURCE="$URL/gone/hurd.img.xz"
    wait_exit "$C"
    [ "$STATUS" = 66 ]
    logs_have "$C" 'gone/hurd.img.xz: HTTP status 404'
}
