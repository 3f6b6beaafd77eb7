# A machine where nothing was installed by hand: a Debian 12 of essential packages only, as a container.
# Network: the package mirror. The engine is installed there and not started.
load helpers

@test "setup-host test on a fresh Debian 12: every command of scripts/tools is there afterwards" {
    # shellcheck source=scripts/lib.sh
    . "$ROOT/scripts/lib.sh"
    apt_settings >"$T/90host"
    mmdebstrap --quiet --variant=minbase --aptopt="$T/90host" --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        bookworm "$T/root.tar" "$(debian_mirror)"
    docker import "$T/root.tar" "hurd-vm-fresh:$ID" >/dev/null
    rm "$T/root.tar"
    CONTAINERS+=("$ID-fresh")
    # The networks of containers may have no way to the mirror where the host's has.
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
