#!/bin/sh
# run.sh - boot a kernel in hurd-vm, for hurd-vm.cmake.
#
#   run.sh qemu-nox|qemu|qemu-gdb IMAGE BUILD-DIRECTORY SETTING=VALUE...
#   run.sh test IMAGE BUILD-DIRECTORY NAME SCRIPT SETTING=VALUE...
#
# qemu-nox shows the kernel's serial console in this terminal (Ctrl-] opens a menu, to leave). qemu adds a screen by
# VNC with the password in vnc-password, qemu-gdb waits for gdb; both ports accept this machine only (VNC_PORT,
# GDB_PORT). test runs a script of `vm script` on a disk whose changes are discarded; the console is in
# logs/NAME/console.log. DOCKER_OPTIONS are more options of docker run.
set -eu
mode=$1 image=$2 build=$3
shift 3
name='' script=''
if [ "$mode" = test ]; then
    name=$1 script=$2
    shift 2
fi
# Each setting becomes -e SETTING.
count=$#
while [ "$count" -gt 0 ]; do
    set -- "$@" -e "$1"
    shift
    count=$((count - 1))
done
set -- --rm -v "$build:/build" "$@"
[ ! -e /dev/kvm ] || ! [ -r /dev/kvm ] || ! [ -w /dev/kvm ] || set -- --device /dev/kvm "$@"
if [ -t 0 ] && [ -t 1 ]; then set -- -it "$@"; else set -- -i "$@" -e SERIAL_STDIO=on; fi
case $mode in
qemu-nox) ;;
qemu)
    [ -e "$build/vnc-password" ] || (umask 077 && od -An -N 4 -tx1 /dev/urandom | tr -d ' ' >"$build/vnc-password")
    echo "screen: a VNC viewer on 127.0.0.1:${VNC_PORT:-5900}, password $(cat "$build/vnc-password")"
    set -- -p "127.0.0.1:${VNC_PORT:-5900}:5900" -e ENABLE_VNC=1 -e VNC_PASSWORD_FILE=/build/vnc-password "$@" ;;
qemu-gdb)
    echo "gdb $build/kernel -ex 'target remote 127.0.0.1:${GDB_PORT:-1234}' -ex 'hbreak kmain' -ex continue"
    set -- -p "127.0.0.1:${GDB_PORT:-1234}:1234" -e GDB_WAIT=1 "$@" ;;
test)
    mkdir -p "$build/logs/$name"
    chmod 1777 "$build/logs/$name"
    set -- -v "$script:/script.vm:ro" -v "$build/logs/$name:/var/log/qemu" "$@" -e SERIAL_STDIO=off \
        -e QEMU_DISK_MODE=throwaway -e VM_BOOT_TIMEOUT=120 ;;
*)
    echo "run.sh: '$mode' is none of qemu-nox, qemu, qemu-gdb, test" >&2
    exit 64 ;;
esac
# shellcheck disable=SC2086 # options of docker
set -- ${DOCKER_OPTIONS-} "$@" "$image"
[ "$mode" != test ] || set -- "$@" script --quiet --boot /script.vm
exec docker run "$@"
