# Machine types and processors: what this emulator supports, and errors before the start for what it does not.
load helpers

@test "vm cpus and vm machines list what the emulator supports" {
    host_env
    run -0 vm cpus --json
    jq -r '.cpus[].name' <<<"$output" | LC_ALL=C sort >"$T/ours"
    assert_equal "$(jq -r .accelerator <<<"$output")" "$(vm kvm >/dev/null && echo kvm || echo tcg)"
    assert_equal "$(jq -r '.cpus[] | select(.default).name' <<<"$output")" core2duo-v1
    assert_equal "$(jq -c '.cpus[] | select(.name == "qemu64").alias_of' <<<"$output")" '"qemu64-v1"'
    assert_equal "$(QEMU_ACCEL=tcg "${ENV[@]}" QEMU_ACCEL=tcg "$VM" cpus --json |
        jq -c '.cpus[] | select(.name == "host").missing')" '["kvm"]'
    # QEMU's own list has models and, after an empty line, features.
    qemu-system-x86_64 -cpu help | sed -n '2,/^$/s/^\(x86 \|  \)\([^ ]\+\).*/\2/p' |
        LC_ALL=C sort >"$T/theirs"
    diff "$T/ours" "$T/theirs"

    run -0 vm machines --json
    jq -r '.machines[] | .name, .alias // empty' <<<"$output" | LC_ALL=C sort >"$T/ours"
    qemu-system-x86_64 -machine help | sed 1d | cut -d ' ' -f 1 | LC_ALL=C sort >"$T/theirs"
    diff "$T/ours" "$T/theirs"
    assert_equal "$(jq -r '.machines[] | select(.default).alias' <<<"$output")" q35

    run -0 vm cpus max
    assert_line sse4.1
    refute_line --partial '*'
}

# refused MESSAGE FIX NAME=VALUE...: vm check and a start report this, with status 78. @Q@ stands for QEMU's
# version.
refused() {
    local message=${1//@Q@/QEMU $(qemu-system-x86_64 --version | sed -n '1s/.*version \([^ ]*\).*/\1/p')}
    local fix=$2 command
    shift 2
    host_env "$@"
    for command in check run; do
        run vm "$command"
        assert_failure 78
        assert_line "vm: error: $message"
        assert_line "vm:   fix: $fix"
    done
    [ ! -e "$T/run/qmp.sock" ]
}

@test "for an unknown model, feature or machine type the error suggests the nearest one" {
    refused 'QEMU_CPU=core3duo: @Q@ has no CPU model core3duo' \
        'the nearest one is coreduo; vm cpus lists all' QEMU_CPU=core3duo
    refused 'QEMU_CPU=max,+sse5: the model max of @Q@ has no feature sse5' \
        'the nearest one is sse; vm cpus max lists all' QEMU_CPU=max,+sse5
    refused 'QEMU_CPU=qemu64,sse3=off,-avx_2: the model qemu64 of @Q@ has no feature avx-2' \
        'the nearest one is avx2; vm cpus qemu64 lists all' QEMU_CPU=qemu64,sse3=off,-avx_2
    refused 'QEMU_MACHINE=pc-i440fx-20.0: @Q@ has no machine type pc-i440fx-20.0' \
        'the nearest one is pc-i440fx-2.0; vm machines lists all' QEMU_MACHINE=pc-i440fx-20.0
    # It is reported together with other errors.
    host_env QEMU_CPU=core3duo QEMU_RAM=2X QEMU_DEBUG=in_asn
    run -78 vm check
    assert_line --partial 'QEMU_CPU=core3duo'
    assert_line --partial 'QEMU_RAM=2X'
    assert_line --partial 'QEMU_DEBUG=in_asn'
    host_env QEMU_CPU=max,+sse3,-avx2,tsc_freq=2000000000
    run -0 vm check
    assert_line 'vm: all checks passed'
}

# isapc's refusals: MESSAGE-END SETTING NAME=VALUE
isapc_refused() {
    host_env VM_GUEST=generic QEMU_MACHINE=isapc "${@:3}"
    run vm check
    assert_failure 78
    assert_line "vm: error: QEMU_MACHINE=isapc with $2: that machine has no PCI; $1"
    assert_line "vm:   fix: leave $2 unset with it"
    assert_equal "$(grep -c '^vm: error' <<<"$output")" 1
}

@test "a machine without PCI: each setting that cannot work there is reported; the built-in guest is 64-bit" {
    isapc_refused 'its only disks are IDE' QEMU_DISK_BUS QEMU_DISK_BUS=virtio
    isapc_refused 'its only network card is ne2k_isa' QEMU_NET_MODEL QEMU_NET_MODEL=e1000
    isapc_refused 'it has one processor' QEMU_SMP QEMU_SMP=2
    isapc_refused '9p needs PCI (VM_SHARE=disk does not)' VM_SHARE VM_SHARE=9p
    isapc_refused 'its graphics cards are std and cirrus' QEMU_VGA QEMU_VGA=virtio
    isapc_refused 'its USB controller would need PCI' QEMU_USB QEMU_USB=1
    refused 'QEMU_ARCH=i386: the built-in guest is a 64-bit one' \
        'leave QEMU_ARCH unset, or name a 32-bit guest in QEMU_DRIVE or QEMU_KERNEL' QEMU_ARCH=i386
}

# booted NAME NAME=VALUE...: a machine in a directory of its own boots to its login prompt; vm then talks to it.
booted() {
    T=$BATS_TEST_TMPDIR/$1
    mkdir "$T"
    host_vm "${@:2}"
    wait_until 20 test -S "$T/run/control.sock"
}

# ended: it shuts down, with status 0.
ended() {
    kill -TERM "$VM_PID"
    host_vm_exit 60
    assert_equal "$STATUS" 0
}

@test "mach-mini boots from every bus of every machine" {
    local row n=0
    for row in pc:ide pc:ahci pc:virtio pc:scsi q35:ahci q35:virtio q35:scsi isapc:ide; do
        booted "$((n += 1))" QEMU_MACHINE="${row%:*}" QEMU_DISK_BUS="${row#*:}"
        run -0 vm wait --for login --timeout $((20 * PATIENCE))
        run -0 vm exec uname -m
        assert_output x86_64
        ended
    done
}

@test "a 32-bit GNU Mach runs on the 32-bit emulator's pc, q35 and isapc, and on the 64-bit one's pc" {
    local row machine arch dir=$GUESTS/mach-i386
    for row in pc:i386 q35:i386 isapc:i386 pc:x86_64; do
        machine=${row%:*} arch=${row#*:}
        # shellcheck disable=SC2016 # the $ are GNU Mach's
        booted "$machine-$arch" QEMU_ARCH="$arch" VM_GUEST=mach QEMU_MACHINE="$machine" \
            QEMU_KERNEL="$dir/gnumach" QEMU_APPEND=console=com0 \
            QEMU_INITRD="$dir/machsh \${host-port} \${device-port} \$(task-create) \$(task-resume)"
        run -0 vm wait --for login --timeout $((20 * PATIENCE))
        run -0 vm exec uname -m
        assert_output i686
        assert_equal "$(basename "$(readlink "/proc/$(pgrep -P "$VM_PID" qemu)/exe")")" \
            "qemu-system-$arch"
        ended
    done
}

@test "linux finds its disk on every bus, and gets an address through every network card" {
    local machine bus card driver net pids=()
    # machine, bus, driver of the bus; network card, its driver
    local rows='pc ide ata_piix pcnet pcnet32
        pc scsi virtio_scsi ne2k_pci ne2k-pci
        q35 ahci ahci e1000e e1000e
        q35 scsi virtio_scsi rtl8139 8139cp
        q35 virtio virtio_blk virtio-net-pci virtio_net'
    while read -r machine bus _ card _; do
        booted "$card" VM_GUEST=linux QEMU_RAM=256 QEMU_KERNEL="$GUESTS/linux-vmlinuz" \
            QEMU_INITRD="$GUESTS/linux-initrd" QEMU_APPEND='console=ttyS0 no_timer_check' \
            QEMU_DRIVE="$GUESTS/linux.qcow2" QEMU_DISK_MODE=throwaway QEMU_MACHINE="$machine" \
            QEMU_DISK_BUS="$bus" QEMU_NET_MODEL="$card"
        pids+=("$VM_PID")
    done <<<"$rows"
    while read -r _ bus driver card net; do
        T=$BATS_TEST_TMPDIR/$card
        host_env
        run -0 vm wait --for login --timeout $((60 * PATIENCE))
        # The drivers from the mounted partition up to its controller, and the network card's.
        run -0 vm exec --via serial 'd=$(sed -n "s|^/dev/\(.*\) /data .*|\1|p" /proc/mounts); p=$(readlink -f "/sys/class/block/${d:?}"); while [ "${p#/sys/devices}" != "$p" ]; do [ ! -e $p/driver ] || readlink $p/driver; p=${p%/*}; done; readlink /sys/class/net/eth0/device/driver'
        assert_line --regexp "/$driver\$"
        assert_line --regexp "/$net\$"
        wait_until 30 vm exec --via serial 'ip -4 addr show eth0 | grep 10.0.2.15 && ping -c 1 -W 5 10.0.2.2'
    done <<<"$rows"
    for VM_PID in "${pids[@]}"; do
        ended
    done
}
