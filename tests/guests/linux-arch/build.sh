#!/bin/sh
# build.sh - the linux test guest for other architectures: Debian's kernel and an initramfs with BusyBox and dropbear.
#
#   build.sh [--debs DIR] OUTDIR   build; DIR keeps the packages for the next time
#   build.sh --packages            print the Debian packages that this needs, one a line
#
# OUTDIR gets, for each NAME of aarch64, aarch64-16k (pages of 16 KiB), arm and riscv64
#   linux-NAME-kernel, linux-NAME-initrd   what QEMU_KERNEL and QEMU_INITRD name
#   linux-arch.id                          what it was built from; when that is still so, nothing is done
# The packages are Debian 13's on every host, fetched and verified by apt-get with lists of its own. They
# are unpacked, not installed; nothing of them runs here. root's authorized_keys has OUTDIR/linux-key.pub,
# the key of tests/guests/linux.
set -eu
src=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$src/../../../scripts/lib.sh"

tools='binutils
cpio
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
for tool in apt-get cpio dpkg-deb readelf xz; do
    # shellcheck disable=SC2086 # one word a package
    have "$tool" || die "$tool is missing; install:" $tools
done

mkdir -p "$1"
out=$(cd "$1" && pwd)
key=$out/linux-key.pub
[ -f "$key" ] || die "$key is missing: tests/guests/linux/build.sh makes it"
id=$(cat "$src"/* "$src/../linux/dhcp" "$key" | sha256sum | cut -d ' ' -f 1)
outputs=$(printf 'linux-%s-kernel linux-%s-initrd ' aarch64 aarch64 aarch64-16k aarch64-16k arm arm riscv64 riscv64)
# shellcheck disable=SC2086 # one word a file
! up_to_date "$out" "$id" linux-arch.id $outputs || exit 0

work=$(mktemp -d "$out/linux-arch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "${debs:=$work/debs}"
debs=$(cd "$debs" && pwd)
export LC_ALL=C TZ=UTC
umask 022

# unpack DEB PATTERN...: unpack the files that match into $tree.
unpack() {
    deb=$1; shift
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$tree" --wildcards "$@"
}

depends() {
    apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances "$@"
}

# The libraries and the dynamic loader that a program needs.
needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
loader() { readelf -l "$1" | sed -n 's|.*interpreter: /lib/\(.*\)\]|\1|p'; }

# add_library NAME: copy it and the libraries that it needs from $tree into $root/lib.
add_library() {
    [ ! -e "$root/lib/$1" ] || return 0
    file=$(find "$tree" -name "$1" | sed q)
    [ -n "$file" ] || die "no package has $1"
    cp -L "$file" "$root/lib/$1"
    for library in $(needed "$root/lib/$1"); do (add_library "$library"); done
}

# guest NAME DEBIAN-ARCH FLAVOUR KERNEL: FLAVOUR is that of the package linux-image-FLAVOUR, KERNEL what
# Debian calls the file in /boot.
guest() {
    tree=$work/$1
    root=$work/$1-root
    mkdir -p "$tree" "$root/bin" "$root/modules" "$root/dev" "$root/proc" "$root/sys" "$root/mnt" \
        "$root/root/.ssh" "$root/etc/dropbear" "$root/tmp" "$root/sbin" "$root/lib"
    private_apt "$work/apt-$1" "$2"
    image=$(depends "linux-image-$3" | sed -n 's/^ *Depends: \(linux-image-[^ ]*\).*/\1/p' | sed q)
    [ -n "$image" ] || die "Debian's package lists do not say which kernel linux-image-$3 is"
    # shellcheck disable=SC2046 # one word a package
    files=$(apt_download "$work" "$debs" "$image" busybox-static $(depends --recurse dropbear-bin | grep '^[a-z]'))
    for deb in $files; do
        # shellcheck disable=SC2046,SC2086 # one word a pattern
        case $deb in
        linux-image*) unpack "$debs/$deb" "./boot/$4-*" $(printf '*/%s.ko.xz ' $modules) 2>/dev/null || : ;;
        *) dpkg-deb -x "$debs/$deb" "$tree" ;;
        esac
    done
    mv "$tree/boot/$4"-* "$work/linux-$1-kernel"
    cp "$(find "$tree" -path '*bin/busybox')" "$root/bin/busybox"
    ln -s busybox "$root/bin/sh" # init makes the other links
    cp "$(find "$tree" -path '*bin/dropbear')" "$root/sbin/dropbear"
    for library in $(loader "$root/sbin/dropbear") $(needed "$root/sbin/dropbear"); do
        add_library "$library"
    done
    install -m 600 "$key" "$root/root/.ssh/authorized_keys"
    chmod 700 "$root/root" "$root/root/.ssh"
    for module in $modules; do # some are built into the kernel or do not exist for this architecture
        file=$(find "$tree" -name "$module.ko.xz")
        [ -n "$file" ] || continue
        xz -dc "$file" >"$root/modules/$module.ko"
        echo "$module" >>"$root/modules/order"
    done
    install -m 755 "$src/init" "$root/init"
    install -m 755 "$src/../linux/dhcp" "$root/etc/dhcp"
    echo 'root::0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'root:x:0:' >"$root/etc/group"
    echo /bin/sh >"$root/etc/shells"
    echo 'Test guest: log in as root, there is no password.' >"$root/etc/issue"
    echo "PATH=/bin PS1='linux# '; export PATH" >"$root/etc/profile"
    (cd "$root" && find . | sort | cpio --quiet -o -H newc -R 0:0) |
        gzip -n >"$work/linux-$1-initrd"
}

guest aarch64 arm64 arm64 vmlinuz
guest aarch64-16k arm64 arm64-16k vmlinuz
guest arm armhf armmp vmlinuz
guest riscv64 riscv64 riscv64 vmlinux
rm -f "$out/linux-arch.id"
for file in $outputs; do
    mv -f "$work/$file" "$out/$file"
done
echo "$id" >"$out/linux-arch.id"
