#!/bin/sh
# entrypoint.sh - a shell script in place of /init, for comparison: settings, image, KVM and memory are
# checked with the usual commands, then QEMU is started with the command line of the papers
# (hurd-qemu-configuration.md). `make bench` times it against /init; nothing else uses it.
# It does those checks of /init that a shell can do, with as few processes as possible. A shell cannot run code under
# KVM, hold on to a checked file, drop capabilities, or listen on a port. The variable QEMU names the emulator.
set -eu

errors=
error() { errors="$errors
entrypoint: error: $*"; }

# --- settings ----------------------------------------------------------------------------------
: "${QEMU_DRIVE:=${VM_IMAGE_DIR:=/opt/hurd-image}/debian-hurd-amd64.qcow2}"
: "${QEMU_RAM:=4096}" "${QEMU_SMP:=2}" "${QEMU_MACHINE:=pc}" "${QEMU_CPU:=}" "${QEMU_ACCEL:=auto}"
: "${QEMU_NET_MODEL:=e1000}" "${QEMU_HOSTFWDS:=tcp:2222:22,tcp:8080:80}" "${VM_BIND:=127.0.0.1}"
: "${SERIAL_PORT:=5555}" "${MONITOR_PORT:=9999}" "${ENABLE_9P:=0}" "${ENABLE_VNC:=0}"
: "${SHARE_DIR:=/share}" "${VM_LOG_DIR:=/var/log/qemu}" "${VM_RUN_DIR:=/run/vm}"

number() { # NAME VALUE MIN MAX
    case $2 in ''|*[!0-9]*) error "$1=$2 is not a number"; return ;; esac
    if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then error "$1=$2: must be from $3 to $4"; fi
}
one_of() { # NAME VALUE CHOICE...
    name=$1 value=$2; shift 2
    for choice; do [ "$choice" != "$value" ] || return 0; done
    error "$name=$value: must be one of $*"
}
number QEMU_RAM "$QEMU_RAM" 1 4194304
number QEMU_SMP "$QEMU_SMP" 1 128
number SERIAL_PORT "$SERIAL_PORT" 1 65535
number MONITOR_PORT "$MONITOR_PORT" 1 65535
one_of QEMU_ACCEL "$QEMU_ACCEL" auto kvm tcg
one_of QEMU_NET_MODEL "$QEMU_NET_MODEL" e1000 e1000e rtl8139 virtio-net-pci ne2k_pci pcnet
one_of ENABLE_9P "$ENABLE_9P" 0 1
one_of ENABLE_VNC "$ENABLE_VNC" 0 1

known=' QEMU_DRIVE QEMU_RAM QEMU_SMP QEMU_MACHINE QEMU_CPU QEMU_ACCEL QEMU_NET_MODEL QEMU_HOSTFWDS'
known="$known VM_BOOT VM_IMAGE_DIR VM_BIND VM_LOG_DIR VM_RUN_DIR VM_TMP_DIR VM_QEMU VM_UID VM_GID "
for name in $(env | sed -n 's/^\(QEMU_[A-Z0-9_]*\|VM_[A-Z0-9_]*\)=.*/\1/p'); do
    case $known in *" $name "*) ;; *) error "$name is not a setting" ;; esac
done

# --- the image ---------------------------------------------------------------------------------
if [ ! -f "$QEMU_DRIVE" ]; then
    error "QEMU_DRIVE=$QEMU_DRIVE: no such file"
elif [ ! -r "$QEMU_DRIVE" ] || [ ! -w "$QEMU_DRIVE" ]; then
    error "QEMU_DRIVE=$QEMU_DRIVE cannot be read and written"
elif ! info=$(qemu-img info --output=json "$QEMU_DRIVE" 2>&1); then
    error "QEMU_DRIVE=$QEMU_DRIVE: $info"
else
    case $info in *'"backing-filename"'*) error "QEMU_DRIVE=$QEMU_DRIVE has a backing file" ;; esac
    case $info in *'"data-file"'*) error "QEMU_DRIVE=$QEMU_DRIVE has a data file" ;; esac
    case $info in
    *'"format": "qcow2"'*) qemu-img check -q "$QEMU_DRIVE" || error "QEMU_DRIVE=$QEMU_DRIVE is broken" ;;
    *) error "QEMU_DRIVE=$QEMU_DRIVE is not a qcow2 image" ;;
    esac
fi

# --- accelerator -------------------------------------------------------------------------------
if [ "$QEMU_ACCEL" != tcg ] && [ -e /dev/kvm ] && [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
    set -- -accel kvm -accel tcg,thread=multi -cpu "${QEMU_CPU:-host}"
elif [ "$QEMU_ACCEL" = kvm ]; then
    error "QEMU_ACCEL=kvm: /dev/kvm cannot be used"
else
    set -- -accel tcg,thread=multi -cpu "${QEMU_CPU:-max}"
fi

# --- memory: what the container allows ---------------------------------------------------------
limit=max
for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do
    if [ -r "$file" ]; then read -r limit <"$file"; break; fi
done
case $limit in
max|???????????????*) ;; # none (version 1 says so with 2^63 less a page)
*) if [ $((limit / 1048576 - 256)) -lt "$QEMU_RAM" ]; then QEMU_RAM=$((limit / 1048576 - 256)); fi ;;
esac

# --- ports -------------------------------------------------------------------------------------
netdev=user,id=net0
old_ifs=$IFS; IFS=,
for forward in $QEMU_HOSTFWDS; do
    protocol=${forward%%:*} ports=${forward#*:}
    case $protocol in tcp|udp) ;; *) error "QEMU_HOSTFWDS: $forward is not tcp: or udp:" ;; esac
    number QEMU_HOSTFWDS "${ports%%:*}" 1 65535
    number QEMU_HOSTFWDS "${ports#*:}" 1 65535
    netdev="$netdev,hostfwd=$protocol:$VM_BIND:${ports%%:*}-:${ports#*:}"
done
IFS=$old_ifs

if [ -n "$errors" ]; then printf '%s\n' "$errors" >&2; exit 78; fi

# --- directories, arguments, start -------------------------------------------------------------
mkdir -p "$VM_LOG_DIR" "$VM_RUN_DIR"
if [ "$ENABLE_9P" = 1 ]; then
    set -- "$@" -virtfs "local,path=$SHARE_DIR,mount_tag=scripts,security_model=none,id=fsdev0"
fi
if [ "$ENABLE_VNC" = 1 ]; then
    set -- "$@" -display vnc=:0 -vga std
else
    set -- "$@" -nographic
fi
echo "entrypoint: $QEMU_RAM MB, $QEMU_SMP vCPUs, $QEMU_MACHINE, $*" >&2
exec "${QEMU:-qemu-system-x86_64}" -machine "$QEMU_MACHINE" -m "$QEMU_RAM" -smp "$QEMU_SMP" \
    -drive "file=$QEMU_DRIVE,format=qcow2,cache=writeback,aio=threads,if=ide" \
    -netdev "$netdev" -device "$QEMU_NET_MODEL,netdev=net0" \
    -serial "telnet:$VM_BIND:$SERIAL_PORT,server,nowait" \
    -monitor "telnet:$VM_BIND:$MONITOR_PORT,server,nowait" \
    -rtc base=utc,clock=host -no-reboot -d guest_errors -D "$VM_LOG_DIR/guest-errors.log" "$@"
