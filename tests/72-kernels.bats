# A kernel without a boot loader: the files that QEMU_KERNEL accepts, how they are converted, and what is refused.
# The small kernels are tests/guests/kernel; each prints its command line and its modules.
load helpers

setup_file() {
    local k
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/file" "$BATS_FILE_TMPDIR"
    for k in MULTIBOOT MULTIBOOT64 MULTIBOOT2 FLAT PVH PVH64; do
        "$ROOT/tests/guests/kernel/build" "$k" "$BATS_FILE_TMPDIR/$k"
    done
    gzip -k "$BATS_FILE_TMPDIR"/MULTIBOOT*
    xz -k "$BATS_FILE_TMPDIR"/PVH* "$BATS_FILE_TMPDIR/MULTIBOOT"
    printf 'one\n' >"$BATS_FILE_TMPDIR/first,one"
    printf 'two\n' | gzip >"$BATS_FILE_TMPDIR/second.gz"
    printf 'three\n' | xz >"$BATS_FILE_TMPDIR/third.xz"
}

# boot NAME=VALUE...: boot a guest on the host to its login prompt; $T/out has the log, with the console's bytes
# between its lines.
boot() {
    rm -rf "$T/run"
    host_vm VM_STOP_LADDER=none CONSOLE_STDOUT=1 "$@"
    wait_until 60 grep -q 'ready: login prompt' "$T/out" || { cat "$T/out"; return 1; }
}

end() {
    kill -TERM "$VM_PID"
    host_vm_exit
    assert_equal "$STATUS" "${1:-82}"
}

# said TEXT...: each TEXT is in $T/out; carriage returns are ignored.
said() {
    local text
    for text; do
        tr -d '\r' <"$T/out" | grep -qF -- "$text" || { echo "missing: $text"; cat "$T/out"; return 1; }
    done
}

MACH_MODULE='${host-port} ${device-port} $(task-create) $(task-resume)'

@test "multiboot, ELF32, ELF64 and flat, plain and compressed: command lines of kernel and modules" {
    local k d=$BATS_FILE_TMPDIR
    for k in MULTIBOOT MULTIBOOT64 FLAT MULTIBOOT.gz MULTIBOOT.xz MULTIBOOT64.gz; do
        boot QEMU_KERNEL="$d/$k" QEMU_APPEND='a  b,c="d"' \
            QEMU_INITRD="$d/first,,one x,,y  z,$d/second.gz,$d/third.xz \$(t)"
        said 'multiboot: ' ' a  b,c="d"' "module: $d/first,one x,y  z" one two three \
            'module: /proc/self/fd/22 $(t)' 'guest generic'
        end
    done
    # The last kernel was both unpacked and rewritten.
    said "kernel $d/MULTIBOOT64.gz: a multiboot kernel for x86-64, unpacked by gzip, its ELF64 rewritten as ELF32"
}

@test "PVH, ELF32 and ELF64, plain and compressed" {
    local k d=$BATS_FILE_TMPDIR
    for k in PVH PVH64 PVH64.xz; do
        boot QEMU_KERNEL="$d/$k" QEMU_APPEND='a b' QEMU_INITRD="$d/first,one"
        said 'pvh: a b' one "kernel $d/$k: a PVH kernel"
        end
    done
}

@test "GNU Mach without GRUB: a gzip-compressed ELF64 with machsh as its module" {
    boot QEMU_KERNEL="$GUESTS/mach-mini/gnumach.gz" QEMU_APPEND=console=com0 \
        QEMU_INITRD="$GUESTS/mach-mini/machsh $MACH_MODULE" VM_STOP_LADDER=acpi
    said 'guest mach' 'a multiboot kernel for x86-64, GNU Mach, unpacked by gzip, its ELF64 rewritten' \
        "module 0: $GUESTS/mach-mini/machsh $MACH_MODULE"
    run -0 vm status
    assert_line --regexp '^kernel +/.*/gnumach.gz: a multiboot kernel .* GNU Mach'
    assert_line --regexp '^boot +kernel: /.*/gnumach.gz$'
    run -0 vm status --json
    jq -e '(.kernel | contains("gnumach.gz: a multiboot kernel")) and
        (.boot | test("^kernel: /.*/gnumach.gz$"))' <<<"$output"
    end 0
}

# refused STATUS MESSAGE FIX NAME=VALUE...: no other message is printed.
refused() {
    local status=$1 message=$2 fix=$3 command
    shift 3
    host_env "$@"
    for command in check run args; do
        run -"$status" vm "$command"
        assert_line "vm: error: $message"
        assert_line --partial "vm:   fix: $fix"
        assert_equal "$(grep -c 'error:' <<<"$output")" 1
    done
}

@test "files that QEMU cannot boot are refused with their type: vm check, vm run, nothing is started" {
    local d=$BATS_FILE_TMPDIR
    refused 65 "QEMU_KERNEL=$d/MULTIBOOT2 is a multiboot 2 kernel: QEMU cannot boot it" \
        'QEMU knows multiboot 1 only: let GRUB boot it' QEMU_KERNEL="$d/MULTIBOOT2"
    refused 65 "QEMU_KERNEL=$d/MULTIBOOT2.gz is a multiboot 2 kernel: QEMU cannot boot it" \
        'QEMU knows multiboot 1 only' QEMU_KERNEL="$d/MULTIBOOT2.gz"
    refused 65 "QEMU_KERNEL=$GUESTS/linux.qcow2 is a qcow2 image: QEMU cannot boot it" \
        'name a Linux bzImage' QEMU_KERNEL="$GUESTS/linux.qcow2"
    refused 65 "QEMU_KERNEL=$VM is an ELF file without an entry for a boot loader: QEMU cannot boot it" \
        'give it a multiboot header' QEMU_KERNEL="$VM"
    refused 78 "QEMU_KERNEL=$d/MULTIBOOT64 is for x86-64, and QEMU_ARCH=i386 has no such processor" \
        'set QEMU_ARCH=x86_64' QEMU_KERNEL="$d/MULTIBOOT64" QEMU_ARCH=i386
    refused 78 "QEMU_KERNEL=$GUESTS/linux-vmlinuz is for x86-64, and QEMU_ARCH=i386 has no such processor" \
        'set QEMU_ARCH=x86_64' QEMU_KERNEL="$GUESTS/linux-vmlinuz" QEMU_ARCH=i386
    gzip <"$d/PVH64.xz" >"$T/twice"
    head -c 4200 "$d/MULTIBOOT64" >"$T/cut"
    refused 78 "QEMU_RAM=16: QEMU_KERNEL=$GUESTS/mach-mini/gnumach.gz is loaded up to 17 MiB" \
        'raise QEMU_RAM' QEMU_KERNEL="$GUESTS/mach-mini/gnumach.gz" QEMU_RAM=16
    head -c 200 "$d/PVH64.xz" >"$T/cut.xz"
    chmod 644 "$T/cut.xz" "$T/twice" "$T/cut"
    refused 65 "QEMU_KERNEL=$T/cut.xz is compressed and damaged: xz cannot unpack it" \
        'get a whole copy of the file' QEMU_KERNEL="$T/cut.xz"
    refused 65 "QEMU_KERNEL=$T/twice is xz-compressed twice" 'unpack it before' QEMU_KERNEL="$T/twice"
    refused 65 "QEMU_KERNEL=$T/cut: its segment 0 extends beyond the file" 'link it' QEMU_KERNEL="$T/cut"
    # Its first segment has an address of 5 GiB.
    cp "$d/MULTIBOOT64" "$T/high"
    printf '\1' | dd of="$T/high" bs=1 seek=92 conv=notrunc status=none
    refused 65 "QEMU_KERNEL=$T/high: its segment 0 extends beyond 4 GiB of physical memory" 'link it' \
        QEMU_KERNEL="$T/high"
    refused 65 "QEMU_INITRD=$T/cut.xz is compressed and damaged: xz cannot unpack it" \
        'get a whole copy' QEMU_KERNEL="$d/MULTIBOOT" QEMU_INITRD="$d/MULTIBOOT a,$T/cut.xz b"
    refused 66 "QEMU_INITRD=$d/no,: No such file or directory" \
        'mount the file into the container' QEMU_KERNEL="$d/MULTIBOOT" QEMU_INITRD="$d/no,,"
}

@test "a multiboot header that QEMU cannot load is refused, and the field is named" {
    local k=$T/flat
    # field QEMU MESSAGE FIX NAME=VALUE...: QEMU is the message of QEMU itself; if it is empty, neither QEMU nor the
    # guest prints anything.
    field() {
        local qemu=$1 message=$2 fix=$3
        shift 3
        "$ROOT/tests/guests/kernel/build" FLAT "$k" "$@"
        chmod 644 "$k"
        refused 65 "QEMU_KERNEL=$k: its multiboot header has $message" "$fix" QEMU_KERNEL="$k"
        run timeout 2 qemu-system-x86_64 -m 64 -display none -net none -serial stdio -kernel "$k"
        refute_output --partial 'kernel login'
        assert_output --partial "$qemu"
    }
    field 'invalid load_addr' 'load_addr 0x100010 above header_addr 0x100000' 'set load_addr' LOAD_ADDR=header+16
    field 'invalid header_addr' 'header_addr 0x100000, 16 bytes behind load_addr, and only 0 bytes are before it in the file' \
        'set header_addr' LOAD_ADDR=header-16
    field 'invalid load_end_addr' 'load_end_addr 0xfffff below load_addr 0x100000' 'set it' LOAD_END_ADDR=header-1
    field 'fread() failed' "load_end_addr 0x200000, and the file ends at $(printf '0x%x' $((0x100000 + $(stat -c %s "$k"))))" \
        'get a whole copy' LOAD_END_ADDR=0x200000 BSS_END_ADDR=0x200000
    field 'invalid bss_end_addr' 'bss_end_addr 0x100010, and the loaded part ends at 0x1000c0' 'set it' \
        LOAD_END_ADDR=0x1000c0 BSS_END_ADDR=0x100010
    field '' 'entry_addr 0x1000 outside of the loaded part, 0x100000 to 0x100020' 'set entry_addr' \
        ENTRY_ADDR=0x1000 LOAD_END_ADDR=0x100020 BSS_END_ADDR=0

    "$ROOT/tests/guests/kernel/build" FLAT "$k" BSS_END_ADDR=0x8000001
    refused 78 "QEMU_RAM=64: QEMU_KERNEL=$k is loaded up to 129 MiB" 'raise QEMU_RAM' QEMU_KERNEL="$k" QEMU_RAM=64
    "$ROOT/tests/guests/kernel/build" FLAT "$k" BSS_END_ADDR=0xf0000000
    refused 78 "QEMU_RAM=64: QEMU_KERNEL=$k is loaded up to 3840 MiB, where QEMU_MACHINE=q35 has its devices" \
        'link the kernel for lower addresses' QEMU_KERNEL="$k" QEMU_RAM=64
    # Modules are loaded after the kernel.
    truncate -s 40M "$T/module"
    refused 78 "QEMU_RAM=64: QEMU_KERNEL=$BATS_FILE_TMPDIR/FLAT is loaded up to 82 MiB" 'raise QEMU_RAM' \
        QEMU_KERNEL="$BATS_FILE_TMPDIR/FLAT" QEMU_RAM=64 QEMU_INITRD="$T/module a,$T/module b"
}

@test "kernels for other boot loaders are refused with the loader's name; a kernel with both multiboot headers boots" {
    local d=$BATS_FILE_TMPDIR
    { head -c 8192 /dev/zero; printf '\210\213\114\337\060\335\261\307\173\360\224\241\203\350\202\012'; } >"$T/limine"
    refused 65 "QEMU_KERNEL=$T/limine is a kernel for the Limine boot loader: QEMU cannot boot it" \
        'put it into an ISO with Limine' QEMU_KERNEL="$T/limine"
    { printf MZ; head -c 58 /dev/zero; printf '\100\0\0\0PE\0\0'; head -c 999 /dev/zero; } >"$T/efi"
    refused 65 "QEMU_KERNEL=$T/efi is an EFI program (PE/COFF): QEMU cannot boot it" \
        'put it into an ISO or a disk as EFI/BOOT/BOOTX64.EFI, and boot that with QEMU_FIRMWARE=uefi' QEMU_KERNEL="$T/efi"
    # Of a large file only an ELF file can be made smaller.
    truncate -s 513M "$T/disk.img"
    printf '\125\252' | dd of="$T/disk.img" bs=1 seek=510 conv=notrunc status=none
    refused 65 "QEMU_KERNEL=$T/disk.img has more than 512 MiB" \
        'name a Linux bzImage, a multiboot 1 kernel or an ELF file with a PVH note; disks go to QEMU_DRIVE' \
        QEMU_KERNEL="$T/disk.img"
    cp "$d/MULTIBOOT64" "$T/large"
    truncate -s 513M "$T/large"
    refused 65 "QEMU_KERNEL=$T/large has more than 512 MiB" 'strip it' QEMU_KERNEL="$T/large"
    : >"$T/empty"
    refused 65 "QEMU_KERNEL=$T/empty is empty: QEMU cannot boot it" 'name a Linux bzImage' QEMU_KERNEL="$T/empty"

    { cat "$d/FLAT"; head -c 4096 /dev/zero; } | head -c 4096 >"$T/both"
    printf '\326\120\122\350\0\0\0\0\020\0\0\0\032\257\255\027' >>"$T/both"
    boot QEMU_KERNEL="$T/both" QEMU_APPEND='both'
    said 'multiboot: ' ' both' "kernel $T/both: a multiboot kernel"
    end
}

@test "in the image: GNU Mach and Linux boot by QEMU_KERNEL, in the sandbox and without privileges" {
    container mach "${SAFE[@]}" -v "$GUESTS:/guests:ro" -e QEMU_KERNEL=/guests/mach-mini/gnumach.gz \
        -e QEMU_APPEND=console=com0 -e "QEMU_INITRD=/guests/mach-mini/machsh $MACH_MODULE"
    container_ready "$C"
    run -0 docker exec "$C" vm exec version
    assert_output --partial 'GNU Mach 1.8'
    docker stop -t 60 "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 0

    container linux "${SAFE[@]}" -v "$GUESTS:/guests:ro" -e QEMU_KERNEL=/guests/linux-vmlinuz \
        -e QEMU_INITRD=/guests/linux-initrd -e QEMU_APPEND='console=ttyS0 no_timer_check quiet word="two words"' \
        -e QEMU_RAM=512
    container_ready "$C" 120
    logs_have "$C" 'kernel /guests/linux-vmlinuz: a Linux kernel'
    run -0 docker exec "$C" vm exec cat /proc/cmdline
    assert_output --partial 'console=ttyS0 no_timer_check quiet word="two words"'
    run -0 docker exec "$C" vm exec ls /sys/block
    refute_output --partial sd
    docker stop -t 60 "$C" >/dev/null
    wait_exit "$C"
    assert_equal "$STATUS" 0
}

@test "vm check, the log and vm status show what is booted" {
    local d=$BATS_FILE_TMPDIR bios=/usr/share/seabios/bios.bin
    # boots TEXT NAME=VALUE...
    boots() {
        local text=$1
        shift
        host_env VM_GUEST=generic "$@"
        run -0 vm check
        assert_line "vm: boot: $text"
        vm check --json | jq -e --arg text "$text" '.boot == $text'
    }
    cp "$MACH_MINI" "$T/disk.qcow2"
    printf '\001CD001' | dd of="$T/cd.iso" bs=1 seek=32768 status=none
    truncate -s 64K "$T/cd.iso"
    chmod 644 "$T/cd.iso" "$T/disk.qcow2"
    boots "kernel: $d/FLAT" QEMU_KERNEL="$d/FLAT" QEMU_DRIVE="$T/disk.qcow2"
    boots "firmware: VM_GUEST is neither hurd nor linux; it boots the disk $T/disk.qcow2" QEMU_DRIVE="$T/disk.qcow2"
    boots "firmware: it boots the disk $T/disk.qcow2, else the CD-ROM $T/cd.iso, else the network" \
        VM_BOOT=firmware QEMU_DRIVE="$T/disk.qcow2" QEMU_CDROM="$T/cd.iso" QEMU_BOOT_ORDER=cdn
    boots "firmware: it boots the CD-ROM $T/cd.iso" QEMU_DRIVE=none QEMU_CDROM="$T/cd.iso"
    boots "firmware: it boots a floppy disk (there is none), else the network" \
        QEMU_DRIVE=none QEMU_BOOT_ORDER=an
    boots "firmware: $bios" QEMU_DRIVE=none QEMU_BIOS="$bios"
    boots "firmware: $bios, with the disk $T/disk.qcow2" VM_BOOT=firmware QEMU_DRIVE="$T/disk.qcow2" QEMU_BIOS="$bios"

    host_vm VM_STOP_LADDER=none VM_READY=running QEMU_DRIVE=none QEMU_BIOS="$bios"
    wait_until 20 grep -q 'ready' "$T/out"
    said "boot: firmware: $bios"
    run -0 vm status
    assert_line --regexp "^boot +firmware: $bios\$"
    run -0 vm status --json
    jq -e --arg bios "$bios" '.boot == "firmware: " + $bios' <<<"$output"
    end
}

@test "unpacking: a stop ends it immediately, a missing program is reported, nothing stays in VM_TMP_DIR" {
    mkdir "$T/bin"
    printf '#!/bin/sh\necho $$ >%s\nexec sleep 1000\n' "$T/pid" >"$T/bin/gzip"
    chmod 755 "$T/bin/gzip"
    : >"$T/pid"
    chmod 666 "$T/pid"
    host_vm PATH="$T/bin:$PATH" QEMU_KERNEL="$BATS_FILE_TMPDIR/MULTIBOOT.gz"
    wait_until 20 test -s "$T/pid"
    kill -TERM "$VM_PID"
    host_vm_exit
    assert_equal "$STATUS" 0
    said 'MULTIBOOT.gz: stopped while it was unpacked'
    process_is_gone "$(cat "$T/pid")"

    rm "$T/bin/gzip"
    ln -s "$(command -v qemu-system-x86_64)" "$T/bin"
    host_env PATH="$T/bin" QEMU_KERNEL="$BATS_FILE_TMPDIR/MULTIBOOT.gz"
    run -69 "${ENV[@]}" "$VM" check
    assert_line --partial 'MULTIBOOT.gz is compressed, and gzip is not on PATH'

    host_env QEMU_KERNEL="$BATS_FILE_TMPDIR/MULTIBOOT64.gz" VM_TMP_DIR="$T/none"
    run -77 vm check
    assert_line --partial "VM_TMP_DIR=$T/none: QEMU_KERNEL=$BATS_FILE_TMPDIR/MULTIBOOT64.gz cannot be unpacked there"
    host_env QEMU_KERNEL="$BATS_FILE_TMPDIR/MULTIBOOT64.gz" VM_TMP_DIR="$T/images"
    run -0 vm args
    assert_line /proc/self/fd/20
    run -0 ls "$T/images"
    assert_output ''
}

@test "vm profile: the same guest booted by its kernel and by the GRUB on its disk" {
    mkdir "$T/images"
    cp "$MACH_MINI" "$T/images"
    host_env VM_GUEST=mach QEMU_DRIVE="$T/images/mach-mini.qcow2" QEMU_APPEND=console=com0 \
        QEMU_KERNEL="$GUESTS/mach-mini/gnumach.gz" \
        QEMU_INITRD="$GUESTS/mach-mini/machsh $MACH_MODULE"
    vm profile --cpus 1 --boot disk,kernel --samples 1 --warm-up 0 --out "$T/p" 2>"$T/progress"
    jq -e --arg kernel "$(sha256sum <"$GUESTS/mach-mini/gnumach.gz" | cut -d ' ' -f 1)" \
        '.run.kernel_sha256 == $kernel and (.files | keys == ["QEMU_INITRD"])' "$T/p/results.json"
    jq -e '.cells == ["cpu_1_disk", "cpu_1_kernel"] and .cpu_1_kernel.boot == "kernel" and
        .cpu_1_disk.boot == "disk" and .run.finished == 2' "$T/p/results.json"
    jq -e '(.cpu_1_kernel.samples[0].phases_ms | has("grub") | not) and
        (.cpu_1_kernel.samples[0].phases_ms | .kernel <= .modules and .modules <= .bootstrap and
            .bootstrap <= .login) and
        (.cpu_1_disk.samples[0].phases_ms | .grub != null and .grub <= .kernel)' "$T/p/results.json"
}
