# shellcheck shell=sh
# release-images.sh - the images of a release; read with `.` by scripts/release, whose variables it uses.
# shellcheck disable=SC2154

bases_file=scripts/bases/Dockerfile

# from_of BASE: the image for the Dockerfile's FROM, with a digest if one is pinned. tag_of: without.
from_of() { sed -n "s/^FROM \([^ ]*\) AS $1\$/\1/p" "$bases_file"; }
tag_of() { from_of "$1" | sed 's/@.*//'; }

uname_of() {
    case $1 in
    amd64) echo x86_64 ;;
    arm64) echo aarch64 ;;
    *) die "ARCHITECTURES: $1 is neither amd64 nor arm64" ;;
    esac
}

# index_digest IMAGE: its digest in the registry; if there is none, the reason is in $out/message. (buildx 0.13
# prints more than that for --format '{{.Manifest.Digest}}'.)
index_digest() {
    timeout 60 docker buildx imagetools inspect --format '{{json .Manifest}}' "$1" 2>"$out/message" >"$out/answer" &&
        python3 -c 'import json, sys; print(json.load(sys.stdin)["digest"])' <"$out/answer"
}

# --- the digests of the base images ----------------------------------------------------------

pin_bases() {
    for base in alpine debian; do
        tag=$(tag_of "$base")
        case $(from_of "$base") in
        *@*) say "$tag is pinned already"; continue ;;
        esac
        digest=$(index_digest "$tag") || die "the digest of $tag cannot be looked up: $(tail -n 1 "$out/message")"
        sed -i "s|^FROM $tag AS |FROM $tag@$digest AS |" "$bases_file"
        say "$tag is $digest"
    done
}

# The commit's files, all with the commit's time.
unpack_source() {
    rm -rf "$source"
    mkdir -p "$source"
    git archive HEAD | tar -xf - -C "$source"
    find "$source" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

# --- building --------------------------------------------------------------------------------

# Programs of another architecture are run by qemu-user while its packages are installed (binfmt_misc, with the
# interpreter kept open (F), so that it need not be in the container).
need_emulation() {
    [ "$1" != "$(dpkg --print-architecture)" ] || return 0
    machine=$(uname_of "$1") formats=/proc/sys/fs/binfmt_misc
    ! grep -qs '^flags:.*F' "$formats/qemu-$machine" || return 0
    if ! have "qemu-$machine-static" || [ "$(id -u)" != 0 ]; then
        die "this machine does not run programs for $1; as root: apt-get install qemu-user-static, or in a workflow" \
            "docker/setup-qemu-action"
    fi
    [ -e "$formats/register" ] || mount -t binfmt_misc none "$formats"
    [ ! -e "$formats/qemu-$machine" ] || echo -1 >"$formats/qemu-$machine" # without F
    # The first bytes of an ELF file for the machine (qemu's scripts/qemu-binfmt-conf.sh has them all).
    printf '%s' ":qemu-$machine:M::\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:$(command -v "qemu-$machine-static"):F" \
        >"$formats/register"
    say "programs for $1 run here with qemu-$machine-static from now on (until: echo -1 >$formats/qemu-$machine)"
}

# The programs as an image of their own, from which the Dockerfile takes them instead of its stage `build`.
program_image() {
    [ -e "$out/$1/init" ] || die "the programs for $1 are not there; run: scripts/release files"
    DOCKER_BUILDKIT=1 docker build -q -t "hurd-vm:release-program-$1" --platform "linux/$1" -f - "$out/$1" >/dev/null <<'DOCKERFILE'
FROM scratch
COPY vm init /src/build/
ENTRYPOINT ["/src/build/vm"]
DOCKERFILE
}

# base_for BASE ARCHITECTURE: the image to build on. Without a registry it is one that this machine makes.
base_for() {
    from=$(from_of "$1")
    if [ "$2" = "$(dpkg --print-architecture)" ]; then
        case $1:$from in
        *@*) printf '%s\n' "$from" ;;
        alpine:*) BASE='' scripts/base-image ;;
        *) GUEST_BASE='' scripts/base-image guest ;;
        esac
    else
        scripts/base-image "$2" "$from"
    fi
}

make_images() {
    mkdir -p "$files"
    [ -d "$source" ] || unpack_source
    guest_base=$(base_for debian "$(dpkg --print-architecture)")
    : >"$out/bases"
    for arch in $architectures; do
        need_emulation "$arch"
        program_image "$arch"
        for base in $bases; do
            build_base=$(base_for "$base" "$(dpkg --print-architecture)")
            from=$build_base
            [ "$arch" = "$(dpkg --print-architecture)" ] || from=$(base_for "$base" "$arch")
            printf '%s %s %s %s\n' "$base" "$arch" "$from" "$(from_of "$base")" >>"$out/bases"
            image=hurd-vm:release-$base-$arch
            say "building $image on $from"
            BUILDX_NO_DEFAULT_ATTESTATIONS=1 DOCKER_BUILDKIT=1 docker build -t "$image-raw" --platform "linux/$arch" ${NO_CACHE:+--no-cache} \
                --build-arg "BASE=$from" --build-arg "BUILD_BASE=$build_base" --build-arg "GUEST_BASE=$guest_base" --build-arg "PROGRAM=hurd-vm:release-program-$arch" \
                --build-arg "NPM_REGISTRY=$(npm_registry)" --build-arg "NPM_CA=$(added_certificates)" \
                --build-arg "VERSION=$version" --label "org.opencontainers.image.revision=$commit" \
                --label "org.opencontainers.image.source=https://github.com/${owner:-OWNER}/hurd-vm" \
                --label "org.opencontainers.image.base.name=$from" \
                --label "org.opencontainers.image.created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)" \
                "$source" >"$out/build.log" 2>&1 || { tail -n 30 "$out/build.log" >&2; die "docker build failed (see above)"; }
            docker save "$image-raw" | scripts/normalise-image "$SOURCE_DATE_EPOCH" "$image" | docker load -q >/dev/null
            docker rmi "$image-raw" >/dev/null
            scripts/sbom "$image" hurd-vm "$version" "$SOURCE_DATE_EPOCH" >"$files/hurd-vm-$version-$base-$arch.spdx.json"
            scripts/sbom --check "$files/hurd-vm-$version-$base-$arch.spdx.json"
        done
    done
}

# --- publishing ------------------------------------------------------------------------------

# tags_of BASE: the tags for a version; the first one never changes later. A version with a suffix (1.0.0-rc.1) gets
# only that one.
tags_of() {
    case $1:$version in
    alpine:*-*) echo "$version" ;;
    alpine:*) echo "$version ${version%.*} latest" ;;
    *) echo "$version-$1" ;;
    esac
}

# Such a registry is used by tests only.
is_loopback() { case $repository in 127.0.0.1:*|localhost:*) ;; *) return 1 ;; esac; }


# push_one LOCAL TAG: pushes it and prints REPOSITORY@DIGEST.
push_one() {
    docker tag "$1" "$repository:$2"
    docker push -q "$repository:$2" >/dev/null || die "$repository:$2 could not be pushed (see above); docker login?"
    docker image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$1" | grep -F "$repository@" | sed q
    docker rmi "$repository:$2" >/dev/null
}

push_images() {
    rm -f "$out/digests.new"
    for base in $bases; do
        # shellcheck disable=SC2046 # several tags
        set -- $(tags_of "$base")
        for arch in $architectures; do
            docker image inspect "hurd-vm:release-$base-$arch" >/dev/null 2>&1 ||
                die "hurd-vm:release-$base-$arch is not there; run: scripts/release images"
        done
        if [ -z "$push" ]; then
            say "would push for $architectures to $repository:$(echo "$*" | sed "s| | $repository:|g") (--push does)"
            continue
        fi
        case $(from_of "$base"):$(is_loopback && echo test) in
        *@*|*:test) ;;
        *) die "$(from_of "$base") has no digest; run: scripts/release pin, and commit it" ;;
        esac
        if index_digest "$repository:$1" >/dev/null; then
            die "$repository:$1 is there already; a version does not change: raise VERSION"
        fi
        parts=
        for arch in $architectures; do
            part=$(push_one "hurd-vm:release-$base-$arch" "$1-$arch")
            case $part in *@sha256:*) ;; *) die "the engine does not know the digest of what it pushed" ;; esac
            parts="$parts $part"
        done
        tags=
        for tag; do tags="$tags --tag $repository:$tag"; done
        # shellcheck disable=SC2086 # lists
        docker buildx imagetools create $tags $parts >/dev/null 2>"$out/message" ||
            { cat "$out/message" >&2; die "the index over $architectures could not be pushed (see above)"; }
        digest=$(index_digest "$repository:$1")
        for tag; do printf '%s %s\n' "$repository:$tag" "$digest"; done | tee -a "$out/digests.new" >&2
        # For the step that signs and attests: also by architecture.
        i=0
        for part in $parts; do
            i=$((i + 1))
            printf '%s %s\n' "$repository:$1-$(echo "$architectures" | cut -d ' ' -f "$i")" "${part#*@}" >>"$out/digests.new"
        done
    done
    [ -z "$push" ] || mv "$out/digests.new" "$out/digests"
}

# --- the variant with a Hurd -----------------------------------------------------------------

hurd_label=hurd-vm.guest.sha512

# The mirror's checksum of Debian's current image.
official_sum() {
    curl --silent --show-error --fail --location --retry 3 --max-time 120 "$mirror/latest/hurd-amd64/SHA512SUMS" |
        awk '$2 == "debian-hurd.img.tar.xz" { print $1; exit }'
}

make_hurd() {
    mirror=${MIRROR:-https://cdimage.debian.org/cdimage/ports}
    sum=$(official_sum)
    [ "${#sum}" = 128 ] || die "$mirror/latest/hurd-amd64/SHA512SUMS does not name debian-hurd.img.tar.xz, or is not there"
    if [ -n "$if_changed" ]; then
        published=$(docker buildx imagetools inspect --format '{{json .Image}}' "$repository:hurd" 2>/dev/null |
            grep -o "$sum" | sed q) || published=
        if [ "$published" = "$sum" ]; then
            say "$repository:hurd has Debian's present image already"
            return 0
        fi
    fi
    # The base of this image: the one that was built here, or the published one.
    from=hurd-vm:release-${FROM_BASE:-alpine}-amd64
    if ! docker image inspect "$from" >/dev/null 2>&1; then
        docker pull -q "$repository:latest" >/dev/null || die "neither $from nor $repository:latest is there"
        docker tag "$repository:latest" "$from"
    fi
    # Without a key pair, because everybody could read the private key in a published image.
    docker tag "$from" hurd-vm:release-tools
    # shellcheck disable=SC2086 # a list of options
    TAG=release-tools scripts/get-image --dir "$out/hurd" --name hurd.qcow2 --force --mirror "$mirror" \
        ${OPTIONS-} latest -- --no-ssh
    set --
    for setting in ${SETTINGS-}; do set -- "$@" --env "$setting"; done
    scripts/bake --warm --from "$from" --name release-hurd --label "$hurd_label=$sum" "$@" "$out/hurd/hurd.qcow2"
    rm -rf "$out/hurd"
    docker rmi hurd-vm:release-tools >/dev/null
    if [ -z "$push" ]; then
        say "would push hurd-vm:release-hurd to $repository:hurd (--push does)"
        return 0
    fi
    pushed=$(push_one hurd-vm:release-hurd hurd)
    printf '%s %s\n' "$repository:hurd" "${pushed#*@}" | tee "$out/digests-hurd" >&2
}
