# A machine on which nothing was installed by hand: a container with the essential packages of Debian 12 only.
# Network: the package mirror. The engine is installed there but not started.
load helpers

@test "scripts/setup-host test on a fresh Debian 12 installs every command of scripts/tools" {
    # shellcheck source=scripts/lib.sh
    . "$ROOT/scripts/lib.sh"
    apt_settings >"$T/90host"
    mmdebstrap --quiet --variant=minbase --aptopt="$T/90host" --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        bookworm "$T/root.tar" "$(debian_mirror)"
    docker import "$T/root.tar" "hurd-vm-fresh:$ID" >/dev/null
    rm "$T/root.tar"
    CONTAINERS+=("$ID-fresh")
    # Container networks may have no route to the mirror even if the host has one.
    docker run -d --name "$ID-fresh" --network host -v "$ROOT:/src:ro" -w /src "hurd-vm-fresh:$ID" \
        sleep 3600
    run -1 docker exec "$ID-fresh" scripts/setup-host missing
    assert_output --partial 'busybox (test: busybox'
    run -0 docker exec "$ID-fresh" scripts/setup-host --no-start test
    run -0 docker exec "$ID-fresh" scripts/setup-host missing
    run -0 docker exec "$ID-fresh" sh -c 'busybox --list'
    assert_line telnet
    run -1 docker exec "$ID-fresh" docker info
}

teardown() {
    vm_teardown
    docker rmi -f "hurd-vm-fresh:$ID" >/dev/null 2>&1 || :
}
