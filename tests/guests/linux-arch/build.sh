#!/bin/sh
# build.sh - the linux test guest for other architectures: Debian's kernel and an initramfs with BusyBox.
#
#   build.sh [--debs DIR] OUTDIR   build; DIR keeps the packages for the next time
#   build.sh --packages            print the Debian packages that this needs, one a line
#
# OUTDIR gets, for each ARCH of aarch64 and riscv64
#   linux-ARCH-kernel, linux-ARCH-initrd   what QEMU_KERNEL and QEMU_INITRD name
#   linux-arch.id                          what it was built from; when that is still so, nothing is done
# The packages are Debian 13's on every host, fetched and verified by apt-get with lists of its own. They
# are unpacked, not installed; nothing of them runs here.
set -eu
src=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$src/../../../scripts/lib.sh"

tools='cpio
debian-archive-keyring
xz-utils'
# In the order in which they are loaded. Debian's kernels have the PCI transport and the console built in.
modules='failover net_failover virtio_net virtio_blk virtio_mmio crc16 crc32c_generic libcrc32c mbcache jbd2
ext4 evdev gpio_keys'

debs=
case ${1-} in
--packages) printf '%s\n' "$tools"; exit ;;
--debs) debs=${2:?build.sh: --debs needs a directory}; shift 2 ;;
esac
[ $# -eq 1 ] || die 'usage: build.sh [--debs DIR] OUTDIR | build.sh --packages'
for tool in apt-get cpio dpkg-deb xz; do
    # shellcheck disable=SC2086 # one word a package
    have "$tool" || die "$tool is missing; install:" $tools
done

mkdir -p "$1"
out=$(cd "$1" && pwd)
id=$(cat "$src"/* "$src/../linux/dhcp" | sha256sum | cut -d ' ' -f 1)
outputs='linux-aarch64-kernel linux-aarch64-initrd linux-riscv64-kernel linux-riscv64-initrd'
# shellcheck disable=SC2086 # one word a file
! up_to_date "$out" "$id" linux-arch.id $outputs || exit 0

work=$(mktemp -d "$out/linux-arch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "${debs:=$work/debs}"
debs=$(cd "$debs" && pwd)
export LC_ALL=C TZ=UTC
umask 022

# unpack DEB PATTERN...: those of its files into $tree.
unpack() {
    deb=$1; shift
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$tree" --wildcards "$@"
}

# guest ARCH DEBIAN-ARCH KERNEL: KERNEL is what Debian calls the file in /boot.
guest() {
    tree=$work/$1
    root=$work/$1-root
    mkdir -p "$tree" "$root/bin" "$root/modules" "$root/dev" "$root/proc" "$root/sys" "$root/mnt" \
        "$root/root" "$root/etc" "$root/tmp" "$root/sbin"
    private_apt "$work/apt-$2" "$2"
    image=$(apt-cache depends "linux-image-$2" | sed -n 's/^ *Depends: \(linux-image-[^ ]*\).*/\1/p' | sed q)
    [ -n "$image" ] || die "Debian's package lists do not say which kernel linux-image-$2 is"
    files=$(apt_download "$work" "$debs" "$image" busybox-static)
    for deb in $files; do
        # shellcheck disable=SC2046,SC2086 # one word a pattern
        case $deb in
        linux-image*) unpack "$debs/$deb" "./boot/$3-*" $(printf '*/%s.ko.xz ' $modules) 2>/dev/null || : ;;
        *) unpack "$debs/$deb" '*bin/busybox' ;;
        esac
    done
    mv "$tree/boot/$3"-* "$work/linux-$1-kernel"
    cp "$(find "$tree" -path '*bin/busybox')" "$root/bin/busybox"
    ln -s busybox "$root/bin/sh" # init makes the other links
    for module in $modules; do # of which some are built in, or not for this architecture
        file=$(find "$tree" -name "$module.ko.xz")
        [ -n "$file" ] || continue
        xz -dc "$file" >"$root/modules/$module.ko"
        echo "$module" >>"$root/modules/order"
    done
    install -m 755 "$src/init" "$root/init"
    install -m 755 "$src/../linux/dhcp" "$root/etc/dhcp"
    echo 'root::0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'root:x:0:' >"$root/etc/group"
    echo 'Test guest: log in as root, there is no password.' >"$root/etc/issue"
    echo "PATH=/bin PS1='linux# '; export PATH" >"$root/etc/profile"
    (cd "$root" && find . | sort | cpio --quiet -o -H newc -R 0:0) |
        gzip -n >"$work/linux-$1-initrd"
}

guest aarch64 arm64 vmlinuz
guest riscv64 riscv64 vmlinux
rm -f "$out/linux-arch.id"
for file in $outputs; do
    mv -f "$work/$file" "$out/$file"
done
echo "$id" >"$out/linux-arch.id"
