# Every kind of wrong setting: the exact line, the fix, and status 78.
load helpers

# refused MESSAGE FIX NAME=VALUE...: vm check says exactly this and exits with 78.
refused() {
    local message=$1 fix=$2
    shift 2
    host_env "$@"
    run vm check
    assert_failure 78
    assert_line "vm: error: $message"
    assert_line "vm:   fix: $fix"
    refute_line --partial 'all checks passed'
}

disk() {
    qemu-img create -q -f qcow2 "$T/images/disk.qcow2" 64M
    chmod 666 "$T/images/disk.qcow2"
}

@test "numbers, enumerations, texts and paths outside their bounds are refused" {
    refused 'QEMU_RAM=lots is not a number from 1 to 4194304 MiB (suffixes K, M, G, T)' \
        'set QEMU_RAM to a number from 1 to 4194304 MiB (suffixes K, M, G, T), or leave it unset for auto' \
        QEMU_RAM=lots
    refused 'QEMU_RAM=0 is not a number from 1 to 4194304 MiB (suffixes K, M, G, T)' \
        'set QEMU_RAM to a number from 1 to 4194304 MiB (suffixes K, M, G, T), or leave it unset for auto' \
        QEMU_RAM=0
    refused 'SERIAL_PORT=65536 is not a number from 0 to 65535' \
        'set SERIAL_PORT to a number from 0 to 65535, or leave it unset for 5555' SERIAL_PORT=65536
    refused 'MONITOR_PORT=-1 is not a number from 0 to 65535' \
        'set MONITOR_PORT to a number from 0 to 65535, or leave it unset for auto' MONITOR_PORT=-1
    refused 'VM_STOP_TIMEOUT=1e3 is not a number from 1 to 86400' \
        'set VM_STOP_TIMEOUT to a number from 1 to 86400, or leave it unset for 150' VM_STOP_TIMEOUT=1e3
    refused 'QEMU_ACCEL=xen is not auto|kvm|tcg|kvm:tcg|kvm,tcg|tcg,thread=multi|tcg,thread=single' \
        'set QEMU_ACCEL to auto|kvm|tcg|kvm:tcg|kvm,tcg|tcg,thread=multi|tcg,thread=single, or leave it unset for auto' QEMU_ACCEL=xen
    refused 'QEMU_DRIVE_FORMAT=vmdk is not qcow2|raw' \
        'set QEMU_DRIVE_FORMAT to qcow2|raw, or leave it unset for qcow2' QEMU_DRIVE_FORMAT=vmdk
    refused 'ENABLE_9P=maybe is not 0 or 1' 'set ENABLE_9P to 0 or 1, or leave it unset for 0' \
        ENABLE_9P=maybe
    refused 'QEMU_DRIVE=disk.qcow2 is not an absolute path' \
        'set QEMU_DRIVE to an absolute path, or leave it unset' QEMU_DRIVE=disk.qcow2
    refused 'QEMU_CPU=(with control characters) is not a text of at most 256 bytes without control characters' \
        'set QEMU_CPU to a text of at most 256 bytes without control characters, or leave it unset for auto' \
        QEMU_CPU=$'max\n-nographic'
}

@test "for an unknown name the error suggests the nearest known one" {
    refused 'QEMU_RMA is not a setting' 'the nearest setting is QEMU_RAM; vm settings lists all; VM_FORCE=1 ignores it' QEMU_RMA=1
    refused 'VM_STOPTIMEOUT is not a setting' \
        'the nearest setting is VM_STOP_TIMEOUT; vm settings lists all; VM_FORCE=1 ignores it' VM_STOPTIMEOUT=1
    refused 'SERIAL_PRT is not a setting' \
        'the nearest setting is SERIAL_PORT; vm settings lists all; VM_FORCE=1 ignores it' SERIAL_PRT=5
    # There is no warning beside the error.
    assert_equal "$(grep -c SERIAL_PRT <<<"$output")" 1
    host_env SERIAL_PRT=5 VM_FORCE=1
    run -0 vm check
    assert_line 'vm: warning: SERIAL_PRT is not a setting (the nearest is SERIAL_PORT; VM_FORCE=1: ignored)'
    refute_line --partial 'error: SERIAL_PRT'
}

@test "variables of Kubernetes and Docker links, and empty values, are accepted" {
    host_env VM_SERVICE_HOST=10.0.0.1 VM_SERVICE_PORT=5555 VM_PORT=tcp://10.0.0.1:5555 \
        VM_PORT_5555_TCP_ADDR=10.0.0.1 QEMU_RAM= QEMU_DRIVE= VM_STOP_TIMEOUT=
    run -0 vm check
    assert_line 'vm: all checks passed'
}

@test "all errors of a start are reported together" {
    host_env QEMU_RAM=lots QEMU_SMP=0 QEMU_DISC=1 QEMU_DRIVE="$T/none.qcow2" QEMU_CDROM="$T/none.iso" \
        QEMU_HOSTFWDS=ssh
    run vm check
    assert_failure 78
    for name in QEMU_RAM QEMU_SMP QEMU_DISC none.qcow2 none.iso QEMU_HOSTFWDS; do
        assert_line --regexp "^vm: error: .*$name"
    done
    assert_equal "$(grep -c '^vm: error: ' <<<"$output")" 6
    assert_equal "$(grep -c '^vm:   fix: ' <<<"$output")" 6
    vm check --json >"$T/json" || :
    run -0 jq -r '.ok, (.errors | length)' "$T/json"
    assert_output $'false\n6'
}

@test "settings with a syntax of their own are parsed" {
    refused 'QEMU_SMP=4,cores is neither a count from 1 to 255 nor a topology' \
        'set QEMU_SMP to a number, or to sockets=1,cores=4,threads=2' QEMU_SMP=4,cores
    refused 'QEMU_SMP=256 is neither a count from 1 to 255 nor a topology' \
        'set QEMU_SMP to a number, or to sockets=1,cores=4,threads=2' QEMU_SMP=256
    refused 'QEMU_HOSTFWDS: in ssh:22, its first port is not a number from 1 to 65535' \
        'write forwards as tcp:2222:22,udp:60000:60000,6000-6003:6000-6003, or none' QEMU_HOSTFWDS=2222:22,ssh:22
    refused 'QEMU_HOSTFWDS: in 2222:23, its first port is forwarded twice' \
        'write forwards as tcp:2222:22,udp:60000:60000,6000-6003:6000-6003, or none' QEMU_HOSTFWDS=2222:22,2222:23
    refused 'QEMU_HOSTFWDS: in tcp:80:70000, its guest port is not a number from 1 to 65535' \
        'write forwards as tcp:2222:22,udp:60000:60000,6000-6003:6000-6003, or none' QEMU_HOSTFWDS=tcp:80:70000
    refused 'QEMU_HOSTFWDS: in 6000-6003:6000-6002, its two ranges differ in length' \
        'write forwards as tcp:2222:22,udp:60000:60000,6000-6003:6000-6003, or none' QEMU_HOSTFWDS=6000-6003:6000-6002
    refused 'QEMU_HOSTFWDS: in tcp:53:53/udp, its protocol is given twice, or is neither tcp nor udp' \
        'write forwards as tcp:2222:22,udp:60000:60000,6000-6003:6000-6003, or none' QEMU_HOSTFWDS=tcp:53:53/udp
    refused 'VM_BIND=localhost is not an IP address' \
        'set VM_BIND to 127.0.0.1, to 0.0.0.0 or ::, or to an address of this machine' VM_BIND=localhost
    refused 'VM_BIND=fd00::7 with QEMU_HOSTFWDS: QEMU cannot forward ports of an IPv6 address' \
        'set VM_BIND to ::, or QEMU_HOSTFWDS=none' VM_BIND=fd00::7 QEMU_HOSTFWDS=tcp:2222:22 \
        QEMU_NET=user
    refused "VM_BIND=::ffff:127.0.0.1 is an IPv4 address in IPv6's notation" 'write it in dotted decimal' \
        VM_BIND=::ffff:127.0.0.1
    refused 'QEMU_SLIRP_NET=192.168.76.1/24 is not a network' \
        'write it as address/bits with zeros behind the bits, such as 192.168.76.0/24' \
        QEMU_SLIRP_NET=192.168.76.1/24
    refused "QEMU_SLIRP_DHCPSTART=10.0.3.15 is not an address of the NAT's network" \
        'choose an address inside QEMU_SLIRP_NET (10.0.2.0/24 if unset)' QEMU_SLIRP_DHCPSTART=10.0.3.15
    refused 'QEMU_MAC=01:00:5e:00:00:01 is not the address of one network card' \
        'set QEMU_MAC to six hexadecimal pairs such as 52:54:00:12:34:56' QEMU_MAC=01:00:5e:00:00:01
    refused 'QEMU_BOOT_ORDER=cdx is not one to three different letters of a, c, d and n' \
        'set QEMU_BOOT_ORDER to c (disk), d (CD-ROM), dc, …' QEMU_BOOT_ORDER=cdx
    refused 'QEMU_MACHINE=q35 -nographic is not a machine type with options' \
        'set QEMU_MACHINE to q35, pc, isapc or a versioned type; options follow as ,name=value' \
        'QEMU_MACHINE=q35 -nographic'
}

@test "combinations known to fail are refused with the reason; VM_FORCE=1 warns" {
    host_env
    disk
    refused "QEMU_MACHINE=pc with QEMU_DISK_BUS=ide and QEMU_RAM of 3584 or more: the Hurd's disk driver reports Input/output error and the root file system is not mounted" \
        'use QEMU_MACHINE=q35 with QEMU_DISK_BUS=ahci, or QEMU_RAM below 3584' QEMU_MACHINE=pc QEMU_RAM=3584
    host_env QEMU_MACHINE=pc QEMU_RAM=3583
    run -0 vm check
    host_env QEMU_MACHINE=pc QEMU_RAM=4096 VM_FORCE=1
    run -0 vm check
    assert_line --regexp '^vm: warning: QEMU_MACHINE=pc with QEMU_DISK_BUS=ide .*VM_FORCE=1: ignored'
    refused 'QEMU_HPET=0: GNU Mach stops with an assertion (hpet_addr != 0) without an HPET' \
        'leave QEMU_HPET unset and hpet=off out of QEMU_MACHINE' QEMU_HPET=0
    refused 'QEMU_HPET=0: GNU Mach stops with an assertion (hpet_addr != 0) without an HPET' \
        'leave QEMU_HPET unset and hpet=off out of QEMU_MACHINE' QEMU_MACHINE=q35,hpet=off
    refused "QEMU_DISK_BUS=virtio or scsi: the Hurd's disk driver supports AHCI and IDE only and finds no root device" \
        'use QEMU_DISK_BUS=ahci (or ide)' QEMU_DISK_BUS=virtio
    refused "QEMU_NET_MODEL: the Hurd's network driver supports e1000 and rtl8139, but not this card" \
        'use QEMU_NET_MODEL=e1000 or rtl8139' QEMU_NET_MODEL=virtio-net-pci
    refused "QEMU_AIO=native needs a disk cache that bypasses the host's (O_DIRECT)" \
        'set QEMU_CACHE=none or directsync with it, or QEMU_AIO=threads' QEMU_AIO=native
    refused 'ENABLE_VNC=1 without VNC_PASSWORD_FILE: every client of the port gets the guest'"'"'s screen and keyboard' \
        'put a password into a file and name it in VNC_PASSWORD_FILE' ENABLE_VNC=1
    refused 'QEMU_DISK_BUS=ide with QEMU_MACHINE=q35: that machine has no IDE controller' \
        'use QEMU_DISK_BUS=ahci, or QEMU_MACHINE=pc' QEMU_DISK_BUS=ide
    refused 'QEMU_INITRD=/initrd without QEMU_KERNEL: there is no kernel to give it to' \
        'set QEMU_KERNEL too' QEMU_INITRD=/initrd
    refused 'QEMU_CPU=host needs KVM, and QEMU_ACCEL=tcg excludes it' \
        'set QEMU_CPU to a model such as max, or leave QEMU_CPU unset' QEMU_CPU=host QEMU_ACCEL=tcg
    refused 'MONITOR_PORT=5555 is also the port of SERIAL_PORT' 'give each its own port' \
        SERIAL_PORT=5555 MONITOR_PORT=5555
    refused 'SERIAL_PORT=2222 is also a forwarded port of QEMU_HOSTFWDS' 'give each its own port' \
        SERIAL_PORT=2222 QEMU_HOSTFWDS=2222:22
}

@test "missing files and a missing emulator are reported" {
    host_env QEMU_KERNEL="$T/none"
    run vm check
    assert_failure 66
    assert_line "vm: error: QEMU_KERNEL=$T/none: No such file or directory"
    host_env ENABLE_9P=1 SHARE_DIR="$T/none"
    run vm check
    assert_failure 66
    assert_line "vm: error: SHARE_DIR=$T/none: No such file or directory"
    host_env VM_QEMU=/bin/nothing
    run vm check
    assert_failure 69
    assert_line 'vm: error: VM_QEMU=/bin/nothing: No such file or directory'
    printf secret >"$T/pw"
    chmod 600 "$T/pw"
    host_env QEMU_KERNEL="$T/pw"
    run vm check
    assert_failure 77
    assert_line "vm: error: QEMU_KERNEL=$T/pw cannot be read by QEMU's user 65534:65534"
}

@test "the container's memory limit lowers the default and refuses a larger QEMU_RAM" {
    container limit --memory 2g -e VM_GUEST=hurd
    wait_until 30 logs_have "$C" 'QEMU_RAM lowered from 4096 to 1536 MiB'
    container asked --memory 1g -e QEMU_RAM=2048
    wait_exit "$C"
    assert_equal "$STATUS" 78
    wait_until 10 logs_have "$C" "QEMU_RAM=2048: the container's memory limit is 1024 MiB"
}

@test "networks: combinations that are refused, and formats of addresses" {
    local forms='write mcast:230.0.0.1:5000, udp:OWN-ADDRESS:PORT,ADDRESS:PORT or unix:/own/path,/other/path'
    refused 'QEMU_NET=socket without QEMU_NET_SOCKET, the addresses of the other machines' \
        "$forms" QEMU_NET=socket
    refused 'QEMU_NET_SOCKET=tcp:1.2.3.4:5: it begins with none of mcast:, udp: and unix:' \
        "$forms" QEMU_NET=socket QEMU_NET_SOCKET=tcp:1.2.3.4:5
    refused 'QEMU_NET_SOCKET=unix:/a,/b is for QEMU_NET=socket only' \
        'set QEMU_NET=socket, or leave it unset' QEMU_NET_SOCKET=unix:/a,/b
    refused 'QEMU_TAP_BRIDGE=br0 is for QEMU_NET=tap only' 'set QEMU_NET=tap, or leave it unset' \
        QEMU_NET=user QEMU_TAP_BRIDGE=br0
    refused 'QEMU_TAP=tap%d is not the name of a network interface' 'use letters, digits, - _ .' \
        QEMU_NET=tap QEMU_TAP=tap%d
    refused 'QEMU_TAP_ADDRESS=192.168.77.1 is not an address with its network' \
        'write it as address/bits, such as 192.168.77.1/24' QEMU_NET=tap QEMU_TAP_ADDRESS=192.168.77.1
    refused 'VM_PORTS=ready with QEMU_NET=passt: passt opens its ports when it starts' \
        'use QEMU_NET=user with it, or leave VM_PORTS unset' QEMU_NET=passt VM_PORTS=ready
}

@test "quotes, blanks, carriage returns and comments of an env-file are handled" {
    printf '%s\n' 'QEMU_RAM="256"' "QEMU_BOOT_ORDER='c'" 'QEMU_SMP=1   ' 'QEMU_MACHINE="q35"  ' \
        $'VM_GUEST=mach\r' 'VM_SHARE_SIZE=1Gi' 'CONSOLE_LOG_SIZE=512MB' >"$T/env"
    run -0 docker run --rm --name "$ID-env" --env-file "$T/env" "$IMAGE" check
    assert_line --partial '256 MiB, 1 processor, q35'
    refute_line --partial warning
    printf '%s\n' 'VM_GUEST=mach # the guest' 'QEMU_RAM="256' 'QEMU_EXTRA_ARGS="-name x"' >"$T/env"
    run -78 docker run --rm --name "$ID-env" --env-file "$T/env" "$IMAGE" check
    assert_line --partial 'fix: the comment is part of the value'
    assert_line --partial 'fix: the quotes are part of the value'
    run -78 docker run --rm --name "$ID-env" -e QEMU_SMP="2' # two" "$IMAGE" check
    assert_line --partial 'fix: the comment is part of the value'
}

@test "unrelated environment variables do not prevent a start" {
    run -0 docker run --rm --name "$ID-ci" -e QEMU_VERSION=8.2.1 -e VM_NAME=builder-3 -e VM_IMAGES= \
        -e SERIAL_PORT=tcp://10.96.0.10:5555 -e MONITOR_PORT=tcp://10.96.0.11:9999 \
        -e VNC_PORT=tcp://10.96.0.12:5900 -e GDB_PORT=tcp://10.96.0.13:1234 "$IMAGE" check
    assert_line 'vm: warning: QEMU_VERSION is not a setting and is not used (vm settings lists all)'
    assert_line 'vm: warning: VM_NAME is not a setting and is not used (vm settings lists all)'
    assert_line --partial 'serial console (telnet) 5555'
    refute_line --partial VM_IMAGES
    run -78 docker run --rm --name "$ID-ci" -e QEMU_DRVIE=/x "$IMAGE" check
    assert_line 'vm: error: QEMU_DRVIE is not a setting'
    run -0 docker run --rm --name "$ID-ci" -e QEMU_DRVIE=/x -e VM_FORCE=1 "$IMAGE" check
    assert_line --partial 'QEMU_DRVIE is not a setting (the nearest is QEMU_DRIVE'
}
