#!/usr/bin/env bats
# scripts/release, which .github/workflows/release.yml runs: files, images, a registry on loopback, an index for two
# architectures, signatures; the lint of the workflows; scripts/hurd (make hurd). The commit HEAD is built.
load helpers
load mirror

setup_file() {
    load helpers
    cd "$ROOT" || return
    export OUT=$BATS_FILE_TMPDIR/out BASES=alpine REGISTRY REPOSITORY VERSION_NUMBER
    VERSION_NUMBER=$(cat VERSION)
    REGISTRY=127.0.0.1:$(free_port)
    REPOSITORY=$REGISTRY/owner/hurd-vm
    mkdir "$BATS_FILE_TMPDIR/registry"
    cat >"$BATS_FILE_TMPDIR/registry.yml" <<YAML
version: 0.1
storage: {filesystem: {rootdirectory: $BATS_FILE_TMPDIR/registry}}
http: {addr: "$REGISTRY"}
YAML
    docker-registry serve "$BATS_FILE_TMPDIR/registry.yml" >"$BATS_FILE_TMPDIR/registry.log" 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/pid"
    wait_until 10 curl -sf "http://$REGISTRY/v2/"
    { scripts/release files && ARCHITECTURES=amd64 scripts/release images; } >"$BATS_FILE_TMPDIR/said" 2>&1 || {
        tail -n 40 "$BATS_FILE_TMPDIR/said"
        return 1
    }
}

teardown_file() {
    end_process "$(cat "$BATS_FILE_TMPDIR/pid")"
    docker images --format '{{.Repository}}:{{.Tag}}' | grep -E "^hurd-vm:release-|^$REGISTRY/|^hurd-vm:bats-release" |
        xargs -r docker rmi -f >/dev/null
    # Remove the emulation, if this file has switched it on.
    [ ! -e "$BATS_FILE_TMPDIR/emulated" ] || echo -1 >/proc/sys/fs/binfmt_misc/qemu-aarch64
}

release() { (cd "$ROOT" && scripts/release "$@"); }

# clone: a repository of this commit in $T/clone, which a test can change.
clone() {
    git clone -q --no-hardlinks "$ROOT" "$T/clone"
    git -C "$T/clone" config user.email test@example.org
    git -C "$T/clone" config user.name Test
    cd "$T/clone" || return
}

@test "files: an archive for each architecture with both programs, which run and contain no path of the build" {
    local name=hurd-vm-$VERSION_NUMBER arch
    for arch in amd64 arm64; do
        tar -xzf "$OUT/files/$name-linux-$arch.tar.gz" -C "$T"
        run -0 tar -tzf "$OUT/files/$name-linux-$arch.tar.gz"
        for file in vm init LICENSE man/vm.1 man/hurd-vm-init.8 completions/vm.bash completions/_vm completions/vm.fish; do
            assert_line "$name-linux-$arch/$file"
        done
        run ! grep -qF -e "$OUT" -e "$ROOT/" "$T/$name-linux-$arch/vm" "$T/$name-linux-$arch/init"
        cmp "$T/$name-linux-$arch/init" "$OUT/$arch/init"
    done
    run -0 "$T/$name-linux-amd64/vm" --version
    assert_output "vm $VERSION_NUMBER"
    run -0 qemu-aarch64-static "$T/$name-linux-arm64/vm" --version
    assert_output "vm $VERSION_NUMBER"
    # The programs in the image have the same bytes.
    docker run --rm --network none --entrypoint cat hurd-vm:release-alpine-amd64 /init | cmp - "$OUT/amd64/init"
    docker run --rm --network none --entrypoint cat hurd-vm:release-alpine-amd64 /usr/local/bin/vm | cmp - "$OUT/amd64/vm"
}

@test "a build in another directory, with another umask, time zone and language, gives the same bytes" {
    # shellcheck disable=SC2030,SC2031
    (
        umask 077
        export OUT=$T/a/longer/and/other/path ARCHITECTURES=amd64 TZ=Asia/Kathmandu LC_ALL=C.UTF-8
        release files >"$T/said" 2>&1
    ) || { cat "$T/said"; return 1; }
    cd "$T/a/longer/and/other/path/files"
    [ "$(ls | wc -l)" = 1 ]
    for file in *.tar.gz; do
        cmp "$file" "$OUT/files/$file"
    done
}

# layers FILE: every path and time in the layers of a saved image.
layers() {
    python3 - "$1" <<'PYTHON'
import io, json, sys, tarfile
saved = tarfile.open(sys.argv[1])
for name in json.load(saved.extractfile("manifest.json"))[0]["Layers"]:
    for member in tarfile.open(fileobj=io.BytesIO(saved.extractfile(name).read())):
        print(int(member.mtime), member.name)
PYTHON
}

@test "our image layers are identical without the cache, and no time in them is that of the build" {
    # The COPY lines of the Dockerfile, on an empty image.
    { echo 'FROM scratch'; awk '/^FROM/ { last = "" } { last = last "\n" $0 } END { print last }' "$ROOT/Dockerfile" |
        grep '^COPY' | sed 's|--from=program|--from=hurd-vm:release-program-amd64|; s|--from=mach-mini /out/|images/mach-mini/|; s|--from=web /out/|web/|
        s|--from=build /src/build/vm-web|--from=hurd-vm:release-alpine-amd64 /usr/local/bin/vm-web|'; } >"$T/Dockerfile"
    [ "$(grep -c ^COPY "$T/Dockerfile")" -ge 9 ]
    local epoch i
    epoch=$(git -C "$ROOT" log -1 --format=%ct)
    for i in 1 2; do
        DOCKER_BUILDKIT=1 docker build -q --no-cache -t "hurd-vm:bats-release-$i" -f "$T/Dockerfile" "$OUT/source" >/dev/null
        docker save "hurd-vm:bats-release-$i" >"$T/saved"
        # Directories have the time of the build.
        layers "$T/saved" | awk -v epoch="$epoch" '$1 > epoch { late = 1 } END { exit !late }'
        "$ROOT/scripts/normalise-image" "$epoch" hurd-vm:same <"$T/saved" >"$T/$i.tar"
    done
    cmp "$T/1.tar" "$T/2.tar"
    layers "$T/1.tar" | awk -v epoch="$epoch" '$1 > epoch { print; late = 1 } END { exit late }'
    # The contents are the same.
    diff <(layers "$T/saved" | cut -d ' ' -f 2-) <(layers "$T/1.tar" | cut -d ' ' -f 2-)
}

@test "the SBOM is valid and lists the contents of the image; errors in one are found" {
    local bill=$OUT/files/hurd-vm-$VERSION_NUMBER-alpine-amd64.spdx.json
    "$ROOT/scripts/sbom" --check "$bill"
    run -0 jq -r '.packages[].name' "$bill"
    for name in hurd-vm gnumach grub musl qemu-system-x86 passt; do
        assert_line "$name"
    done
    run -0 jq -r '.files[] | select(.fileName == "./init") | .checksums[] | select(.algorithm == "SHA256").checksumValue' "$bill"
    assert_equal "$output" "$(sha256sum <"$OUT/amd64/init" | cut -d ' ' -f 1)"
    jq '.packages[1].SPDXID = .packages[2].SPDXID | del(.packages[3].name) | .packages[4].licenseDeclared = "GPL, perhaps"
        | .files[0].checksums = [] | .relationships[5].relatedSpdxElement = "SPDXRef-Nothing" | .spdxVersion = "SPDX-9"
        | .creationInfo.created = "today"' "$bill" >"$T/bad.json"
    run -1 "$ROOT/scripts/sbom" --check "$T/bad.json"
    for fault in 'is there twice' 'has no name' "'GPL, perhaps' is no expression" 'has no SHA1' 'has no checksums' \
        "'SPDXRef-Nothing', which is nowhere" "not 'SPDX-2.3'" 'no time in UTC'; do
        assert_output --partial "$fault"
    done
}

# emulation: make this machine run programs for arm64, also in containers.
emulation() {
    [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || touch "$BATS_FILE_TMPDIR/emulated"
    sh -euc 'cd "$1"; . scripts/lib.sh; out=$2; . scripts/release-images.sh; need_emulation arm64' sh "$ROOT" "$OUT"
}

@test "pushed, pulled and started on both architectures: one index, with the digests that were reported" {
    # An image for arm64 with only our programs: installing all packages of a complete one would take many minutes.
    emulation
    sh -euc 'cd "$1"; . scripts/lib.sh; out=$2; . scripts/release-images.sh; program_image arm64' sh "$ROOT" "$OUT"
    docker tag hurd-vm:release-program-arm64 hurd-vm:release-alpine-arm64

    # Without --push nothing is published.
    run -0 release push
    assert_line "release: would push for amd64 arm64 to $REPOSITORY:$VERSION_NUMBER $REPOSITORY:${VERSION_NUMBER%.*} $REPOSITORY:latest (--push does)"
    run curl -sf "http://$REGISTRY/v2/owner/hurd-vm/tags/list"
    assert_failure

    run -0 release --push push notes
    run -0 curl -sf "http://$REGISTRY/v2/owner/hurd-vm/tags/list"
    run -0 jq -r '.tags | sort | join(" ")' <<<"$output"
    assert_output "${VERSION_NUMBER%.*} $VERSION_NUMBER $VERSION_NUMBER-amd64 $VERSION_NUMBER-arm64 latest"
    run -0 docker buildx imagetools inspect --raw "$REPOSITORY:latest"
    assert_equal "$(jq -r '[.manifests[].platform.architecture] | join(" ")' <<<"$output")" 'amd64 arm64'
    # The bytes in the registry have the digests that were reported.
    while read -r name digest; do
        curl -sf -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
            -H 'Accept: application/vnd.docker.distribution.manifest.list.v2+json' \
            "http://$REGISTRY/v2/owner/hurd-vm/manifests/${name##*:}" >"$T/manifest"
        assert_equal "sha256:$(sha256sum <"$T/manifest" | cut -d ' ' -f 1)" "$digest"
        jq -e --arg name "$name" --arg digest "${digest#sha256:}" '.subject | any(.name == $name and .digest.sha256 == $digest)' \
            "$OUT/files/hurd-vm-$VERSION_NUMBER.provenance.json"
    done <"$OUT/digests"
    [ "$(wc -l <"$OUT/digests")" = 5 ]
    (cd "$OUT/files" && sha256sum -c --quiet SHA256SUMS)

    run -1 release --push push
    assert_output --partial "$REPOSITORY:$VERSION_NUMBER is there already; a version does not change"

    # None of these tags exists locally, so they are pulled.
    local id
    id=$(docker image inspect -f '{{.Id}}' hurd-vm:release-alpine-amd64)
    docker rmi hurd-vm:release-alpine-amd64 hurd-vm:release-alpine-arm64 hurd-vm:release-program-arm64 >/dev/null
    docker pull -q "$REPOSITORY:latest"
    assert_equal "$(docker image inspect -f '{{.Id}}' "$REPOSITORY:latest")" "$id"
    docker tag "$REPOSITORY:latest" hurd-vm:release-alpine-amd64
    IMAGE=$REPOSITORY:latest
    container pulled "${SAFE[@]}" --tmpfs /var/log/qemu
    container_ready "$C"
    run -0 docker exec "$C" vm exec uname
    assert_output --partial 'GNU Mach'
    run -0 docker exec "$C" vm version
    assert_line --partial "$VERSION_NUMBER"
    docker stop "$C" >/dev/null
    assert_equal "$(docker inspect -f '{{.State.ExitCode}}' "$C")" 0

    run -0 docker pull -q --platform linux/arm64 "$REPOSITORY:$VERSION_NUMBER"
    run -0 docker run --rm --network none --platform linux/arm64 "$REPOSITORY:$VERSION_NUMBER" --version
    assert_output "vm $VERSION_NUMBER"

    # The size of a pull: layers as the registry has them.
    local size limit=68
    size=$(curl -sf -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
        "http://$REGISTRY/v2/owner/hurd-vm/manifests/$VERSION_NUMBER-amd64" | jq '[.layers[].size] | add')
    echo "compressed: $size bytes"
    [ "$size" -le $((limit * 1000000)) ]
}

@test "each digest is signed once, and the SBOM of each architecture is attested" {
    # cosign needs Fulcio and Rekor; only its arguments can be checked here.
    printf '#!/bin/sh\necho "$*" >>"%s"\n' "$T/asked" >"$T/cosign"
    chmod 755 "$T/cosign"
    mkdir -p "$T/clone/build/release/files" "$T/clone/scripts"
    cp "$ROOT"/scripts/{release-sign,lib.sh} "$T/clone/scripts"
    cd "$T/clone"
    echo 1.2.3 >VERSION
    local i a b c d e f
    for i in a b c d e f; do printf -v "$i" 'sha256:%064d' "$((i))"; done
    a=sha256:aaaa b=sha256:bbbb c=sha256:cccc d=sha256:dddd e=sha256:eeee f=sha256:ffff
    printf 'r.example:5000/o/hurd-vm:%s %s\n' 1.2.3 $a 1.2 $a latest $a 1.2.3-amd64 $b 1.2.3-arm64 $c \
        1.2.3-debian $d 1.2.3-debian-amd64 $e 1.2.3-debian-arm64 $f >build/release/digests
    for i in alpine-amd64 alpine-arm64 debian-amd64 debian-arm64; do touch "build/release/files/hurd-vm-1.2.3-$i.spdx.json"; done
    COSIGN=$T/cosign run -0 scripts/release-sign
    run -0 grep -c '^sign --yes r.example:5000/o/hurd-vm@sha256:' "$T/asked"
    assert_output 6
    run -0 grep ^attest "$T/asked"
    assert_equal "$output" "$(printf 'attest --yes --type spdxjson --predicate build/release/files/hurd-vm-1.2.3-%s.spdx.json r.example:5000/o/hurd-vm@%s\n' \
        alpine-amd64 $b alpine-arm64 $c debian-amd64 $e debian-arm64 $f)"
    rm build/release/digests
    COSIGN=/nonexistent run -0 scripts/release-sign
    assert_output --partial 'nothing was published'
}

@test "scripts/release check reports everything that is not ready" {
    clone
    echo 7.8.9 >VERSION
    sed -i 's/^ARG BASE=alpine:.*/ARG BASE=alpine:1.0/' Dockerfile
    sed -i 's/@sha256:[0-9a-f]*//' scripts/bases/Dockerfile
    GITHUB_REF_NAME=v7.8.8 run -1 scripts/release check
    assert_line 'release: the work tree has changes that are not committed; only HEAD is released'
    assert_line 'release: the tag is v7.8.8, but VERSION says 7.8.9'
    assert_line --partial "CHANGELOG.md has no section '## [7.8.9]'"
    assert_line --regexp 'scripts/bases/Dockerfile has alpine:[0-9.]*, which the Dockerfile does not'
    assert_line --regexp '^release: debian:[a-z-]* has no digest, so nothing can be published; run: scripts/release pin$'
    assert_line 'release: 7.8.9 is not ready to be released'
    echo 7.8 >VERSION
    run -1 scripts/release
    assert_output "release: VERSION is '7.8', not X.Y.Z"
    rm -rf .git
    run -1 scripts/release
    assert_output --partial 'this is no git checkout'
    run -64 "$ROOT/scripts/release" everything
    assert_line --partial 'scripts/release [--push]'
}

@test "the section of the changelog becomes the release notes" {
    clone
    echo 7.8.9 >VERSION
    sed -i 's/^## \[Unreleased\]/## [Unreleased]\n\n## [7.8.9] - 2030-01-01\n\n- This one\n\n## [7.8.8] - 2029-01-01/' CHANGELOG.md
    git commit -qam 'release 7.8.9'
    mkdir -p build/release/files
    OUT='' run -0 scripts/release notes
    run -0 cat build/release/NOTES.md
    assert_output '- This one'
}

@test "base images without digests are not published to other hosts; pin writes the digests" {
    clone
    sed -i 's/@sha256:[0-9a-f]*//' scripts/bases/Dockerfile
    docker tag hurd-vm:release-program-amd64 "$REGISTRY/base:1"
    docker push -q "$REGISTRY/base:1"
    docker tag hurd-vm:release-program-amd64 hurd-vm:release-debian-amd64
    REPOSITORY=ghcr.invalid/owner/hurd-vm ARCHITECTURES=amd64 BASES=debian run -1 scripts/release --push push
    assert_output --partial 'has no digest; run: scripts/release pin, and commit it'
    docker rmi hurd-vm:release-debian-amd64
    sed -i "s|^FROM .* AS alpine|FROM $REGISTRY/base:1 AS alpine|; s|^FROM .* AS debian|FROM 127.0.0.1:1/none:2 AS debian|" scripts/bases/Dockerfile
    OUT='' run -1 scripts/release pin
    assert_line --regexp "release: $REGISTRY/base:1 is sha256:[0-9a-f]{64}"
    assert_line --partial 'the digest of 127.0.0.1:1/none:2 cannot be looked up: '
    run -0 grep -cE "^FROM $REGISTRY/base:1@sha256:[0-9a-f]{64} AS alpine$" scripts/bases/Dockerfile
    OUT='' run -1 scripts/release pin
    assert_line "release: $REGISTRY/base:1 is pinned already"
    # What pin has written need not be committed first.
    run -1 scripts/release check
    refute_line --partial 'the work tree has changes'
    refute_line --partial "$REGISTRY/base:1 has no digest"
}

@test "workflows: actionlint and shellcheck report nothing; errors in a workflow are found" {
    cd "$ROOT"
    run -0 scripts/check-workflows
    assert_output --regexp '^[0-9]+ files, [1-9][0-9]+ steps$'
    sed 's/needs: test$/needs: tset/; s/github\.ref_type ==/github.ref_typ ==/; s/timeout-minutes/timeout/; s/"\$GITHUB_REF_NAME"/$GITHUB_REF_NAME/' \
        .github/workflows/release.yml >"$T/bad.yml"
    run -1 scripts/check-workflows "$T/bad.yml"
    assert_line --partial 'job "publish" needs job "tset" which does not exist'
    assert_line --partial 'property "ref_typ" is not defined'
    assert_line --partial 'unexpected key "timeout"'
    assert_line --partial '[SC2086]'
}

# served: a signed mirror like Debian's with a substitute image (tests/guests/hurdlike), behind PROXY, the only way to
# it. Sets the variables that make hurd uses.
served() {
    local served=$BATS_FILE_TMPDIR/served at=$BATS_FILE_TMPDIR/served/latest/hurd-amd64
    if [ ! -e "$at/SHA512SUMS" ]; then
        mkdir -p "$at"
        "$ROOT/tests/guests/hurdlike/build.sh" 2 "$GUESTS" "$T/debian-hurd.img"
        tar -C "$T" -cf - debian-hurd.img | xz -0 >"$at/debian-hurd.img.tar.xz"
        rm "$T/debian-hurd.img"
        (cd "$at" && sha512sum debian-hurd.img.tar.xz >SHA512SUMS)
    fi
    signing_key
    sign "$at/SHA512SUMS"
    gpgconf --kill gpg-agent
    mirror_behind_proxy "$served"
    export MIRROR=https://mirror.invalid/ok CURL_CA_BUNDLE=$T/tls.pem OPTIONS="--keyring $T/ring.gpg"
}

@test "make hurd: downloaded through a proxy, checked, prepared, started, ready, with its ssh command; or one error line" {
    served
    git -C "$ROOT" ls-files --cached --others --exclude-standard | tar -C "$ROOT" -cf - -T - | tar -C "$T" --one-top-level=checkout -xf -
    cd "$T/checkout"
    project_variables
    # The image that make hurd would build exists: the same sources, all from the builder's cache.
    export VERSION VM_GUEST=mach QEMU_NET=user QEMU_RAM=256 TAG=bats-release-hurd
    VERSION=$(cat "$ROOT/build/version")
    docker tag "$IMAGE" "hurd-vm:$TAG"

    # Nothing can be reached: one error line, and nothing was built or created.
    https_proxy=http://127.0.0.1:1 run -2 env -u MAKEFLAGS make -s hurd
    assert_line -n 0 --regexp "^hurd: no connection to https://mirror.invalid/ok/ .*: this needs the internet; set https_proxy .* MIRROR=URL .* SOURCE=FILE"
    assert_equal "$(grep -vcE '^make(\[[0-9]+\])?: ' <<<"$output")" 1
    run ! ls images/debian-hurd-amd64.qcow2
    SOURCE=no/such.img run -2 env -u MAKEFLAGS make -s hurd
    assert_line -n 0 "hurd: SOURCE=$T/checkout/no/such.img cannot be read; check the path"

    PIDS_OF_COMPOSE=1
    run -0 env -u MAKEFLAGS https_proxy="$PROXY" make -s hurd
    assert_line --partial "SHA512SUMS is signed by a key of $T/ring.gpg"
    assert_line --partial 'debian-hurd-amd64.qcow2 is ready'
    assert_line --partial 'ready: login prompt'
    assert_line --regexp "^  ssh -i images/ssh/id_ed25519 -p $HOST_SSH_PORT root@127.0.0.1 "
    refute_line --partial 'make hurd'
    run -0 sort -u "$T/asked"
    assert_output 'CONNECT mirror.invalid:443'
    # Again, without a connection: the image that is there is used.
    https_proxy=http://127.0.0.1:1 run -0 env -u MAKEFLAGS make -s hurd
    refute_line --partial 'fetching'
    run -0 docker compose exec -T hurd vm status --json
    assert_equal "$(jq -r .disk <<<"$output")" /opt/hurd-image/debian-hurd-amd64.qcow2
    compose_down
}

project_variables() {
    export COMPOSE_PROJECT_NAME=$ID
    local port
    for port in SSH HTTP SERIAL SERIAL_RAW MONITOR VNC GDB WEB; do
        export "HOST_${port}_PORT=$(free_port)"
    done
}

compose_down() { (cd "$T/checkout" && docker compose down -v -t 5 >/dev/null 2>&1); }

teardown() {
    [ -z "${PIDS_OF_COMPOSE-}" ] || compose_down
    vm_teardown
}

@test "the image with the Hurd: made from the mirror's disk image, booted once, published; only if the disk image changed" {
    served
    export https_proxy=$PROXY OPTIONS="--keyring $T/ring.gpg" SETTINGS='VM_GUEST=mach QEMU_RAM=256 QEMU_ACCEL=tcg' OUT=$T/out
    no_proxy=127.0.0.1
    export no_proxy
    run -0 release hurd --push
    assert_line --partial 'would' && return 1
    IMAGE=$REPOSITORY:hurd
    docker rmi hurd-vm:release-hurd >/dev/null
    docker pull -q "$IMAGE"
    container hurd
    container_ready "$C"
    logs_have "$C" 'resumed'
    run -0 docker exec "$C" vm status --json
    assert_equal "$(jq -r .disk <<<"$output")" /opt/hurd-image/hurd.qcow2
    # The image has no ssh key that others could have.
    run -0 docker run --rm --network none --entrypoint find "$IMAGE" / -xdev -name 'id_ed25519*'
    assert_output ''
    run -0 release hurd --push --if-changed
    assert_output "release: $IMAGE has Debian's present image already"
}
