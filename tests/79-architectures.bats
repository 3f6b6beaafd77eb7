# Guests of other architectures (QEMU_ARCH): Debian's kernels of tests/guests/linux-arch under TCG, and what
# is refused for them. tests/14-qemu-args.bats has the argument vectors.
load helpers
bats_require_minimum_version 1.5.0

setup_file() {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
}

# boot ARCH CONSOLE NAME=VALUE...: its guest, up to its login prompt, with what it prints in $T/out.
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

@test "aarch64: login, vm exec, network, two processors; the power key stops it with status 0" {
    boot aarch64 ttyAMA0 QEMU_SMP=2
    run -0 vm exec 'uname -m; nproc; ip -4 addr show eth0'
    assert_line aarch64
    assert_line 2
    assert_line --partial 10.0.2.15
    grep -qF 'accelerator TCG, because KVM does not run aarch64 on this host' "$T/out"
    kill -TERM "$VM_PID"
    ended 0
    grep -q 'linux: power button pressed' "$T/out"
    grep -qx 'vm: the guest powered off' "$T/out"
}

@test "riscv64: a compressed kernel, a disk on virtio-mmio; stopped over the console with status 0" {
    local disk=$T/disk.img
    truncate -s 8M "$disk"
    PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -L data "$disk"
    chmod 666 "$disk"
    gzip -1 <"$GUESTS/linux-riscv64-kernel" >"$T/Image.gz"
    boot riscv64 ttyS0 QEMU_KERNEL="$T/Image.gz" QEMU_DRIVE="$disk" QEMU_DRIVE_FORMAT=raw \
        QEMU_DISK_BUS=virtio-mmio
    run -0 vm exec 'uname -m; cat /sys/block/vda/device/modalias; readlink /sys/block/vda; echo kept >/mnt/file'
    assert_line riscv64
    assert_line --partial virtio_mmio
    kill -TERM "$VM_PID"
    ended 0
    run -0 debugfs -R 'cat /file' "$disk"
    assert_line kept
}

@test "aarch64: a suspended guest goes on where it was" {
    boot aarch64 ttyAMA0 VM_STOP=suspend
    run -0 vm exec 'echo here >/tmp/mark'
    kill -TERM "$VM_PID"
    ended 0
    boot aarch64 ttyAMA0 VM_STOP=suspend
    run -0 vm exec 'cat /tmp/mark'
    assert_output here
    kill -TERM "$VM_PID"
    ended 0
}

@test "a kernel of another architecture is told, with the setting that fits" {
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
    refused 78 'QEMU_ARCH=aarch64 with QEMU_HPET: only a PC has an HPET' 'leave QEMU_HPET unset' "${arm[@]}" QEMU_HPET=1
    refused 78 'QEMU_ARCH=aarch64 with QEMU_DISK_BUS=ide: only a PC has IDE (its disks are virtio, scsi, virtio-mmio or ahci)' \
        'leave QEMU_DISK_BUS unset' "${arm[@]}" QEMU_DISK_BUS=ide
    refused 78 'QEMU_ARCH=aarch64 with QEMU_NET_MODEL=ne2k_isa: only a PC has an ISA bus' unset "${arm[@]}" \
        QEMU_NET_MODEL=ne2k_isa
    refused 78 'QEMU_ARCH=aarch64 with QEMU_VGA=std: the graphics card of its machine is virtio' unset "${arm[@]}" \
        QEMU_VGA=std
    refused 78 'QEMU_ARCH=aarch64 with QEMU_BIOS=none: its machine starts QEMU_KERNEL without firmware anyway' unset \
        "${arm[@]}" QEMU_BIOS=none
    refused 78 'QEMU_ARCH=aarch64 with VM_BOOT=direct: kernels are taken out of disks of PCs only' unset \
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

@test "an emulator, a firmware or a device tree that is missing" {
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
}
