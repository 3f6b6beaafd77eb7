# The linux test guest without our program: it boots with the machines, buses and network cards on which the other
# tests use it, and has the services that they need.
#
# Three guests run for the whole file, each on an overlay of its own:
#   q35     AHCI, e1000, 9p; through GRUB
#   pc      IDE, virtio-net; through GRUB
#   direct  q35, virtio-scsi, rtl8139, pvpanic; kernel and initramfs given to QEMU
bats_require_minimum_version 1.5.0
load helpers

setup_file() {
    local g
    mkdir "$BATS_FILE_TMPDIR/share"
    echo 'from the host' >"$BATS_FILE_TMPDIR/share/host"
    for g in q35 pc direct; do start "$g"; done
    for g in q35 pc direct; do
        # QEMU 7.2 alone has been seen to hang while Linux looked for SCSI disks, once in several hundred boots.
        # This file tests the guest, so in that case QEMU is started a second time.
        comes_up "$g" || { echo "# $g stands still; once more" >&3; end "$g"; start "$g"; comes_up "$g"; } || {
            tail -n 20 "$BATS_FILE_TMPDIR/$g"/{qemu.out,console.log} >&2
            return 1
        }
        serial "$g" send:root 'expect:linux# ' >/dev/null
        # The DHCP lease can take some time; /etc/resolv.conf is the last file that it changes.
        wait_until 60 shell_has "$g" 'cat /etc/resolv.conf' nameserver
    done
    # The services that the forwards lead to, which start beside the login.
    wait_until 60 guest_ssh true
    wait_until 60 index_page
}

teardown_file() {
    local g
    for g in q35 pc direct; do end "$g"; done
}

# start GUEST: start one of the three.
start() {
    case $1 in
        q35)
            boot q35 -machine q35 -device ide-hd,drive=disk -nic "$(forwards e1000)" \
                -virtfs "local,path=$BATS_FILE_TMPDIR/share,mount_tag=scripts,security_model=none"
            ;;
        pc) boot pc -machine pc -device ide-hd,drive=disk,bus=ide.0 -nic user,model=virtio-net-pci ;;
        direct)
            boot direct -machine q35 -device virtio-scsi-pci -device scsi-hd,drive=disk \
                -nic user,model=rtl8139,net=192.168.77.0/24,dns=192.168.77.5,dnssearch=example.test \
                -device pvpanic -kernel "$GUESTS/linux-vmlinuz" -initrd "$GUESTS/linux-initrd" \
                -append 'console=ttyS0 no_timer_check'
            ;;
    esac
}

end() {
    end_process "$(cat "$BATS_FILE_TMPDIR/$1/pid")"
    rm -rf "${BATS_FILE_TMPDIR:?}/$1.gone"
    mv "$BATS_FILE_TMPDIR/$1" "$BATS_FILE_TMPDIR/$1.gone"
}

comes_up() {
    wait_until 80 console_has "$1" 'linux login: '
}

# A user network that forwards free ports of this machine to the guest's services.
forwards() {
    local port nic=user,model=$1 p
    for port in tcp:22 tcp:80 udp:7777; do
        p=$(free_port)
        echo "$p" >"$BATS_FILE_TMPDIR/port-${port#*:}"
        nic+=",hostfwd=${port%:*}:127.0.0.1:$p-:${port#*:}"
    done
    echo "$nic"
}

port() { cat "$BATS_FILE_TMPDIR/port-$1"; }

# boot NAME QEMU-ARGUMENTS...: boot a guest in the background; a directory of that name gets the disk, the sockets
# serial and monitor, console.log and pid.
boot() {
    local dir=$BATS_FILE_TMPDIR/$1
    shift
    mkdir "$dir"
    qemu-img create -q -f qcow2 -F qcow2 -b "$GUESTS/linux.qcow2" "$dir/disk.qcow2"
    qemu-system-x86_64 -accel tcg -cpu max -m 512 -display none -no-reboot \
        -drive "file=$dir/disk.qcow2,format=qcow2,if=none,id=disk" -serial chardev:serial \
        -chardev "socket,id=serial,path=$dir/serial,server=on,wait=off,logfile=$dir/console.log" \
        -monitor "unix:$dir/monitor,server=on,wait=off" "$@" </dev/null >"$dir/qemu.out" 2>&1 3>&- &
    echo $! >"$dir/pid"
    wait_until 10 test -S "$dir/serial"
}

# serial GUEST STEP...: a conversation with a guest; see tests/guests/serial.
serial() {
    "$ROOT/tests/guests/serial" "$BATS_FILE_TMPDIR/$1/serial" talk "${@:2}"
}

# shell GUEST COMMAND: the output of a command on the console.
shell() {
    serial "$1" "send:$2; echo \"status:\$?\"" "expect:status:\$?" expect:status: 'expect:linux# ' |
        tr -d '\r'
}

shell_has() { shell "$1" "$2" | grep -q "^$3"; }

index_page() {
    socat -t 60 - "TCP:127.0.0.1:$(port 80)" <<<$'GET / HTTP/1.0\r\n\r' | grep 'HTTP/1.1 200 OK'
}

console_has() { grep -qaF -- "$2" "$BATS_FILE_TMPDIR/$1/console.log"; }

assert_off() {
    wait_until 30 process_is_gone "$(cat "$BATS_FILE_TMPDIR/$1/pid")"
}

# Copy the guest's /data to a file, whose name is put into DATA.
take_data() {
    DATA=$T/data.img
    qemu-img dd -f qcow2 -O raw bs=1M skip=97 count=512 "if=$BATS_FILE_TMPDIR/$1/disk.qcow2" "of=$DATA"
}

guest_ssh() {
    ssh -i "$GUESTS/linux-key" -p "$(port 22)" -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=60 \
        root@127.0.0.1 "$@"
}

comes_back() { socat -b 2000 -t 1 - "UDP:127.0.0.1:$(port 7777)" <"$1" | cmp - "$1"; }

@test "every disk bus provides /data, writable, and every network card gets an address" {
    local g
    for g in q35 pc direct; do
        run shell "$g" 'touch /data/x && grep " /data ext4 rw" /proc/mounts; ip -4 addr show eth0'
        assert_output --partial '/data ext4 rw'
        assert_output --partial "inet $([ "$g" = direct ] && echo 192.168.77.15 || echo 10.0.2.15)/24"
    done
    run shell direct 'cat /etc/resolv.conf'
    assert_line 'search example.test'
    assert_line 'nameserver 192.168.77.5'
}

@test "ssh accepts the key, returns output and status, and accepts nothing else" {
    run -0 guest_ssh 'uname -n; id -u'
    assert_output $'linux\n0'
    run -7 guest_ssh 'exit 7'
    run -255 guest_ssh -o PubkeyAuthentication=no true
    assert_output --partial 'Permission denied'
}

@test "httpd answers with the index page" {
    run socat -t 60 - "TCP:127.0.0.1:$(port 80)" <<<$'GET / HTTP/1.0\r\n\r'
    assert_line --partial 'HTTP/1.1 200 OK'
    assert_output --partial 'The linux test guest.'
}

@test "the UDP echo returns what it received" {
    head -c 1000 /dev/urandom >"$T/sent"
    wait_until 20 comes_back "$T/sent"
}

@test "9p: host and guest read each other's files" {
    run -0 guest_ssh 'cat /mnt/share/host && echo "from the guest" >/mnt/share/guest'
    assert_output 'from the host'
    run cat "$BATS_FILE_TMPDIR/share/guest"
    assert_output 'from the guest'
}

@test "the power button unmounts /data and powers down" {
    guest_ssh 'head -c 3000000 /dev/urandom | tee /data/file | sha256sum' >"$T/sum"
    echo system_powerdown | socat -t 60 - "UNIX-CONNECT:$BATS_FILE_TMPDIR/q35/monitor" >/dev/null
    assert_off q35
    console_has q35 'linux: power button pressed'
    console_has q35 'linux: /data is unmounted'
    console_has q35 'reboot: Power down'
    take_data q35
    run -0 /sbin/e2fsck -fn "$DATA"
    assert_equal "$(/sbin/debugfs -R 'cat /file' "$DATA" 2>/dev/null | sha256sum)" "$(cat "$T/sum")"
}

@test "reboot unmounts /data and resets the machine" {
    serial pc send:reboot 'expect:reboot: Restarting system' >/dev/null
    assert_off pc
    console_has pc 'linux: /data is unmounted'
    take_data pc
    run -0 /sbin/e2fsck -fn "$DATA"
}

@test "a panic is visible on the console and through pvpanic, and leaves a journal to be replayed" {
    serial direct 'send:sync; echo c >/proc/sysrq-trigger' 'expect:Kernel panic - not syncing' >/dev/null
    assert_off direct
    take_data direct
    run /sbin/dumpe2fs -h "$DATA"
    assert_output --partial needs_recovery
}
