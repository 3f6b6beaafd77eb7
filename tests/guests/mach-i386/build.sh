#!/bin/sh
# build.sh - build a 32-bit GNU Mach and machsh, which QEMU boots without a disk.
#
#   build.sh [--debs DIR] OUTDIR   build; DIR keeps the packages for the next time
#   build.sh --packages            print the Debian packages that this needs, one a line
#
# OUTDIR gets gnumach, the kernel of Debian's 32-bit GNU/Hurd, and machsh, the sources of the embedded
# guest's task (images/mach-mini/machsh) compiled for it. MIG, which makes machsh's RPC stubs, is a
# 32-bit program; it runs under qemu-i386 with its own C library, because not every x86-64 kernel
# executes 32-bit programs. No root.
set -eu
src=$(cd "$(dirname "$0")" && pwd)
machsh=$src/../../../images/mach-mini/machsh
# shellcheck source=scripts/lib.sh
. "$src/../../../scripts/lib.sh"

tools='binutils
debian-archive-keyring
gcc
qemu-user-static'
packages='gnumach-dev gnumach-image-1.8-486-up libc6 mig-i686-gnu'

debs=
case ${1-} in
--packages) printf '%s\n' "$tools"; exit ;;
--debs) debs=${2:?build.sh: --debs needs a directory}; shift 2 ;;
esac
[ $# -eq 1 ] || die 'usage: build.sh [--debs DIR] OUTDIR | build.sh --packages'
for tool in apt-get dpkg-deb gcc qemu-i386-static strip; do
    # shellcheck disable=SC2086 # one word a package
    have "$tool" || die "$tool is missing; install:" $tools
done
mkdir -p "$1" "${debs:-$1}"
out=$(cd "$1" && pwd)
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
debs=$(cd "${debs:-$work}" && pwd)
export LC_ALL=C TZ=UTC
umask 022

# Existing files in $debs with the right version are not downloaded again.
private_apt "$work/apt" i386
# shellcheck disable=SC2086 # one word a package
files=$(apt_download "$work" "$debs" $packages)
for deb in $files; do
    dpkg-deb -x "$debs/$deb" "$work/pkg"
done

headers=$work/pkg/usr/include/i386-linux-gnu
libraries=$work/pkg/usr/lib/i386-linux-gnu
mkdir "$work/stubs" "$work/obj"
cat >"$work/migcom" <<END
#!/bin/sh
exec qemu-i386-static "$libraries/ld-linux.so.2" --library-path "$libraries" "$work/pkg/usr/lib/mig/i686-gnu-migcom" "\$@"
END
chmod +x "$work/migcom"
for defs in mach/mach mach/gnumach mach/mach_host mach/machine/mach_i386 device/device \
    device/device_request; do
    stub=$work/stubs/$(basename "$defs")
    MIGDIR=$work MIGCOM=migcom CC='gcc -m32' "$work/pkg/usr/bin/i686-gnu-mig" -nostdinc \
        -I"$headers" -q -n -user "$stub.c" -header "$stub.h" "$headers/$defs.defs"
done

# The flags of images/mach-mini/build.sh, but for an i486, which has no SSE.
compile() {
    gcc -m32 -march=i486 -std=c17 -O2 -ffreestanding -fno-stack-protector -fno-pic -no-pie \
        -fno-asynchronous-unwind-tables -fcf-protection=none -mgeneral-regs-only \
        -fno-tree-loop-distribute-patterns -ffunction-sections -fdata-sections -nostdinc \
        -isystem "$(gcc -print-file-name=include)" -I"$machsh" -isystem "$machsh/include" \
        -isystem "$work/stubs" -isystem "$headers" "$@"
}
for file in "$machsh"/*.c "$src"/*.c; do
    compile -Wall -Wextra -Wpedantic -Werror -c "$file" -o "$work/obj/$(basename "$file" .c).o"
done
for file in "$work"/stubs/*.c; do
    compile -w -c "$file" -o "$work/obj/stub_$(basename "$file" .c).o"
done
gcc -m32 -c "$machsh/start.S" -o "$work/obj/start.o"
gcc -m32 -nostdlib -static -no-pie -Wl,--gc-sections,--build-id=none,-z,noexecstack \
    -Wl,-z,max-page-size=4096,-e,_start -o "$work/machsh" "$work"/obj/*.o
strip "$work/machsh"
gzip -dc "$work/pkg/boot/gnumach-1.8-486-up.gz" >"$work/gnumach"
mv "$work/gnumach" "$work/machsh" "$out/"
