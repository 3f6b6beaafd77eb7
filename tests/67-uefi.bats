# UEFI: QEMU_FIRMWARE, the files of the package ovmf, and where a guest's UEFI variables are kept.
load helpers
bats_require_minimum_version 1.5.0

CODE=/usr/share/OVMF/OVMF_CODE_4M.fd
GUID=12345678-93ca-11d2-aa0d-00e098032b8c # a vendor GUID that nothing else uses

# An empty disk.
disk() {
    mkdir -p "$T/images"
    chmod 777 "$T" "$T/images"
    DISK=$T/images/disk.qcow2
    qemu-img create -q -f qcow2 "$DISK" 64M
    chmod 666 "$DISK"
}

# shell NAME=VALUE...: UEFI's own shell, on an empty disk.
shell() {
    rm -rf "$T/run"
    host_vm VM_GUEST=generic QEMU_RAM=256 QEMU_NET=none QEMU_ACCEL=tcg VM_READY=running QEMU_DRIVE="$DISK" \
        QEMU_FIRMWARE=uefi "$@"
    wait_until 20 grep -q 'ready: ' "$T/out"
    vm expect --timeout $((60 * PATIENCE)) 'Shell>'
}

# types LINE: the last character stays in the serial port until another one comes.
types() {
    vm send --enter "$1"
    sleep 1
    vm send --enter
}

# sees TEXT: the shell shows the four bytes of the variable as TEXT. vm expect is started before the command is
# typed.
sees() {
    local waiter
    vm expect --timeout $((30 * PATIENCE)) "00000000: $1" 3>&- &
    waiter=$!
    PIDS+=("$waiter")
    # shellcheck disable=SC2016 # for eval
    wait_until 10 eval '[ "$(vm status --json | jq .console.clients)" -ge 1 ]'
    types "dmpstore -guid $GUID"
    wait "$waiter"
}

sets() {
    types "setvar kept -guid $GUID -nv -bs =0x$1"
}

ends() {
    types 'reset -s' || true # it may have ended already
    host_vm_exit 60
    assert_equal "$STATUS" 0
}

@test "a variable is kept beside the disk and in snapshots; a throwaway disk does not change it" {
    disk
    shell
    grep -q "firmware: UEFI, $CODE; the guest's variables are kept in $DISK.vars (new)" "$T/out"
    assert_equal "$(stat -c %s "$DISK.vars")" "$(stat -c %s /usr/share/OVMF/OVMF_VARS_4M.fd)"
    sets 41424344
    sees '44 43 42 41'
    vm snapshot save one
    sets 51525354
    sees '54 53 52 51'
    vm snapshot load one
    sees '44 43 42 41'
    sets 61626364
    sees '64 63 62 61'
    ends

    sum=$(sha256sum <"$DISK.vars")
    shell QEMU_DISK_MODE=throwaway
    grep -q "the guest's variables are not kept" "$T/out"
    sees '64 63 62 61'
    sets 71727374
    sees '74 73 72 71'
    ends
    assert_equal "$(sha256sum <"$DISK.vars")" "$sum"

    # The variables of an overlay begin as a copy of the image's, and are deleted with the overlay.
    shell QEMU_DISK_MODE=overlay
    sees '64 63 62 61'
    ends
    [ -e "$DISK.overlay.vars" ]
    vm overlay reset
    [ ! -e "$DISK.overlay.vars" ]
}

@test "a suspended guest is resumed with its variables" {
    disk
    shell VM_STOP=suspend VM_STATE_DIR="$T/states"
    sets 41424344
    sees '44 43 42 41'
    kill -TERM "$VM_PID"
    host_vm_exit 60
    assert_equal "$STATUS" 0
    host_vm VM_GUEST=generic QEMU_RAM=256 QEMU_NET=none QEMU_ACCEL=tcg VM_READY=running QEMU_DRIVE="$DISK" \
        QEMU_FIRMWARE=uefi VM_STOP=suspend VM_STATE_DIR="$T/states"
    wait_until 20 grep -q 'resumed' "$T/out"
    sees '44 43 42 41'
    ends
}

@test "Linux is entered by its EFI stub: QEMU_KERNEL under UEFI" {
    host_vm VM_GUEST=linux QEMU_RAM=512 QEMU_NET=none QEMU_ACCEL=tcg QEMU_FIRMWARE=uefi \
        QEMU_KERNEL="$GUESTS/linux-vmlinuz" QEMU_INITRD="$GUESTS/linux-initrd" \
        QEMU_APPEND='console=ttyS0 no_timer_check quiet'
    vm wait --timeout $((150 * PATIENCE))
    run -0 vm exec 'dmesg | grep -i efi:'
    assert_output --partial 'EDK II'
    kill -TERM "$VM_PID"
    host_vm_exit 60
    assert_equal "$STATUS" 0
}

# refused STATUS MESSAGE FIX NAME=VALUE...
refused() {
    local status=$1 message=$2 fix=$3
    shift 3
    host_env VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none QEMU_ACCEL=tcg "$@"
    run "-$status" vm check
    assert_line --partial "vm: error: $message"
    assert_line --partial "$fix"
    assert_equal "$(grep -c ': error: ' <<<"$output")" 1
}

@test "files that are not a code volume, and settings that cannot be used with UEFI" {
    disk
    local d=(QEMU_DRIVE="$DISK") none=(QEMU_DRIVE=none)
    refused 78 'QEMU_FIRMWARE=efi is neither bios nor uefi' 'fix: set QEMU_FIRMWARE=uefi' "${d[@]}" QEMU_FIRMWARE=efi
    refused 66 'QEMU_FIRMWARE: the code volume /no/such: No such file' 'correct QEMU_FIRMWARE' "${d[@]}" \
        QEMU_FIRMWARE=/no/such
    refused 65 'QEMU_FIRMWARE=/etc/passwd is no UEFI firmware volume' 'QEMU_BIOS' "${none[@]}" QEMU_FIRMWARE=/etc/passwd
    refused 65 "QEMU_FIRMWARE=/usr/share/OVMF/OVMF_VARS_4M.fd holds UEFI's variables" 'OVMF_CODE_4M.fd for' "${none[@]}" \
        QEMU_FIRMWARE=/usr/share/OVMF/OVMF_VARS_4M.fd
    refused 65 "QEMU_FIRMWARE=/usr/share/ovmf/OVMF.fd holds UEFI's code and variables in one file" 'give this file to QEMU_BIOS' \
        "${none[@]}" QEMU_FIRMWARE=/usr/share/ovmf/OVMF.fd
    refused 66 'QEMU_FIRMWARE=uefi: there is no UEFI firmware here for qemu-system-i386' 'leave QEMU_ARCH unset' \
        "${none[@]}" QEMU_FIRMWARE=uefi QEMU_ARCH=i386
    refused 78 'QEMU_FIRMWARE=uefi with QEMU_BIOS' 'leave one of them unset' "${none[@]}" QEMU_FIRMWARE=uefi \
        QEMU_BIOS=/usr/share/seabios/bios-256k.bin
    refused 78 'QEMU_FIRMWARE=uefi with QEMU_MACHINE=isapc' 'QEMU_MACHINE=q35' "${none[@]}" QEMU_FIRMWARE=uefi \
        QEMU_MACHINE=isapc
    refused 78 'QEMU_FIRMWARE=uefi with the built-in guest' 'QEMU_DRIVE=none' QEMU_FIRMWARE=uefi VM_IMAGE_DIR="$T"
    refused 78 'QEMU_FIRMWARE=uefi with VM_BOOT=direct' 'leave one of them unset' "${d[@]}" QEMU_FIRMWARE=uefi VM_BOOT=direct
    refused 78 "QEMU_KERNEL=$GUESTS/mach-mini/gnumach.gz: with UEFI, QEMU starts a Linux bzImage or Image only" \
        'leave QEMU_FIRMWARE unset' "${none[@]}" QEMU_FIRMWARE=uefi QEMU_KERNEL="$GUESTS/mach-mini/gnumach.gz"

    cp "$CODE" "$T/OVMF_CODE_4M.fd"
    refused 66 "QEMU_FIRMWARE: the variables that belong to it $T/OVMF_VARS_4M.fd: No such file" \
        'put the file that came with the code volume there' "${none[@]}" QEMU_FIRMWARE="$T/OVMF_CODE_4M.fd"
    truncate -s 9M "$T/OVMF_CODE_4M.fd"
    cp /usr/share/OVMF/OVMF_VARS_4M.fd "$T"
    refused 65 "QEMU_FIRMWARE: $T/OVMF_CODE_4M.fd of 9437184 bytes and variables of 540672 do not fit" \
        'one build of UEFI' "${none[@]}" QEMU_FIRMWARE="$T/OVMF_CODE_4M.fd"

    truncate -s 131072 "$DISK.vars"
    chmod 666 "$DISK.vars"
    refused 65 "$DISK.vars of 131072 bytes holds no UEFI variables" 'move it away' "${d[@]}" QEMU_FIRMWARE=uefi
    cp /usr/share/OVMF/OVMF_VARS.fd "$DISK.vars"
    refused 65 "$DISK.vars has 131072 bytes, and the variables of $CODE have 540672" 'move it away' "${d[@]}" \
        QEMU_FIRMWARE=uefi
}

@test "a code volume as QEMU_BIOS: the fix names QEMU_FIRMWARE; a single file with code and variables works as QEMU_BIOS" {
    refused 65 "QEMU_BIOS=$CODE is UEFI's code volume for flash memory" 'name it in QEMU_FIRMWARE instead' QEMU_DRIVE=none \
        QEMU_BIOS="$CODE"
    refused 65 'QEMU_BIOS=/usr/share/OVMF/OVMF_VARS_4M.fd' 'set QEMU_FIRMWARE=uefi' QEMU_DRIVE=none \
        QEMU_BIOS=/usr/share/OVMF/OVMF_VARS_4M.fd
    host_vm VM_GUEST=generic QEMU_RAM=256 QEMU_NET=none QEMU_ACCEL=tcg VM_READY=running QEMU_DRIVE=none \
        QEMU_BIOS=/usr/share/ovmf/OVMF.fd
    wait_until 20 grep -q 'ready: ' "$T/out"
    vm expect --timeout $((60 * PATIENCE)) 'Shell>'
    ends
}

@test "aarch64: the flash memory is padded, the variables begin empty and are kept" {
    disk
    local arm=(QEMU_ARCH=aarch64)
    shell "${arm[@]}"
    grep -q "firmware: UEFI, /usr/share/qemu-efi-aarch64/QEMU_EFI.fd; the guest's variables are kept in $DISK.vars (new)" \
        "$T/out"
    assert_equal "$(stat -c %s "$DISK.vars")" 67108864
    [ "$(du -k "$DISK.vars" | cut -f 1)" -lt 2048 ]
    sets 41424344
    sees '44 43 42 41'
    ends
    shell "${arm[@]}"
    grep -q "the guest's variables are kept in $DISK.vars\$" "$T/out"
    sees '44 43 42 41'
    ends
    refused 78 'QEMU_ARCH=riscv64 with QEMU_FIRMWARE' 'leave QEMU_FIRMWARE unset' QEMU_ARCH=riscv64 QEMU_DRIVE="$DISK" \
        QEMU_FIRMWARE=uefi
    head -c 65M /dev/zero >"$T/large.fd"
    dd if=/usr/share/qemu-efi-aarch64/QEMU_EFI.fd of="$T/large.fd" conv=notrunc status=none
    refused 65 "QEMU_FIRMWARE: $T/large.fd has 68157440 bytes, and the machine's flash memory 67108864" \
        'one build of UEFI' "${arm[@]}" QEMU_DRIVE="$DISK" QEMU_FIRMWARE="$T/large.fd"
}

@test "a guest without a disk that has only UEFI's variables written is cut off with status 0" {
    shell QEMU_DRIVE=none
    kill -TERM "$VM_PID"
    host_vm_exit 60
    assert_equal "$STATUS" 0
    grep -q 'has written nothing to its disk: there is nothing to lose' "$T/out"
    refute grep -q 'was cut off' "$T/out"
}

@test "the image has one build of UEFI; without it the error names the package" {
    local run=(docker run --rm --network none -e QEMU_DRIVE=none -e VM_GUEST=generic -e QEMU_NET=none
        -e QEMU_ACCEL=tcg -e QEMU_FIRMWARE=uefi)
    run -0 "${run[@]}" "$IMAGE" check
    assert_line --regexp 'firmware: UEFI, /usr/share/OVMF/OVMF_CODE.*; the guest.s variables are not kept'
    run -0 docker run --rm --network none --entrypoint sh "$IMAGE" -c 'ls /usr/share/OVMF | wc -l'
    assert_output 2
    run -66 "${run[@]}" --tmpfs /usr/share/OVMF "$IMAGE" check
    assert_line 'vm: error: QEMU_FIRMWARE=uefi: there is no UEFI firmware here for qemu-system-x86_64'
    assert_line --partial 'install the package ovmf (Debian and Alpine)'
}
