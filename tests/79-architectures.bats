# Guests of other architectures (QEMU_ARCH): Debian's kernels of tests/guests/linux-arch under TCG, and settings
# that are refused for them. tests/14-qemu-args.bats has the argument vectors.
load helpers
bats_require_minimum_version 1.5.0

setup_file() {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
}

# boot ARCH CONSOLE NAME=VALUE...: boot its guest to its login prompt; the output is in $T/out.
boot() {
    host_vm QEMU_ARCH="$1" QEMU_RAM=512 CONSOLE_STDOUT=1 QEMU_KERNEL="$GUESTS/linux-$1-kernel" \
        QEMU_INITRD="$GUESTS/linux-$1-initrd" QEMU_APPEND="console=$2" QEMU_HOSTFWDS=none "${@:3}"
    wait_until 60 test -S "$T/run/control.sock"
    run -0 vm wait --for login --timeout $((60 * PATIENCE))
}

ended() {
    host_vm_exit 60
    assert_equal "$STATUS" "$1"
}

# refused STATUS MESSAGE FIX NAME=VALUE...: one error.
refused() {
    host_env "${@:4}"
    run vm check
    assert_failure "$1"
    assert_line "vm: error: $2"
    assert_line --partial "$3"
    assert_equal "$(grep -c '^vm: error' <<<"$output")" 1
}

# by_ssh: set SSH to the settings that forward a port to the guest's sshd.
by_ssh() {
    SSH=(QEMU_HOSTFWDS="tcp:$(free_port):22" VM_SSH_KEY="$GUESTS/linux-key")
}

@test "aarch64: login, vm exec, ssh, two processors; the power key shuts it down with status 0" {
    by_ssh
    boot aarch64 ttyAMA0 QEMU_SMP=2 "${SSH[@]}"
    run -0 vm exec 'uname -m; nproc; ip -4 addr show eth0'
    assert_line aarch64
    assert_line 2
    assert_line --partial 10.0.2.15
    run -0 vm exec --via ssh --timeout $((60 * PATIENCE)) 'uname -m'
    assert_output aarch64
    grep -qF 'accelerator TCG, because KVM does not run aarch64 on this host' "$T/out"
    kill -TERM "$VM_PID"
    ended 0
    grep -q 'linux: power button pressed' "$T/out"
    grep -qx 'vm: the guest powered off' "$T/out"
}

@test "riscv64: a compressed kernel, a disk on virtio-mmio, ssh; shut down over the console with status 0" {
    local disk=$T/disk.img
    by_ssh
    truncate -s 8M "$disk"
    PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -L data "$disk"
    chmod 666 "$disk"
    gzip -1 <"$GUESTS/linux-riscv64-kernel" >"$T/Image.gz"
    boot riscv64 ttyS0 QEMU_KERNEL="$T/Image.gz" QEMU_DRIVE="$disk" QEMU_DRIVE_FORMAT=raw \
        QEMU_DISK_BUS=virtio-mmio "${SSH[@]}"
    run -0 vm exec --via ssh --timeout $((60 * PATIENCE)) 'uname -m'
    assert_output riscv64
    run -0 vm exec 'uname -m; cat /sys/block/vda/device/modalias; readlink /sys/block/vda; echo kept >/mnt/file'
    assert_line riscv64
    assert_line --partial virtio_mmio
    kill -TERM "$VM_PID"
    ended 0
    run -0 debugfs -R 'cat /file' "$disk"
    assert_line kept
}

@test "aarch64: a panic gives status 80, text that looks like one does not" {
    boot aarch64 ttyAMA0 QEMU_SMP=2 # of which one spins after a panic, and one is stopped
    run -0 vm exec 'echo "Kernel panic - not syncing: no" >/dev/console; sleep 1; echo lives'
    assert_line lives
    run vm exec --timeout 20 'echo c >/proc/sysrq-trigger'
    ended 80
}

@test "arm: login, ssh; the power key shuts it down with status 0" {
    by_ssh
    boot arm ttyAMA0 "${SSH[@]}"
    run -0 vm exec --via ssh --timeout $((60 * PATIENCE)) 'uname -m'
    assert_output armv7l
    kill -TERM "$VM_PID"
    ended 0
    grep -q 'linux: power button pressed' "$T/out"
}

@test "aarch64 with pages of 16 KiB" {
    boot aarch64 ttyAMA0 QEMU_CPU=cortex-a76 QEMU_KERNEL="$GUESTS/linux-aarch64-16k-kernel" \
        QEMU_INITRD="$GUESTS/linux-aarch64-16k-initrd"
    run -0 vm exec 'grep -m 1 KernelPageSize /proc/self/smaps'
    assert_output --regexp '16 kB'
    run -0 vm stop
    ended 0
}

@test "one matrix: the same guest on x86-64, aarch64, arm and riscv64" {
    local name
    for name in aarch64 arm riscv64; do
        ln -s "$GUESTS/linux-$name-kernel" "$GUESTS/linux-$name-initrd" "$T"
    done
    ln -s "$GUESTS/linux-vmlinuz" "$T/linux-x86_64-kernel"
    ln -s "$GUESTS/linux-initrd" "$T/linux-x86_64-initrd"
    host_env QEMU_RAM=512 QEMU_KERNEL="$T/linux-{arch}-kernel" QEMU_INITRD="$T/linux-{arch}-initrd" \
        QEMU_APPEND='console=ttyAMA0 console=ttyS0 no_timer_check'
    run -0 vm profile --cpus 1 --archs x86_64,aarch64,arm,riscv64 --samples 1 --warm-up 0 --until ssh \
        --timeout $((60 * PATIENCE)) --out "$T/profile"
    jq -e '[.cells[] as $c | .[$c] | .arch + " " + .samples[0].status] ==
        ["x86_64 ok", "aarch64 ok", "arm ok", "riscv64 ok"]' "$T/profile/results.json"
    jq -e --arg sum "$(sha256sum <"$GUESTS/linux-arm-initrd" | cut -d ' ' -f 1)" '.files |
        .["QEMU_INITRD arm"] == $sum and (keys | map(split(" ")) | sort == ([["QEMU_INITRD", "QEMU_KERNEL"],
            ["x86_64", "aarch64", "arm", "riscv64"]] | [combinations] | sort))' "$T/profile/results.json"
    run -66 vm profile --cpus 1 --samples 1 --out "$T/none"
    assert_line --partial "QEMU_KERNEL=$T/linux-{arch}-kernel: No such file"
}

# teach ARCH [NAME=VALUE...]: boot the teaching kernel of tests/guests/teach on virt to its prompt.
teach() {
    [ -e "$T/fs.img" ] || "$ROOT/tests/guests/teach/build" "$T"
    chmod 666 "$T/fs.img"
    rm -rf "$T/run"
    host_vm QEMU_ARCH="$1" VM_GUEST=exov6 QEMU_KERNEL="$T/kernel-$1" QEMU_DRIVE="$T/fs.img" QEMU_DRIVE_FORMAT=raw \
        QEMU_DISK_BUS=virtio-mmio QEMU_NET=none QEMU_RAM=128 QEMU_SMP=2 CONSOLE_STDOUT=1 "${@:2}"
    wait_until 60 test -S "$T/run/control.sock"
    vm expect --from start --timeout $((60 * PATIENCE)) '^[$][ ]' >/dev/null
}

# typed LINE TEXT: type LINE and wait for TEXT.
typed() {
    vm send "$1" --enter
    vm expect --from start --timeout $((20 * PATIENCE)) "$2" >/dev/null
}

@test "a kernel similar to xv6: processors, disk, a real panic, and text that looks like one" {
    local arch
    for arch in aarch64 riscv64; do
        teach "$arch" $([ "$arch" = aarch64 ] || echo QEMU_BIOS=none)
        grep -q 'cpu1: starting' "$T/out"
        typed 'cat hello' 'hello from disk 1'
        typed 'echo cpu9: panic: no' '^cpu9: panic: no'
        wait_until 20 grep -q 'on the console, but .*: ignored' "$T/out"
        typed "save kept-by-$arch" '^saved'
        vm send 'panic out of pages' --enter
        ended 80
        run -0 dd if="$T/fs.img" bs=512 skip=2047 count=1 status=none
        assert_output --partial "kept-by-$arch"
    done
}

@test "aarch64: a kernel that does not enable the power key is not waited for" {
    local guest
    for guest in exov6 generic; do
        teach aarch64 VM_GUEST="$guest"
        typed "save kept-by-$guest" '^saved'
        kill -TERM "$VM_PID"
        ended 82
        run -0 grep -c 'the guest has not enabled the power button: not waiting for it' "$T/out"
        # The 150 s of VM_STOP_TIMEOUT were not used up.
        jq -se 'map(select(.event == "stop")) | .[-1].ms - .[0].ms < 20000' "$T/log/events.jsonl"
        run -0 dd if="$T/fs.img" bs=512 skip=2047 count=1 status=none
        assert_output --partial "kept-by-$guest"
        rm -r "$T/log"
    done
}

@test "gdb-multiarch breaks at a function by name and reads variables" {
    local arch
    PORT=$(free_port)
    for arch in aarch64 riscv64; do
        teach "$arch" $([ "$arch" = aarch64 ] || echo QEMU_BIOS=none) GDB=1 GDB_PORT="$PORT"
        gdb-multiarch -nx -batch -ex "target remote 127.0.0.1:$PORT" -ex 'break print_file' -ex "shell touch $T/set-$arch" \
            -ex continue -ex 'print disk.sectors' -ex delete -ex detach "$T/kernel-$arch" >"$T/gdb" 2>&1 3>&- &
        PIDS+=("$!")
        wait_until 60 test -e "$T/set-$arch"
        vm send 'cat numbers' --enter
        vm expect --from start --timeout $((60 * PATIENCE)) '^400' >/dev/null
        wait_until 60 process_is_gone "${PIDS[-1]}"
        grep -q 'hit Breakpoint 1, .*print_file (name=.*"numbers")' "$T/gdb"
        grep -q '= 2048' "$T/gdb"
        run -82 vm stop --now
        host_vm_exit 60
    done
}

@test "aarch64, riscv64: a suspended guest continues where it was" {
    local arch console
    for arch in aarch64 riscv64; do
        [ "$arch" = aarch64 ] || saves_timers || continue
        console=$([ "$arch" = aarch64 ] && echo ttyAMA0 || echo ttyS0)
        boot "$arch" "$console" VM_STOP=suspend
        run -0 vm exec "echo $arch >/tmp/mark"
        kill -TERM "$VM_PID"
        ended 0
        boot "$arch" "$console" VM_STOP=suspend
        run -0 vm exec 'cat /tmp/mark'
        assert_output "$arch"
        kill -TERM "$VM_PID"
        ended 0
        rm -rf "$T/images/state"
    done
}

# QEMU for RISC-V saves the processors' timers from 10.2 on.
saves_timers() {
    printf '%s\n' 10.2 "$(qemu_version riscv64)" | sort -CV
}

@test "riscv64: a QEMU that does not save the timers saves no states, and only that one" {
    local riscv=(QEMU_ARCH=riscv64 QEMU_KERNEL="$GUESTS/linux-riscv64-kernel")
    if saves_timers; then
        host_env "${riscv[@]}" VM_STOP=suspend
        run -0 vm check
        return
    fi
    local why="QEMU $(qemu_version riscv64) does not save the processors' timers, and a resumed guest may stand still"
    refused 78 "VM_STOP=suspend with QEMU_ARCH=riscv64: $why" 'use QEMU 10.2 or newer' "${riscv[@]}" VM_STOP=suspend
    refused 78 "VM_WARM=1 with QEMU_ARCH=riscv64: $why" 'use QEMU 10.2 or newer' "${riscv[@]}" VM_WARM=1
    boot riscv64 ttyS0
    run -78 vm warm
    assert_output --partial 'does not save the timers of RISC-V processors'
    run -0 vm stop
    ended 0
}

@test "aarch64: a warm state is resumed; a reset starts the kernel again" {
    boot aarch64 ttyAMA0 VM_WARM=1
    wait_until 60 grep -q 'warm state saved in' "$T/out"
    run -0 vm stop
    host_vm_exit 60
    boot aarch64 ttyAMA0 VM_WARM=1
    grep -q 'resumed' "$T/out"
    run -0 vm exec 'touch /tmp/here; uname -m'
    assert_output aarch64
    run -0 vm reset
    run -0 vm wait --for login --timeout $((60 * PATIENCE))
    run -0 vm exec '[ -e /tmp/here ] || echo anew'
    assert_output anew
    run -0 vm stop
    ended 0
}

@test "a kernel of another architecture is refused, and the setting that fits is named" {
    local g=$GUESTS
    refused 78 "QEMU_KERNEL=$g/linux-aarch64-kernel is for aarch64, and QEMU_ARCH=x86_64" \
        'set QEMU_ARCH=aarch64' QEMU_KERNEL="$g/linux-aarch64-kernel"
    refused 78 "QEMU_KERNEL=$g/linux-aarch64-kernel is for aarch64, and QEMU_ARCH=riscv64" \
        'set QEMU_ARCH=aarch64' QEMU_ARCH=riscv64 QEMU_KERNEL="$g/linux-aarch64-kernel"
    refused 78 "QEMU_KERNEL=$g/linux-vmlinuz is for x86_64, and QEMU_ARCH=aarch64" \
        'leave QEMU_ARCH unset' QEMU_ARCH=aarch64 QEMU_KERNEL="$g/linux-vmlinuz"
    printf 'MZ\0\0zimg' >"$T/zboot"
    chmod 644 "$T/zboot"
    refused 65 "QEMU_KERNEL=$T/zboot is a kernel inside an EFI program (zboot): QEMU cannot boot it" \
        'name the Image' QEMU_ARCH=aarch64 QEMU_KERNEL="$T/zboot"
}

@test "settings of PCs are refused on other machines, and theirs on a PC" {
    local arm=(QEMU_ARCH=aarch64 QEMU_KERNEL="$GUESTS/linux-aarch64-kernel")
    refused 78 'QEMU_ARCH=aarch64 with VM_GUEST=minix: that is a system for PCs (linux and generic are for any machine)' \
        'leave VM_GUEST unset' "${arm[@]}" VM_GUEST=minix
    refused 78 'QEMU_ARCH=aarch64 with VM_GUEST=hurd: that is a system for PCs (linux and generic are for any machine)' \
        'leave VM_GUEST unset' "${arm[@]}" VM_GUEST=hurd
    refused 78 'QEMU_ARCH=aarch64 with QEMU_HPET: only a PC has an HPET' 'leave QEMU_HPET unset' "${arm[@]}" QEMU_HPET=1
    refused 78 'QEMU_ARCH=aarch64 with QEMU_DISK_BUS=ide: only a PC has IDE (its disks are virtio, scsi, virtio-mmio or ahci)' \
        'leave QEMU_DISK_BUS unset' "${arm[@]}" QEMU_DISK_BUS=ide
    refused 78 'QEMU_ARCH=aarch64 with QEMU_NET_MODEL=ne2k_isa: only a PC has an ISA bus' unset "${arm[@]}" \
        QEMU_NET_MODEL=ne2k_isa
    refused 78 'QEMU_ARCH=aarch64 with QEMU_VGA=std: the graphics card of its machine is virtio' unset "${arm[@]}" \
        QEMU_VGA=std
    refused 78 'QEMU_ARCH=aarch64 with QEMU_BIOS=none: its machine starts QEMU_KERNEL without firmware anyway' unset \
        "${arm[@]}" QEMU_BIOS=none
    refused 78 'QEMU_ARCH=aarch64 with VM_BOOT=direct: kernels are read from disks of PCs only' unset \
        "${arm[@]}" VM_BOOT=direct
    refused 78 'QEMU_ARCH=aarch64: the built-in guest is for x86-64' QEMU_KERNEL \
        QEMU_ARCH=aarch64
    refused 78 'QEMU_ARCH=x86_64 with QEMU_DTB: a PC has ACPI tables and no device tree' unset \
        QEMU_DTB="$GUESTS/linux-vmlinuz"
    refused 78 'QEMU_ARCH=x86_64 with QEMU_DISK_BUS=virtio-mmio: on a PC virtio devices are on PCI (QEMU_DISK_BUS=virtio)' \
        unset QEMU_DISK_BUS=virtio-mmio
    refused 78 'QEMU_ARCH=x86_64 with QEMU_BIOS=none: a PC starts in its firmware' unset QEMU_BIOS=none
    refused 78 'QEMU_ACCEL=kvm: KVM runs guests of this host'"'"'s architecture only, not of aarch64' \
        'leave QEMU_ACCEL unset' "${arm[@]}" QEMU_ACCEL=kvm
}

@test "vm cpus and vm machines of other architectures; QEMU for RISC-V lists its models from 8.2 on" {
    host_env QEMU_ARCH=aarch64 QEMU_KERNEL="$GUESTS/linux-aarch64-kernel" QEMU_CPU=cortex-a76
    run -0 vm cpus
    assert_line --regexp '^\* cortex-a76 '
    run -0 vm machines
    assert_line --regexp '^\* virt-'
    refused 78 "QEMU_CPU=cortex-z9: QEMU $(qemu_version aarch64) has no CPU model cortex-z9" 'the nearest one is cortex-' \
        QEMU_ARCH=aarch64 QEMU_KERNEL="$GUESTS/linux-aarch64-kernel" QEMU_CPU=cortex-z9
    host_env QEMU_ARCH=riscv64 QEMU_KERNEL="$GUESTS/linux-riscv64-kernel" QEMU_CPU=rv64,v=true
    run vm cpus
    case $status in
    0) assert_line --regexp '^. rv64 ' ;;
    69) assert_line --partial 'for this architecture does not tell programs its CPU models' ;;
    *) fail "vm cpus ended with $status" ;;
    esac
    run -0 vm check
    run -0 vm machines
}

qemu_version() {
    "qemu-system-$1" --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p'
}

@test "a missing emulator, firmware or device tree" {
    truncate -s 1M "$T/disk.img"
    chmod 644 "$T/disk.img"
    mkdir "$T/bin"
    refused 69 'QEMU_ARCH=riscv64: there is no program qemu-system-riscv64 on PATH' \
        'build the image with --build-arg ARCHS=riscv64 (make image ARCHS=riscv64)' PATH="$T/bin" \
        QEMU_ARCH=riscv64 QEMU_KERNEL="$GUESTS/linux-riscv64-kernel"
    refused 78 'QEMU_ARCH=riscv64 without QEMU_KERNEL: there is no firmware that boots its disks' \
        'set QEMU_KERNEL to a kernel, or to U-Boot' QEMU_ARCH=riscv64 QEMU_DRIVE="$T/disk.img" QEMU_DRIVE_FORMAT=raw
    refused 66 "QEMU_DTB=$T/no.dtb: No such file or directory" 'correct QEMU_DTB' \
        QEMU_ARCH=aarch64 QEMU_KERNEL="$GUESTS/linux-aarch64-kernel" QEMU_DTB="$T/no.dtb"
    echo 'no device tree' >"$T/no.dtb"
    refused 65 "QEMU_DTB=$T/no.dtb is no device tree blob" 'name a device tree blob' \
        QEMU_ARCH=aarch64 QEMU_KERNEL="$GUESTS/linux-aarch64-kernel" QEMU_DTB="$T/no.dtb"
    printf '\320\015\376\355\0\020\0\0cut' >"$T/no.dtb"
    refused 65 "QEMU_DTB=$T/no.dtb is cut off: it has 11 of 1048576 bytes" 'name a device tree blob' \
        QEMU_ARCH=aarch64 QEMU_KERNEL="$GUESTS/linux-aarch64-kernel" QEMU_DTB="$T/no.dtb"
}
