# CD-ROMs: booted without a disk and with one; a system installed from a CD-ROM to a new disk; that disk booted by
# an external kernel over an overlay. The CD-ROMs are made here, with GRUB.
load helpers

setup_file() {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
    local iso=$BATS_FILE_TMPDIR/iso
    mkdir -p "$iso/boot/grub"
    cp "$GUESTS/mach-mini/gnumach.gz" "$GUESTS/mach-mini/machsh" "$iso/boot"
    cat >"$iso/boot/grub/grub.cfg" <<'CFG'
serial --unit=0 --speed=115200
terminal_output serial console
echo 'From the CD-ROM ...'
insmod gzio
multiboot /boot/gnumach.gz gnumach console=com0
module /boot/machsh machsh '${host-port}' '${device-port}' '$(task-create)' '$(task-resume)'
boot
CFG
    grub-mkrescue --directory /usr/lib/grub/i386-pc --fonts= --themes= --locales= \
        --install-modules='multiboot gzio iso9660 serial echo normal' \
        -o "$BATS_FILE_TMPDIR/mach.iso" "$iso" >"$BATS_FILE_TMPDIR/log" 2>&1 || {
        cat "$BATS_FILE_TMPDIR/log" >&2
        return 1
    }
    "$ROOT/tests/guests/rooted/build" "$GUESTS" "$BATS_FILE_TMPDIR"
}

# started NAME=VALUE...: start a guest on the host and wait until it is ready; its console is in $T/out too.
started() {
    rm -rf "$T/run"
    host_vm CONSOLE_STDOUT=1 "$@"
    wait_until 120 grep -q 'ready: ' "$T/out" || { cat "$T/out"; return 1; }
}

stopped() {
    kill -TERM "$VM_PID"
    host_vm_exit 120
    assert_equal "$STATUS" 0
}

@test "an ISO without a disk, on both machines; with disks by QEMU_BOOT_ORDER" {
    local d=$BATS_FILE_TMPDIR machine
    for machine in q35 pc; do
        started VM_GUEST=mach QEMU_MACHINE="$machine" QEMU_CDROM="$d/mach.iso"
        grep -q 'From the CD-ROM' "$T/out"
        run -0 vm exec --via serial version
        assert_output --partial 'GNU Mach 1.8'
        stopped
    done

    cp "$MACH_MINI" "$T/disk.qcow2"
    chmod 666 "$T/disk.qcow2"
    started VM_GUEST=mach QEMU_CDROM="$d/mach.iso" QEMU_DRIVE="$T/disk.qcow2"
    run -1 grep -q 'From the CD-ROM' "$T/out"
    stopped
    started VM_GUEST=mach QEMU_CDROM="$d/mach.iso" QEMU_DRIVE="$T/disk.qcow2" QEMU_BOOT_ORDER=dc
    grep -q 'From the CD-ROM' "$T/out"
    stopped
}

@test "vm profile of an ISO" {
    host_env VM_GUEST=mach QEMU_CDROM="$BATS_FILE_TMPDIR/mach.iso"
    vm profile --cpus 1 --samples 1 --warm-up 0 --out "$T/p" 2>"$T/progress"
    jq -e '.cpu_1.boot == "cdrom" and .cpu_1.statistics.failed == 0 and
        (.cpu_1.samples[0].phases_ms | .kernel <= .login and .login != null)' "$T/p/results.json"
}

@test "vm profile --install: a Linux is installed from an ISO, and its boots from the disk are measured" {
    host_env VM_GUEST=linux QEMU_RAM=512 QEMU_CDROM="$BATS_FILE_TMPDIR/install.iso"
    printf '%s\n' 'timeout 600' 'fail rooted: not installed' 'expect rooted: installed' \
        'expect reboot: Power down' >"$T/script"
    run -0 vm profile --cpus 1 --samples 1 --warm-up 0 --until login --install "$T/script" --install-size 256M --out "$T/p"
    assert_line --regexp '^  installed +cpu_1 in [0-9.]+ s$'
    jq -e '.cpu_1.boot == "disk" and (.cpu_1.samples[0] | .status == "ok" and .phases_ms.grub < .phases_ms.login) and
        (.installs | length == 1)' "$T/p/results.json"
}

@test "vm profile boots a CD-ROM, over processor counts and machines" {
    local report=$T/report
    host_env VM_GUEST=mach QEMU_CDROM="$BATS_FILE_TMPDIR/mach.iso"
    run -0 vm profile --machines pc,q35 --cpus 1,2 --samples 1 --warm-up 0 --until login --out "$report"
    run -0 jq -r '.cells[] as $c | .[$c] | "\(.machine) \(.cpus) \(.samples[0].status) \(.phases | has("first-byte") and has("kernel") and has("login"))"' \
        "$report/results.json"
    assert_equal "$(sort <<<"$output")" $'pc 1 ok true\npc 2 ok true\nq35 1 ok true\nq35 2 ok true'
}

@test "a kernel is booted although there is a CD-ROM" {
    started QEMU_CDROM="$BATS_FILE_TMPDIR/mach.iso" QEMU_KERNEL="$GUESTS/mach-mini/gnumach.gz" \
        QEMU_APPEND=console=com0 \
        QEMU_INITRD="$GUESTS/mach-mini/machsh "'${host-port} ${device-port} $(task-create) $(task-resume)'
    run -1 grep -q 'From the CD-ROM' "$T/out"
    stopped
}

@test "installing from an ISO to a new disk, booting that disk, and an external kernel over an overlay of it" {
    local d=$BATS_FILE_TMPDIR
    host_env
    vm image create "$T/images/new.qcow2" 256M
    chmod 666 "$T/images/new.qcow2"
    # The firmware skips an empty disk, so the boot order need not be changed after the installation.
    host_vm VM_GUEST=linux QEMU_RAM=512 VM_READY=running CONSOLE_STDOUT=1 \
        QEMU_CDROM="$d/install.iso" QEMU_DRIVE="$T/images/new.qcow2"
    host_vm_exit 180
    assert_equal "$STATUS" 0
    run -0 cat "$T/out"
    assert_output --partial 'rooted: installed'
    assert_output --partial 'the guest powered off'

    started VM_GUEST=linux QEMU_RAM=512 QEMU_CDROM="$d/install.iso" QEMU_DRIVE="$T/images/new.qcow2"
    run -0 vm exec --via serial 'cat /etc/installed; grep " / " /proc/mounts'
    assert_line 'from the CD-ROM'
    assert_line --regexp '^/dev/sda1 / ext4 '
    stopped

    local before
    before=$(sha256sum <"$T/images/new.qcow2")
    # As with Alpine's netboot images: kernel and initramfs are outside the disk, and an overlay is over the disk.
    started QEMU_RAM=512 QEMU_DRIVE="$T/images/new.qcow2" QEMU_DISK_MODE=overlay \
        QEMU_KERNEL="$GUESTS/linux-vmlinuz" QEMU_INITRD="$d/initrd" \
        QEMU_APPEND='console=ttyS0 no_timer_check quiet rdinit=/rooted root=/dev/sda1 external'
    grep -q 'guest linux' "$T/out"
    run -0 vm exec --via serial 'cat /etc/installed /proc/cmdline; echo changed >/etc/changed; sync'
    assert_line 'from the CD-ROM'
    assert_line --partial external
    stopped
    [ -s "$T/images/new.qcow2.overlay" ]
    assert_equal "$(sha256sum <"$T/images/new.qcow2")" "$before"
}
