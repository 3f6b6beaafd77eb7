# Kernel debugging: GDB, QEMU's own log and trace events, guests that fault or reset repeatedly.
load helpers

said() {
    grep -qF -- "$1" "$T/out"
}

health_says() {
    run vm health
    [ "$status" -eq 1 ] && [[ $output == *"$1"* ]]
}

# sector KIND [NAME=VALUE...]: a guest that is one boot sector (tests/guests/sector).
sector() {
    [ -f "$T/$1.qcow2" ] || "$ROOT/tests/guests/sector/build" "$1" "$T/$1.qcow2"
    chmod 666 "$T/$1.qcow2"
    host_vm VM_GUEST=generic QEMU_RAM=64 QEMU_NET=none VM_STOP_TIMEOUT=10 QEMU_DRIVE="$T/$1.qcow2" "${@:2}"
}

# gdb_start: start a gdb that controls the guest of GDB_PORT=$PORT and gets its commands from `gdb_does`; its output
# goes to $T/gdb.
gdb_start() {
    mkfifo "$T/commands"
    gdb -nx -q -ex 'set pagination off' -ex 'set confirm off' <"$T/commands" >"$T/gdb" 2>&1 3>&- &
    PIDS+=("$!")
    exec 9>"$T/commands"
    gdb_does "target remote 127.0.0.1:$PORT"
}

gdb_does() {
    printf '%s\n' "$@" 'echo --done--\n' >&9
    DONE=$((${DONE:-0} + 1))
    wait_until "${GDB_TIME:-30}" gdb_done
}

gdb_done() {
    [ "$(grep -c -- --done-- "$T/gdb")" -ge "$DONE" ]
}

@test "gdb breaks in GNU Mach by address, reads its code and registers, and continues it" {
    local kernel=$T/gnumach entry call start
    zcat "$GUESTS/mach-mini/gnumach.gz" >"$kernel"
    entry=$(readelf -hW "$kernel" | awk '/Entry point/ { print $4 }')
    # The call with which the boot code enters the kernel in the upper half.
    call=$(objdump -d --no-show-raw-insn -j .boot "$kernel" |
        sed -n 's/.*call.*0x\(ffffffff[0-9a-f]*\).*/0x\1/p; s/.*call *\(ffffffff[0-9a-f]*\).*/0x\1/p' | head -n 1)
    start=$(readelf -lW "$kernel" | awk '/LOAD/ && $3 ~ /^0xffffffff/ { print $3; exit }')
    [ -n "$call" ] && [ -n "$start" ]

    PORT=$(free_port)
    host_vm GDB_WAIT=1 GDB_PORT="$PORT"
    wait_until 30 said "the guest waits for a debugger on port $PORT"
    health_says "waits for a debugger on port $PORT"
    gdb -nx -batch -ex "target remote 127.0.0.1:$PORT" \
        -ex "hbreak *$entry" -ex continue -ex "x/32xb $entry" -ex 'p/x $eflags & 1' -ex 'delete' \
        -ex "hbreak *$call" -ex continue -ex 'p/x $rip' -ex "x/32xb $start" -ex 'p/x $cr0 & 0x80000001' \
        -ex 'delete' -ex detach >"$T/gdb" 2>&1
    cat "$T/gdb"
    grep -qE "^Breakpoint 2, .*$(printf '%016x' "$((call))")" "$T/gdb"
    grep -qF '= 0x80000001' "$T/gdb"
    # gdb has read the same bytes as the file has, at both places.
    code() { sed -n 's/^0x[0-9a-f]*[^:]*:\t*//p' "$T/gdb" | tr '\t' '\n' | sed 's/^0x//' | paste -sd '' ; }
    bytes() { dd if="$kernel" bs=1 skip=$(($1)) count=32 status=none | od -An -v -tx1 | tr -d ' \n'; }
    offset() { readelf -lW "$kernel" | awk -v a="$1" '/LOAD/ && $3 == a { print $2; exit }'; }
    assert_equal "$(code)" "$(bytes "$(offset "$(printf '0x%016x' "$entry")")")$(bytes "$(offset "$start")")"
    wait_until 60 vm health
    run -0 vm stop
}

@test "a kernel with symbols that is similar to xv6: functions, lines, variables, its shell's prompt" {
    cat >"$T/kernel.S" <<'END'
	.section .multiboot, "a"
	.long 0x1badb002, 0, -0x1badb002
	.text
	.globl _start, kmain, uartputc
_start:	mov $stack, %esp
	call kmain
1:	jmp 1b
kmain:	mov $text, %esi
2:	lodsb
	test %al, %al
	jz 3f
	call uartputc
	jmp 2b
3:	ret
uartputc:
	mov $0x3f8, %dx
	outb %al, %dx
	incl printed
	ret
text:	.asciz "ExoV6\ncpu0: starting\nsb: size 1000\ninit: starting sh\n$ "
	.bss
	.globl printed
printed: .long 0
	.skip 4096
stack:
END
    gcc -m32 -g -c -o "$T/kernel.o" "$T/kernel.S"
    ld -m elf_i386 -Ttext 0x100000 --section-start .multiboot=0xff000 -o "$T/kernel" "$T/kernel.o"
    PORT=$(free_port)
    host_vm VM_GUEST=exov6 QEMU_ARCH=i386 QEMU_KERNEL="$T/kernel" QEMU_NET=none GDB_WAIT=1 GDB_PORT="$PORT"
    wait_until 30 said 'waits for a debugger'
    run -0 gdb -nx -batch -ex "target remote 127.0.0.1:$PORT" -ex 'hbreak kmain' -ex continue -ex 'hbreak uartputc' \
        -ex continue -ex 'info line *$pc' -ex 'p/c $al' -ex 'watch (int)printed' -ex continue -ex 'p (int)printed' \
        -ex delete -ex detach "$T/kernel"
    assert_line --regexp '^Breakpoint 1, kmain \(\) at .*kernel.S:8$'
    assert_line --regexp '^Line 16 of ".*kernel.S" starts at address .* <uartputc>'
    assert_line "\$1 = 69 'E'"
    assert_line 'New value = 1'
    assert_line '$2 = 1'
    wait_until 30 vm health
    run -82 vm stop --now
}

@test "VM_BOOT_TIMEOUT does not run while a debugger holds the guest" {
    PORT=$(free_port)
    sector IDLE GDB_WAIT=1 GDB_PORT="$PORT" VM_READY=login VM_BOOT_TIMEOUT=4
    wait_until 30 said 'waits for a debugger'
    run vm wait --timeout 5
    assert_failure
    gdb_start
    gdb_does 'hbreak *0x7c00' continue 'p $pc' delete
    assert_equal "$(grep -c 'Breakpoint 1,' "$T/gdb")" 1
    run vm wait --timeout 5
    assert_failure
    health_says "paused, by a debugger on port $PORT or the monitor"
    gdb_does detach
    wait_until 30 vm health
    run -82 vm stop --now
}

@test "a stop does not wait for a debugger: while the guest waits for it, at a breakpoint, after gdb's kill" {
    PORT=$(free_port)
    host_vm GDB_WAIT=1 GDB_PORT="$PORT"
    wait_until 30 said 'waits for a debugger'
    kill -TERM "$VM_PID"
    host_vm_exit 20
    assert_equal "$STATUS" 0

    sector IDLE GDB_WAIT=1 GDB_PORT="$PORT"
    wait_until 30 said 'waits for a debugger'
    gdb_start
    gdb_does 'set breakpoint always-inserted on' 'hbreak *0x7c00' 'hbreak *0x7c0e' continue # the loop that prints
    kill -TERM "$VM_PID"
    host_vm_exit 20
    assert_equal "$STATUS" 82
    said 'the debugger has stopped the guest, so it cannot shut down and is cut off'
    exec 9>&-

    sector IDLE GDB_WAIT=1 GDB_PORT="$PORT"
    wait_until 30 said 'waits for a debugger'
    gdb -nx -batch -ex "target remote 127.0.0.1:$PORT" -ex 'hbreak *0x7c00' -ex continue -ex kill >"$T/gdb" 2>&1
    host_vm_exit 20
    assert_equal "$STATUS" 82
    said 'the debugger has ended QEMU'
}

@test "suspend: a guest held by a debugger is shut down instead; a suspended guest can be resumed under a debugger" {
    PORT=$(free_port)
    sector IDLE GDB_WAIT=1 GDB_PORT="$PORT" VM_STOP=suspend VM_STATE_DIR="$T/state" VM_STOP_TIMEOUT=3
    wait_until 30 said 'waits for a debugger'
    gdb -nx -batch -ex "target remote 127.0.0.1:$PORT" -ex 'hbreak *0x7c00' -ex continue -ex disconnect >"$T/gdb" 2>&1
    health_says paused
    vm stop || :
    host_vm_exit
    said 'a guest stopped by a debugger cannot be suspended'
    said 'stopping: ACPI power button'

    sector IDLE VM_READY=login VM_STOP=suspend VM_STATE_DIR="$T/state" VM_STOP_TIMEOUT=$((30 * PATIENCE))
    wait_until 30 vm health
    run -0 vm stop
    host_vm_exit
    sector IDLE VM_READY=login VM_STOP=suspend VM_STATE_DIR="$T/state" GDB_WAIT=1 GDB_PORT="$PORT"
    wait_until 30 said 'waits for a debugger'
    said 'resumed from'
    gdb -nx -batch -ex "target remote 127.0.0.1:$PORT" -ex 'x/1xb $pc - 1' -ex detach >"$T/gdb" 2>&1
    grep -qE ':.*0xf4$' "$T/gdb" # it is idle after its hlt
    wait_until 30 vm health
    run -82 vm stop --now
}

@test "QEMU's log is bounded: the oldest output is dropped, and a line says so" {
    host_vm QEMU_DEBUG=in_asm,int,cpu_reset QEMU_DEBUG_LOG_SIZE=1 QEMU_DEBUG_LOG_KEEP=2
    run -0 vm wait --timeout $((120 * PATIENCE))
    wait_until 30 said 'guest-errors.log has reached its bound: from now on the oldest is dropped'
    run -0 bash -c 'du -b "$1"/guest-errors.log* | awk "\$1 > 1048576"' - "$T/log"
    assert_output ''
    run -0 bash -c 'cd "$1" && echo guest-errors.log*' - "$T/log"
    assert_output 'guest-errors.log guest-errors.log.1 guest-errors.log.2'
    run -0 head -n 1 "$T/log/guest-errors.log.1"
    assert_output --regexp '^vm: \[full: [0-9]+ older files? of 1 MiB dropped so far; guest-errors.log.2 is the oldest kept\]$'
    grep -q '^IN:' "$T/log/guest-errors.log.1"
    run -0 vm status --json
    run -0 jq -e '.debug_log | .lost == 0 and .files_dropped > 0 and .bytes > 3e6' <<<"$output"
    run -82 vm stop --now
}

@test "unknown log items and trace events are refused, and the nearest name is suggested" {
    host_env QEMU_DEBUG=guest_errors,itn VM_TRACE='ide_statsu_read,pci_*,nothing_such_*'
    run vm check
    assert_failure 78
    assert_line 'vm: error: QEMU_DEBUG=guest_errors,itn: this QEMU has no item of -d itn'
    assert_line --partial 'fix: the nearest one is int;'
    assert_line --partial 'this QEMU has no trace event ide_statsu_read'
    assert_line --partial 'fix: the nearest one is ide_status_read;'
    assert_line --partial 'this QEMU has no trace event nothing_such_*'
    refute_line --partial 'trace event pci_'
    host_env QEMU_DEBUG=tid
    run vm check
    assert_failure 78
    assert_line --partial 'leave tid out'
    host_env VM_TRACE="$T/none"
    run vm check
    assert_failure 66
    assert_line "vm: error: VM_TRACE=$T/none: No such file or directory"
}

@test "trace events go to the same log: by name, by pattern, from a file, and from the monitor" {
    sector COUNT VM_TRACE='ahci_reset_port,ahci_cmd_*' QEMU_DEBUG=none
    wait_until 30 grep -q 'boot number' "$T/log/console.log"
    wait_until 10 grep -q '^ahci_reset_port ' "$T/log/guest-errors.log"
    grep -q '^ahci_cmd_done ' "$T/log/guest-errors.log"
    run ! grep -q '^CPU Reset' "$T/log/guest-errors.log"
    run -0 vm monitor trace-event pci_cfg_write on
    run -0 vm monitor log cpu_reset
    run -0 vm reset
    wait_until 10 grep -q '^CPU Reset' "$T/log/guest-errors.log"
    wait_until 10 grep -q '^pci_cfg_write ' "$T/log/guest-errors.log"
    run -82 vm stop --now

    echo 'pci_cfg_read' >"$T/events"
    rm "$T/log/guest-errors.log"
    sector COUNT VM_TRACE="$T/events" QEMU_DISK_BUS=ide QEMU_MACHINE=pc
    wait_until 30 grep -q '^pci_cfg_read ' "$T/log/guest-errors.log"
    run -82 vm stop --now
}

# Output from before a reset arrives after the event of the reset, and must not count as the new boot's.
@test "vm reset of a guest that prints continuously is neither its end, nor a fault, nor a reset loop" {
    local times # bats has its own $i
    sector FLOOD
    wait_until 30 vm health
    for times in $(seq 20); do
        run -0 vm reset
        wait_until 30 reset_times "$times"
        wait_until 30 vm health
    done
    # PID 1 may get the events late: that of the reset, and that of the firmware's own reset after it.
    for times in $(seq 21 26); do
        vm reset 3>&- &
        sleep "0.0$((times % 6))"
        kill -STOP "$VM_PID"
        sleep 1
        kill -CONT "$VM_PID"
        wait "$!"
        wait_until 30 reset_times "$times"
        wait_until 30 vm health
    done
    run ! grep -q 'panicked' "$T/out"
    run -82 vm stop --now
}

reset_times() { [ "$(grep -c 'vm: the machine was reset' "$T/out")" -ge "$1" ]; }

@test "a triple fault: its address and the registers are reported, and the machine is kept for gdb" {
    sector FAULT
    host_vm_exit 30
    assert_equal "$STATUS" 80
    run -0 grep -o 'triple fault at EIP=00007c1f' "$T/out"
    said 'vm:   | CR0=00000010 CR2=00000000'
    run ! grep -qE 'FCW|XMM' "$T/out"

    PORT=$(free_port)
    sector FAULT VM_ON_PANIC=pause GDB=1 GDB_PORT="$PORT"
    wait_until 30 said 'the guest is paused (VM_ON_PANIC)'
    health_says 'the guest panicked'
    gdb -nx -batch -ex "target remote 127.0.0.1:$PORT" -ex 'p/x $pc' -ex 'x/1xb 0x7c1f' -ex detach >"$T/gdb" 2>&1
    grep -qF '= 0x7c1f' "$T/gdb"
    grep -qE '0x7c1f:.*0xcc$' "$T/gdb"
    run vm stop
    assert_failure 80
}

@test "a machine that resets repeatedly is in a reset loop: reported, and ended like a panic" {
    sector RESET VM_ON_REBOOT=restart
    host_vm_exit 60
    assert_equal "$STATUS" 80
    run -0 grep 'the guest panicked' "$T/out"
    assert_output --regexp 'its machine was reset 16 times in [0-9]+ s without coming to any phase$'
    rm -r "$T/log"
    # Immediately, before anything is printed: by a triple fault.
    sector QUIETFAULT VM_ON_REBOOT=restart
    host_vm_exit 60
    assert_equal "$STATUS" 80
    run -0 grep 'the guest panicked' "$T/out"
    assert_output --regexp 'its machine was reset 1[56] times in [0-9]+ s without coming to any phase; last by a triple fault at EIP=00007c11: '
}

# bats test_tags=ui
@test "VM_DISPLAY: the guest's screen in a window of an X11 display, in the sandbox" {
    local ui
    x11
    for ui in gtk sdl; do
        window "$ui"
        run -0 vm stop
    done
    host_vm VM_DISPLAY=gtk DISPLAY=:9999
    host_vm_exit 30
    assert_equal "$STATUS" 69
    said 'fix: DISPLAY must name an X11 display whose socket is in /tmp/.X11-unix'
}

# bats test_tags=ui
@test "QEMU_GL: the window is drawn by OpenGL (Mesa's llvmpipe), and the guest's card has OpenGL" {
    local ui
    x11
    for ui in gtk sdl; do
        window "$ui" QEMU_GL=on
        run -0 vm monitor info qtree
        assert_output --partial 'dev: virtio-vga-gl,'
        run -0 vm stop
    done
}

@test "QEMU_GL and the card virtio-gl need each other, and a window" {
    host_env QEMU_GL=on
    run -78 vm check
    assert_output --partial 'QEMU_GL=on without a window'
    host_env QEMU_VGA=virtio-gl VM_DISPLAY=sdl DISPLAY=:1
    run -78 vm check
    assert_output --partial 'QEMU_VGA=virtio-gl without QEMU_GL'
    host_env QEMU_GL=venus QEMU_VGA=std VM_DISPLAY=sdl DISPLAY=:1
    run -78 vm check
    assert_output --partial 'QEMU_GL=venus: only the card virtio-gl has Vulkan'
    host_env QEMU_GL=venus VM_DISPLAY=sdl DISPLAY=:1
    run -0 vm args
    assert_line --partial 'virtio-vga-gl,hostmem=1G,blob=on,venus=on'
    assert_line --partial 'spawn=allow'
}

# window TOOLKIT [NAME=VALUE...]: a guest whose screen is shown in a window.
window() {
    host_vm VM_DISPLAY="$1" DISPLAY="$DISPLAY" "${@:2}"
    run -0 vm wait --timeout $((60 * PATIENCE))
    wait_until 20 window_of_the_guest
    wait_until 20 window_has_a_picture
}

window_of_the_guest() {
    WINDOW=$(DISPLAY=$DISPLAY xwininfo -root -tree | awk '/"QEMU \(mach/ { print $1; exit }')
    [ -n "$WINDOW" ]
}

# Text in the grey of a VGA card.
window_has_a_picture() {
    DISPLAY=$DISPLAY xwd -silent -id "$WINDOW" | LC_ALL=C grep -qaP '(\xa8\xa8\xa8[\x00\xff]){2}|(\xaa\xaa\xaa[\x00\xff]){2}'
}

@test "the compose file for X11 is accepted by both generations of compose" {
    cd "$ROOT"
    for compose in docker-compose 'docker compose'; do
        run -0 $compose -f docker-compose.yml -f docker-compose.x11.yml config
        assert_output --partial '/tmp/.X11-unix'
        assert_output --partial 'VM_DISPLAY: gtk'
    done
}

# The first messages to a VNC viewer (RFC 6143, 7.1 to 7.3): version, kinds of security, and without a password the
# screen's size and name.
rfb() {
    python3 - "$1" <<'END'
import socket, struct, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
f = s.makefile("rwb", 0)
print(f.read(12).decode().strip())
s.sendall(b"RFB 003.008\n")
kinds = f.read(f.read(1)[0])
print("security", *kinds)
if 1 in kinds:
    s.sendall(b"\1")
    print("result", struct.unpack(">I", f.read(4))[0])
    s.sendall(b"\1")
    width, height = struct.unpack(">HH", f.read(4))
    f.read(16)
    print("screen", width, height, f.read(struct.unpack(">I", f.read(4))[0]).decode())
END
}

@test "VNC: the screen with and without a password" {
    PORT=$(python3 -c 'import random; print(random.randrange(5910, 6900))')
    sector IDLE ENABLE_VNC=1 VNC_PORT="$PORT" VM_FORCE=1 VM_READY=login
    wait_until 30 vm health
    run -0 rfb "$PORT"
    assert_line --regexp '^RFB 003\.'
    assert_line --regexp '^screen 720 400 QEMU'
    run -82 vm stop --now
    host_vm_exit || :
    echo secret >"$T/password"
    sector IDLE ENABLE_VNC=1 VNC_PORT="$PORT" VNC_PASSWORD_FILE="$T/password" VM_READY=login
    wait_until 30 vm health
    run -0 rfb "$PORT"
    assert_line 'security 2'
    run -82 vm stop --now
}
