# VM_BOOT: the kernel of the disk's GRUB entry booted without firmware and GRUB. It gets what GRUB would give it; if
# GRUB's configuration is not understood, GRUB boots the disk. Disks are tests/guests/hurdlike (GNU Mach, or
# tests/guests/kernel, which prints its command line and its modules) and the linux guest.
load helpers

setup_file() {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
    cd "$BATS_FILE_TMPDIR"
    # A guest of this name for build.sh: the kernel that prints its command line and modules, and a text.
    mkdir -p speaker/mach-mini
    "$ROOT/tests/guests/kernel/build" MULTIBOOT64 kernel
    gzip -c kernel >speaker/mach-mini/gnumach.gz
    echo 'contents of the module' >speaker/mach-mini/machsh
    "$ROOT/tests/guests/hurdlike/build.sh" 5 "$BATS_FILE_TMPDIR/speaker" speaker.img
    "$ROOT/tests/guests/hurdlike/build.sh" 2 "$GUESTS" hurd.img
}

# disk NAME [FILE]: a copy of the raw disk NAME in $T/disk.img, whose root is FS for debugfs.
disk() {
    cp --sparse=always "$BATS_FILE_TMPDIR/$1.img" "$T/disk.img"
    chmod 666 "$T/disk.img"
    FS="$T/disk.img?offset=$((10 << 20))"
}

# grub_cfg: standard input becomes the disk's grub.cfg; put FILE PATH: copy FILE to PATH on the disk.
put() {
    debugfs -w -R "rm $2" "$FS" >/dev/null 2>&1
    debugfs -w -R "write $1 $2" "$FS" >/dev/null 2>&1
    [ "$(debugfs -R "cat $2" "$FS" 2>/dev/null | sha256sum)" = "$(sha256sum <"$1")" ]
}
grub_cfg() {
    cat >"$T/grub.cfg"
    put "$T/grub.cfg" /boot/grub/grub.cfg
}

raw() {
    host_env QEMU_DRIVE="$T/disk.img" QEMU_DRIVE_FORMAT=raw QEMU_DISK_MODE=throwaway QEMU_RAM=256 \
        VM_STOP_LADDER=none QEMU_ACCEL=tcg "$@"
}

# check [NAME=VALUE...]: vm check of the raw disk.
check() {
    raw "$@"
    run vm check
}

# boots NAME=VALUE...: boot the raw disk to its login prompt.
boots() {
    rm -rf "$T/run"
    host_vm QEMU_DRIVE="$T/disk.img" QEMU_DRIVE_FORMAT=raw QEMU_DISK_MODE=throwaway QEMU_RAM=256 \
        VM_STOP_LADDER=none QEMU_ACCEL=tcg "$@"
    wait_until 60 grep -q 'ready: login prompt' "$T/out" || { cat "$T/out"; return 1; }
}

end() {
    kill -TERM "$VM_PID"
    host_vm_exit
    assert_equal "$STATUS" 82
}

said() {
    grep -qF -- "$1" "$T/out" || { echo "missing: $1"; cat "$T/out"; return 1; }
}

# The lines that the printing kernel has printed.
printed() {
    tr -d '\r' <"$T/log/console.log" | sed -n '/^multiboot: /,/^contents/p'
}

@test "kernel and modules get the same command lines as from GRUB, byte by byte" {
    disk speaker
    grub_cfg <<'CFG'
serial --unit=0
terminal_output serial
set timeout=0
menuentry 'A \ B' {
	set x='1  2'
	multiboot /boot/gnumach-1.8-amd64-up.gz root=part:5:device:wd0 "a  b" $x "c\"d" e\'f
	module /hurd/machsh machsh --multiboot-command-line='${kernel-command-line}' \
		'$(task-create)' "$x" \
		\x41 '\x41'
	module /hurd/machsh
}
CFG
    boots VM_BOOT=firmware VM_GUEST=generic
    printed >"$T/by-grub"
    end
    boots VM_BOOT=direct VM_GUEST=generic
    said "boot: direct: GRUB's entry 'A \ B' of (hd0,msdos5): /boot/gnumach-1.8-amd64-up.gz with 2 modules"
    printed >"$T/directly"
    end
    assert_equal "$(wc -l <"$T/by-grub")" 3
    grep -F 'root=part:5:device:wd0' "$T/by-grub"
    diff "$T/by-grub" "$T/directly"
}

@test "a Hurd's disk: auto finds root and entry on raw, compressed and layered images, and boots it" {
    disk hurd
    cd "$T"
    qemu-img convert -c -O qcow2 disk.img packed.qcow2
    qemu-img create -q -f qcow2 -b packed.qcow2 -F qcow2 above.qcow2
    boots VM_GUEST=hurd
    said "boot: direct: GRUB's entry 'Debian GNU/Hurd, with Hurd 0.9' of (hd0,msdos2): /boot/gnumach-1.8-amd64-up.gz with 1 module"
    run ! grep -q 'phase grub' "$T/out"
    # The command line is that of the entry, with the console on the serial line added.
    tr -d '\r' <"$T/log/console.log" | grep -F 'module 0: machsh ${host-port} ${device-port} $(task-create) $(task-resume)'
    run -0 vm status
    assert_line --regexp "^boot +direct: GRUB's entry"
    end
    boots VM_GUEST=hurd QEMU_CACHE=none
    said 'boot: direct: '
    end
    for image in packed above; do
        rm -rf "$T/run"
        host_vm QEMU_DRIVE="$T/$image.qcow2" QEMU_DISK_MODE=throwaway QEMU_BACKING=allow VM_GUEST=hurd \
            QEMU_RAM=256 VM_STOP_LADDER=none
        wait_until 60 grep -q 'ready: login prompt' "$T/out"
        said 'boot: direct: '
        end
    done
    cd "$T"
    for layout in 1 3 gpt; do
        "$ROOT/tests/guests/hurdlike/build.sh" "$layout" "$GUESTS" "$T/disk.img"
        chmod 666 "$T/disk.img"
        check VM_GUEST=hurd
        assert_success
        assert_output --partial 'boot: direct: '
    done
}

@test "linux: its own entry, an added console, and changes of the disk since the last start" {
    cp "$GUESTS/linux.qcow2" "$T/linux.qcow2"
    chmod 666 "$T/linux.qcow2"
    linux() {
        rm -rf "$T/run"
        linux_vm QEMU_HOSTFWDS=none "$@"
        wait_until 120 grep -q 'ready: login prompt' "$T/out"
    }
    linux
    said "boot: direct: GRUB's entry '' of (hd0,msdos1): /vmlinuz with 1 module"
    grep -q 'MiB read in [0-9]* ms, unpacked by zstd$' "$T/out"
    run -0 vm exec cat /proc/cmdline
    assert_output --partial 'BOOT_IMAGE=/vmlinuz console=tty0 console=ttyS0 no_timer_check '
    # As an upgrade in the guest would do it.
    run -0 vm exec 'mkdir /b && mount /dev/sda1 /b && cd /b && cp vmlinuz new && sed -i "s|/vmlinuz console=tty0 console=ttyS0|/new upgraded|" grub/grub.cfg && cd / && umount /b'
    run -0 vm stop
    host_vm_exit
    assert_equal "$STATUS" 0
    linux
    said "(hd0,msdos1): /new with 1 module"
    run -0 vm exec cat /proc/cmdline
    assert_output --partial 'BOOT_IMAGE=/new upgraded no_timer_check '
    assert_output --partial ' console=tty0 console=ttyS0'
    run -0 vm stop
    host_vm_exit
    # With a screen the kernel must unpack itself.
    run -0 vm check
    assert_output --partial 'unpacked by zstd'
    linux QEMU_VGA=std
    grep -q 'MiB read in [0-9]* ms$' "$T/out"
    run -0 vm stop
    host_vm_exit
    # The firmware boots the same kernel.
    linux VM_BOOT=firmware
    said 'phase grub'
    run -0 vm exec cat /proc/cmdline
    assert_output --partial 'upgraded'
    run -0 vm stop
}

@test "VM_ON_REBOOT=restart: a reboot starts the kernel and the line that the guest has left on its disk" {
    local mode
    for mode in persistent throwaway; do
        cp "$GUESTS/linux.qcow2" "$T/linux.qcow2"
        chmod 666 "$T/linux.qcow2"
        rm -rf "$T/run"
        linux_vm QEMU_HOSTFWDS=none VM_BOOT=direct VM_ON_REBOOT=restart QEMU_DISK_MODE="$mode"
        wait_until 120 grep -q 'ready: login prompt' "$T/out"
        run -0 vm exec 'mkdir /b && mount /dev/sda1 /b && cd /b && cp vmlinuz new && sed -i "s|/vmlinuz console=tty0 console=ttyS0|/new upgraded|" grub/grub.cfg && cd / && umount /b && sync'
        # The shell may be killed before it prints the status.
        run vm exec --timeout $((20 * PATIENCE)) reboot
        wait_until 120 said 'the guest rebooted'
        wait_until 120 said 'boot: direct: '
        run -0 vm wait --timeout $((120 * PATIENCE))
        run -0 vm exec cat /proc/cmdline
        assert_output --partial 'BOOT_IMAGE=/new upgraded no_timer_check '
        run -0 vm status
        assert_output --partial '(hd0,msdos1): /new with 1 module'
        # An entry that cannot be read: the firmware, and the guest still reboots by itself.
        run -0 vm exec 'mkdir /b && mount /dev/sda1 /b && rm /b/new && umount /b && sync'
        # GRUB stays at its own prompt then, so no login ends the command.
        vm exec reboot >/dev/null 2>&1 3>&- &
        PIDS+=("$!")
        wait_until 120 said 'boot: firmware: booted directly, '
        run vm stop --now
        host_vm_exit
        rm -f "$T/linux.qcow2"
    done
}

@test "a configuration that is not understood is booted by the firmware with auto, and is an error with direct" {
    local why
    refused() {
        why=$1
        grub_cfg
        check VM_GUEST=hurd
        assert_success
        assert_output --partial "boot: firmware: "
        assert_output --partial "$why"
        check VM_GUEST=hurd VM_BOOT=direct
        assert_failure 65
        assert_output --partial "VM_BOOT=direct: $T/disk.img: "
        assert_output --partial "$why"
        assert_output --partial 'fix: set VM_BOOT=firmware, or auto to try both'
    }
    disk hurd
    refused 'line 2 of its GRUB configuration: the command chainloader' <<<$'menuentry a {\n chainloader +1\n}'
    refused 'too deep' <<<'function f { f; }; f'
    refused 'for the next boot only' <<<'save_env next_entry'
    refused '/etc/shadow' <<<'menuentry a { multiboot /boot/../../../../etc/shadow }' # the guest's own
    refused '/nowhere/kernel does not exist' <<<'menuentry a { multiboot /nowhere/kernel }'
    refused 'there is no readable file system' <<<'menuentry a { multiboot (hd1,msdos1)/boot/gnumach-1.8-amd64-up.gz }'
    refused '/hurd/loop: too many symbolic links' < <(
        debugfs -w -R 'symlink /hurd/loop loop' "$FS" >/dev/null 2>&1
        echo 'menuentry a { multiboot /hurd/loop }')
    refused '/hurd/host does not exist' < <(
        debugfs -w -R "symlink /hurd/host $T/grub.cfg" "$FS" >/dev/null 2>&1
        echo 'menuentry a { multiboot /hurd/host }')
    refused '/hurd/machsh is an ELF file without an entry' <<<'menuentry a { multiboot /hurd/machsh }'
    refused 'is not a file, or is larger than 1 MiB' < <(head -c 10000000 /dev/zero | tr '\0' a)
    debugfs -w -R 'rm /boot/grub/grub.cfg' "$FS" >/dev/null 2>&1
    check VM_GUEST=hurd
    assert_output --partial 'boot: firmware: none of its file systems has /boot/grub/grub.cfg or /grub/grub.cfg'
    truncate -s 0 "$T/disk.img"
    truncate -s 32M "$T/disk.img"
    check VM_GUEST=hurd
    assert_success
    assert_output --partial 'boot: firmware: none of its partitions has an ext2 to ext4 file system'
}

@test "an unclean file system is read as GRUB reads it, and the log says so" {
    disk hurd
    debugfs -w -R 'ssv state 0' "$FS" >/dev/null 2>&1
    boots VM_GUEST=hurd VM_FSCK=off
    said 'its file system was not unmounted cleanly'
    end
    # The repaired disk is read through the overlay of the repair.
    boots VM_GUEST=hurd
    said 'is clean now: e2fsck has repaired it'
    refute grep -q 'boot: .*was not unmounted cleanly' "$T/out"
    end
}

@test "settings that say how to boot take precedence over auto" {
    disk hurd
    printf 'no disk' >"$T/rom"
    xorriso -as mkisofs -quiet -o "$T/cd.iso" "$T/rom"
    local setting why
    while IFS='|' read -r setting why; do
        check VM_GUEST=hurd "$setting"
        assert_success
        if [ -n "$why" ]; then
            assert_output --partial "boot: firmware: $why"
        else
            refute_output --partial 'boot: direct'
        fi
        run -0 vm args
        case $setting in QEMU_KERNEL=*) continue ;; esac
        refute_line -- -kernel
    done <<ROWS
VM_BOOT=firmware|
QEMU_CDROM=$T/cd.iso|QEMU_CDROM is set
QEMU_BOOT_ORDER=c|QEMU_BOOT_ORDER is set
QEMU_EXTRA_ARGS=-no-fd-bootchk|QEMU_EXTRA_ARGS is set
VM_ON_REBOOT=restart|VM_ON_REBOOT=restart
VM_GUEST=generic|VM_GUEST is neither hurd nor linux
VM_GUEST=linux|GRUB boots no Linux, and VM_GUEST is linux
QEMU_KERNEL=$BATS_FILE_TMPDIR/kernel|
ROWS
    grub_cfg <<<$'set timeout=-1\nmenuentry a { multiboot /boot/gnumach-1.8-amd64-up.gz }'
    check VM_GUEST=hurd
    assert_output --partial "boot: firmware: GRUB's menu has no timeout"
    check VM_GUEST=hurd VM_BOOT=direct
    assert_output --partial "boot: direct: GRUB's entry 'a'"
    vm check --json | jq -e '.ok and (.boot | startswith("direct: GRUB"))'
    check VM_GUEST=hurd VM_BOOT=direct QEMU_KERNEL="$BATS_FILE_TMPDIR/kernel"
    assert_failure 78
    assert_output --partial 'VM_BOOT=direct: QEMU_KERNEL names the kernel'
    host_env VM_BOOT=direct QEMU_CDROM="$T/cd.iso"
    run -78 vm check
    assert_output --partial 'VM_BOOT=direct: there is no disk'
}

# mute [RESET]: replace the disk's kernel by one that prints nothing.
mute() {
    gcc -m32 ${1:+"-D$1"} -c -o "$T/mute.o" "$ROOT/tests/guests/kernel/mute.S"
    ld -m elf_i386 -Ttext 0x100000 --section-start=.multiboot=0x100800 -o "$T/mute" "$T/mute.o"
    put "$T/mute" /boot/gnumach-1.8-amd64-up.gz
    grub_cfg <<'CFG'
serial --unit=0
terminal_output serial
set timeout=0
menuentry 'mute' { multiboot /boot/gnumach-1.8-amd64-up.gz }
CFG
}

@test "auto: if the kernel prints nothing or resets immediately, GRUB boots in the same run" {
    disk hurd
    mute
    : >"$T/out"
    host_vm QEMU_DRIVE="$T/disk.img" QEMU_DRIVE_FORMAT=raw QEMU_DISK_MODE=throwaway QEMU_RAM=256 \
        VM_STOP_LADDER=none QEMU_ACCEL=tcg VM_GUEST=hurd VM_BOOT_TIMEOUT=30
    wait_until 60 grep -q 'phase grub' "$T/out"
    said 'boot: direct: '
    said 'boot: firmware: booted directly, its kernel printed nothing within 15 s'
    run -0 vm status
    assert_line --regexp '^boot +firmware: booted directly'
    jq -se 'any(.event == "boot" and .way == "firmware")' "$T/log/events.jsonl"
    kill -TERM "$VM_PID"
    host_vm_exit
    disk hurd
    mute RESET
    rm -rf "$T/run"
    host_vm QEMU_DRIVE="$T/disk.img" QEMU_DRIVE_FORMAT=raw QEMU_DISK_MODE=throwaway QEMU_RAM=256 \
        VM_STOP_LADDER=none QEMU_ACCEL=tcg VM_GUEST=hurd
    wait_until 60 grep -q 'phase grub' "$T/out"
    said 'boot: firmware: booted directly, its kernel reset the machine before it printed anything'
    host_vm_exit
}

@test "a state saved under one way to boot is resumed under the other" {
    local way other
    for way in direct firmware; do
        other=direct
        [ "$way" = firmware ] || other=firmware
        rm -rf "$T/images/state" "$T/run"
        disk hurd
        # GRUB and Mach print on the serial line, so that both ways have output.
        debugfs -R 'cat /boot/grub/grub.cfg' "$FS" 2>/dev/null |
            sed 's/timeout=5/timeout=0/; s/device:wd0$/device:wd0 console=com0/' >"$T/new.cfg"
        grub_cfg <"$T/new.cfg"
        mkdir -p "$T/images"
        cp --sparse=always "$T/disk.img" "$T/images/disk.img"
        chmod 666 "$T/images/disk.img"
        start() {
            rm -rf "$T/run"
            host_vm QEMU_DRIVE="$T/images/disk.img" QEMU_DRIVE_FORMAT=raw QEMU_RAM=256 VM_GUEST=hurd \
                VM_STOP_LADDER=none VM_WARM=1 VM_BOOT="$1"
            run -0 vm wait --timeout $((60 * PATIENCE))
        }
        start "$way"
        wait_until 30 said 'warm state saved in'
        end
        start "$other"
        said 'vm: resumed from '
        said 'boot: none: a saved state is resumed'
        end
    done
}

@test "vm profile --boot direct,disk compares both ways" {
    disk hurd
    debugfs -R 'cat /boot/grub/grub.cfg' "$FS" 2>/dev/null |
        sed '1i serial --unit=0\nterminal_output serial' |
        sed 's/timeout=5/timeout=0/; s/device:wd0$/device:wd0 console=com0/' >"$T/new.cfg"
    grub_cfg <"$T/new.cfg"
    raw VM_GUEST=hurd
    vm profile --cpus 1 --boot direct,disk --samples 1 --warm-up 0 --out "$T/p" 2>"$T/progress"
    jq -e '(.cpu_1_direct.samples[0].phases_ms | has("grub") | not) and
        (.cpu_1_disk.samples[0].phases_ms | .grub != null and .grub <= .kernel)' "$T/p/results.json"
}

@test "in a container: linux boots directly with only tmpfs writable" {
    cp "$GUESTS/linux.qcow2" "$T/linux.qcow2"
    chmod 644 "$T/linux.qcow2"
    container direct "${SAFE[@]}" --tmpfs /var/log/qemu -v "$T:/opt/hurd-image:ro" -e VM_GUEST=linux \
        -e QEMU_DRIVE=/opt/hurd-image/linux.qcow2 -e QEMU_DISK_MODE=throwaway -e QEMU_RAM=512
    container_ready "$C" 120
    logs_have "$C" "boot: direct: GRUB's entry '' of (hd0,msdos1): /vmlinuz with 1 module"
    run ! logs_have "$C" 'phase grub'
    run -0 docker exec "$C" vm exec cat /proc/cmdline
    assert_output --partial 'BOOT_IMAGE=/vmlinuz'
}
