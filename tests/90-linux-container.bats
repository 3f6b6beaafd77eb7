# A guest with all services, in real containers: ssh, http, udp, 9p, the power button, a disk.
load helpers

# linux_container NAME [DOCKER-ARGUMENTS...]: boot the linux guest from a copy of its disk, as compose would; the
# host's directories are $T/NAME-*.
linux_container() {
    local name=$1
    shift
    mkdir -p "$T/images" "$T/logs" "$T/share"
    chmod 777 "$T/share"
    [ -f "$T/images/linux.qcow2" ] || cp "$GUESTS/linux.qcow2" "$T/images/"
    container "$name" "${SAFE[@]}" -v "$T/images:/opt/hurd-image" -v "$T/logs:/var/log/qemu" \
        -v "$T/share:/share" -p 127.0.0.1::7777/udp -e VM_GUEST=linux -e QEMU_RAM=512 \
        -e QEMU_HOSTFWDS=tcp:2222:22,tcp:8080:80,udp:7777:7777 "$@"
}

in_guest() {
    ssh -i "$GUESTS/linux-key" -p "$(port_of "$C" 2222)" -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o ConnectTimeout=60 -o LogLevel=ERROR -o BatchMode=yes \
        root@127.0.0.1 "$@"
}

# Is /data, the second partition, clean for e2fsck?
data_is_clean() {
    qemu-img dd -f qcow2 -O raw bs=1M skip=97 count=512 if="$1" of="$T/data.img"
    e2fsck -fn "$T/data.img"
}

@test "ssh, http, udp and 9p work; docker stop presses the power button; no data is lost" {
    linux_container all -e ENABLE_9P=1 -e VM_UID=4711 -e VM_GID=4711
    echo 'from the host' >"$T/share/in"
    chown 4711 "$T/share/in"
    container_ready "$C" 180
    wait_until 120 in_guest true

    run -0 in_guest uname -s
    assert_output Linux
    index="http://127.0.0.1:$(port_of "$C" 8080)/"
    wait_until 60 curl -sS --max-time 30 "$index"
    run -0 curl -sS --max-time 30 "$index"
    assert_output --partial 'The linux test guest.'
    echo_port=$(port_of "$C" 7777/udp)
    wait_until 20 bash -c "printf hello | socat -t 1 - UDP:127.0.0.1:$echo_port | grep -q hello"

    run -0 in_guest cat /mnt/share/in
    assert_output 'from the host'
    in_guest 'echo "from the guest" >/mnt/share/out'
    assert_equal "$(cat "$T/share/out")" 'from the guest'
    assert_equal "$(stat -c %u:%g "$T/share/out")" 4711:4711

    run -0 talk telnet 127.0.0.1 "$(port_of "$C" 5555)" :: send: 'expect:login: ' send:root \
        'expect:linux# ' 'send:cat /proc/cmdline' 'expect:console=ttyS0'

    in_guest 'seq 1 200000 >/data/numbers'
    docker stop -t 60 "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 0
    wait_until 10 logs_have "$C" 'the power button was pressed'
    wait_until 10 logs_have "$C" 'the guest powered off'
    grep -q 'linux: power button pressed' "$T/logs/console.log"
    grep -q 'linux: /data is unmounted' "$T/logs/console.log"
    run -0 data_is_clean "$T/images/linux.qcow2"
    run -0 qemu-img check -q "$T/images/linux.qcow2"

    # The guest's writes are there at the next start.
    docker start "$C" >/dev/null
    container_ready "$C" 180
    wait_until 120 in_guest true
    run -0 in_guest 'wc -l </data/numbers; tail -n 1 /data/numbers'
    assert_output $'200000\n200000'
}

@test "a reboot of the guest ends the container with status 0, its file system clean" {
    linux_container reboot
    container_ready "$C" 180
    wait_until 120 in_guest true
    in_guest reboot || :
    wait_exit "$C" 60
    assert_equal "$STATUS" 0
    wait_until 10 logs_have "$C" 'the guest rebooted'
    run -0 data_is_clean "$T/images/linux.qcow2"
}

@test "throwaway: the image may be read-only and is not changed" {
    mkdir -p "$T/images"
    cp "$GUESTS/linux.qcow2" "$T/images/"
    chmod 444 "$T/images/linux.qcow2"
    sum=$(sha256sum <"$T/images/linux.qcow2")
    linux_container throwaway -e QEMU_DISK_MODE=throwaway
    container_ready "$C" 180
    wait_until 120 in_guest true
    in_guest 'dd if=/dev/urandom of=/data/junk bs=1M count=20 2>/dev/null; sync; ls /data/junk'
    docker stop -t 60 "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 0
    assert_equal "$(sha256sum <"$T/images/linux.qcow2")" "$sum"
}

@test "the papers' machine: pc, IDE, two processors, a network address range of one's own" {
    linux_container papers -e QEMU_MACHINE=pc -e QEMU_SMP=2 -e QEMU_SLIRP_NET=192.168.76.0/24 \
        -e QEMU_SLIRP_DHCPSTART=192.168.76.9 -e QEMU_SLIRP_DNSSEARCH=example.org
    container_ready "$C" 180
    wait_until 120 in_guest true
    wait_until 60 in_guest grep -q nameserver /etc/resolv.conf
    run -0 in_guest 'nproc; ip -4 addr show eth0; cat /etc/resolv.conf; ls /sys/bus/pci/drivers/ata_piix'
    assert_line 2
    assert_output --partial '192.168.76.9/24'
    assert_output --partial 'example.org'
    assert_output --regexp '0000:00:01.1'
}

@test "virtio disk and network" {
    linux_container virtio -e QEMU_DISK_BUS=virtio -e QEMU_NET_MODEL=virtio-net-pci
    container_ready "$C" 180
    wait_until 120 in_guest true
    run -0 in_guest 'grep -c /data /proc/mounts; ls /sys/bus/virtio/drivers'
    assert_line 1
    assert_line virtio_blk
    assert_line virtio_net
}
