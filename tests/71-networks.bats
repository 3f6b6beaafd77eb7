# Networks other than QEMU's own NAT: TAP, passt, networks of virtual machines only; in real containers, with the
# linux guest booted by QEMU_KERNEL.
load helpers

# linux NAME [DOCKER-ARGUMENTS...]
linux() {
    container "$1" "${SAFE[@]}" -v "$GUESTS:/guests:ro" -e VM_GUEST=linux \
        -e QEMU_KERNEL=/guests/linux-vmlinuz -e QEMU_INITRD=/guests/linux-initrd \
        -e QEMU_APPEND='console=ttyS0 no_timer_check' -e QEMU_RAM=256 "${@:2}"
}

teardown() {
    vm_teardown
    docker network rm "$ID-six" >/dev/null 2>&1 || :
}

in_guest() {
    docker exec "$1" vm exec --via serial "$2"
}

# The guest of container $1 is ready, and has address $2.
static() {
    container_ready "$1" 60
    in_guest "$1" "ip addr add $2/24 dev eth0 && ip link set eth0 up"
}

TAP=(--device /dev/net/tun --cap-add NET_ADMIN -e QEMU_NET=tap)

# refused STATUS MESSAGE FIX [DOCKER-ARGUMENTS...]: a start with QEMU_NET=tap reports this.
refused() {
    container "refused-${#CONTAINERS[@]}" "${SAFE[@]}" -e QEMU_NET=tap "${@:4}"
    wait_exit "$C" 20
    assert_equal "$STATUS" "$1"
    run container_logs "$C"
    assert_line "vm: error: $2"
    assert_line "vm:   fix: $3"
    refute_line --partial 'the guest runs, '
}

@test "tap: missing requirements are reported; the interface is attached to a bridge" {
    refused 77 'QEMU_NET=tap needs /dev/net/tun: No such file or directory' \
        'add the device to the container (compose: devices: [/dev/net/tun], docker run --device /dev/net/tun)' \
        --cap-add NET_ADMIN
    refused 77 'QEMU_NET=tap needs the capability NET_ADMIN for the interface QEMU_TAP=tap0' \
        'add it to the container (compose: cap_add: [NET_ADMIN], docker run --cap-add NET_ADMIN)' \
        --device /dev/net/tun
    refused 78 'QEMU_TAP_BRIDGE=br9: tap0 cannot join it: No such device' \
        "name a bridge of the container's network (ip link add NAME type bridge makes one)" \
        "${TAP[@]}" -e QEMU_TAP_BRIDGE=br9
    refused 78 'VM_READY=ssh: no port is forwarded to the guest'"'"'s port 22' \
        'add the forward to QEMU_HOSTFWDS (with QEMU_NET=user or passt), or choose another VM_READY such as login' \
        "${TAP[@]}" -e VM_READY=ssh

    run -77 docker run --rm --name "$ID-check" "${SAFE[@]}" -e QEMU_NET=tap "$IMAGE" check
    assert_line 'vm: error: QEMU_NET=tap needs /dev/net/tun: No such file or directory'

    # A network namespace with a bridge, as on a router; the guest need not run.
    container net --network none --entrypoint sleep -- 600
    nsenter -t "$(docker inspect -f '{{.State.Pid}}' "$C")" -n ip link add br0 type bridge
    CONTAINERS+=("$ID-bridge")
    docker run -d --name "$ID-bridge" "${SAFE[@]}" "${TAP[@]}" --network "container:$C" \
        -e QEMU_TAP_BRIDGE=br0 -e QEMU_TAP=lab1 -e VM_START_PAUSED=1 "$IMAGE" >/dev/null
    wait_until 20 docker exec "$ID-bridge" vm monitor info network
    run -0 docker exec "$ID-bridge" sh -c 'basename "$(readlink /sys/class/net/lab1/master)"; cat /sys/class/net/lab1/flags'
    assert_output $'br0\n0x1303'   # up, broadcast, multicast, promiscuous: a bridge's port
    docker stop "$ID-bridge" >/dev/null
    assert_equal "$(docker inspect -f '{{.State.ExitCode}}' "$ID-bridge")" 0
    # The interface that PID 1 created is deleted with the machine.
    run -0 nsenter -t "$(docker inspect -f '{{.State.Pid}}' "$C")" -n ip -o link
    refute_output --partial lab1
}

@test "tap: the guest and its container can connect to each other" {
    linux tap "${TAP[@]}" -e QEMU_TAP_ADDRESS=192.168.77.1/24 -e QEMU_NET_MODEL=virtio-net-pci
    static "$C" 192.168.77.2
    in_guest "$C" 'ping -c 1 -W 30 192.168.77.1'
    run -0 docker exec "$C" curl -sS --max-time 30 http://192.168.77.2/
    assert_output --partial 'The linux test guest.'
    logs_have "$C" 'network: virtio-net-pci to the interface tap0, here 192.168.77.1/24'
    run -0 docker exec "$C" vm status
    assert_line 'network      virtio-net-pci to the interface tap0, here 192.168.77.1/24'
    # QEMU's user cannot change the host's interfaces: QEMU has only a descriptor, and no capability.
    run -0 docker exec "$C" sh -c 'grep CapEff "/proc/$(pidof qemu-system-x86_64)/status"'
    assert_output --regexp '0000000000000000$'
    docker stop -t 60 "$C" >/dev/null
    assert_equal "$(docker inspect -f '{{.State.ExitCode}}' "$C")" 0
}

@test "socket: two machines in two containers are connected by multicast, and by UNIX sockets" {
    local a b net
    mkdir "$T/net"
    chmod 777 "$T/net"
    for net in mcast unix; do
        a=mcast:239.255.77.1:5077 b=$a
        [ "$net" = mcast ] || a=unix:/net/a,/net/b b=unix:/net/b,/net/a
        linux "$net-a" -v "$T/net:/net" -e QEMU_NET=socket -e QEMU_NET_SOCKET="$a" \
            -e QEMU_MAC=52:54:00:00:77:01
        a=$C
        linux "$net-b" -v "$T/net:/net" -e QEMU_NET=socket -e QEMU_NET_SOCKET="$b" \
            -e QEMU_MAC=52:54:00:00:77:02
        static "$a" 192.168.78.1
        static "$C" 192.168.78.2
        in_guest "$a" 'ping -c 1 -W 30 192.168.78.2'
        in_guest "$C" 'ping -c 1 -W 30 192.168.78.1'
        docker kill "$a" "$C" >/dev/null
    done
}

@test "passt: forwards, DHCP and a clean end; its failure, and what it needs, are reported" {
    run -69 docker run --rm --name "$ID-none" -e QEMU_NET=passt -e PATH=/nowhere \
        -e VM_QEMU=/usr/bin/qemu-system-x86_64 "$IMAGE" check
    assert_line 'vm: error: QEMU_NET=passt: there is no program passt on PATH'
    assert_line 'vm:   fix: install it (Debian, Alpine: package passt), or use QEMU_NET=user'
    container sandbox "${SAFE[@]}" -e QEMU_NET=passt
    wait_exit "$C" 20
    assert_equal "$STATUS" 69
    run container_logs "$C"
    assert_line --partial 'passt has ended with status 1: '
    assert_line --partial 'docker run --security-opt seccomp=unconfined'

    linux passt --security-opt seccomp=unconfined -e QEMU_NET=passt -e VM_READY=ssh
    docker exec "$C" vm wait --timeout $((60 * PATIENCE))
    run -0 ssh -i "$GUESTS/linux-key" -p "$(port_of "$C" 2222)" -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes root@127.0.0.1 \
        'ip -4 -o addr show eth0'
    # passt gives the guest the container's own address.
    assert_output --partial " $(docker inspect -f '{{.NetworkSettings.IPAddress}}' "$C")/"
    run -0 docker exec "$C" sh -c 'grep -E "^(Uid|CapEff)" "/proc/$(pidof passt passt.avx2)/status"'
    assert_line --regexp '^Uid:	107	107	107	107$'
    docker exec "$C" sh -c 'kill -9 $(pidof passt passt.avx2)'
    wait_until 20 logs_have "$C" 'passt has ended by signal 9: the guest has no network'
    run -1 docker exec "$C" vm health
    assert_output --partial 'passt has ended: the guest has no network'
    docker stop -t 60 "$C" >/dev/null
    assert_equal "$(docker inspect -f '{{.State.ExitCode}}' "$C")" 0
}

@test "passt: a repeated boot has a new passt" {
    linux retry --security-opt seccomp=unconfined -e QEMU_NET=passt -e VM_READY=ssh \
        -e VM_BOOT_TIMEOUT=1 -e VM_BOOT_RETRIES=1
    wait_exit "$C" 60
    assert_equal "$STATUS" 81
    logs_have "$C" 'starting the guest again'
    run container_logs "$C"
    refute_output --partial 'passt has ended'
    assert_equal "$(grep -c 'the guest runs, ' <<<"$output")" 2
}

@test "passt: the guest has an IPv6 address and is reached by it" {
    local own
    docker network create --ipv6 --subnet "fd00:$((RANDOM % 9000 + 1000))::/64" "$ID-six" >/dev/null
    linux six --network "$ID-six" --sysctl net.ipv6.conf.all.disable_ipv6=0 --security-opt seccomp=unconfined \
        -e QEMU_NET=passt -e VM_BIND=:: -e VM_READY=ssh
    docker exec "$C" vm wait --timeout $((60 * PATIENCE))
    own=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}' "$C")
    # The guest's router advertises the network some time after its IPv4 address came. passt learns the guest's
    # address from a packet, and while the address is tentative (RFC 4862, 5.4) packets have the link-local one.
    from_global() {
        local from
        from=$(in_guest "$C" 'ip -6 -o addr show eth0 scope global' | sed -n 's|.* \(fd00:[^/]*\)/.*|\1|p')
        [ -n "$from" ] && in_guest "$C" "ping -6 -c 1 -W 5 -I $from ${own%:*}:1"
    }
    wait_until 60 from_global
    run -0 ssh -i "$GUESTS/linux-key" -p 2222 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
        -o LogLevel=ERROR -o BatchMode=yes -o ConnectTimeout=60 "root@$own" 'echo "$SSH_CONNECTION"'
    assert_output --regexp '^fd00:.* 22$'
}

@test "NAT: ranges of ports, Docker's notation, another address of the name server, and no IPv6" {
    local bind=127.71.$((RANDOM % 250 + 1)).1
    local ssh=(ssh -i "$GUESTS/linux-key" -p 2022 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
        -o LogLevel=ERROR -o BatchMode=yes "root@$bind")
    linux_vm VM_BIND="$bind" SERIAL_PORT=0 VM_READY=ssh QEMU_HOSTFWDS=2021-2023:21-23,5353:53/udp \
        QEMU_SLIRP_DNS=9.9.9.9 QEMU_SLIRP_IPV6=0
    vm wait --timeout $((90 * PATIENCE))
    grep -q 'tcp port 2021 -> the guest.s 21, tcp port 2022 -> the guest.s 22, tcp port 2023 -> the guest.s 23, udp port 5353 -> the guest.s 53' "$T/out"
    run -0 "${ssh[@]}" 'cat /etc/resolv.conf; grep -c "^fec0" /proc/net/if_inet6; :'
    assert_line 'nameserver 9.9.9.9'
    assert_line 0
    kill -TERM "$VM_PID"
    host_vm_exit 60
    assert_equal "$STATUS" 0
}
