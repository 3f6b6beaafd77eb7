#!/bin/sh
# build.sh - the linux test guest: Debian's kernel, BusyBox and dropbear on a disk that GRUB boots.
#
#   build.sh [--debs DIR] OUTDIR   build; DIR keeps the packages for the next time
#   build.sh --packages            print the Debian packages that this needs, one a line
#
# OUTDIR gets
#   linux.qcow2              the disk: MBR, GRUB, /boot (ext2), /data (ext4, writable)
#   linux-big.qcow2          the same, with 40 MiB of modules more for GRUB to load (benchmarks)
#   linux-vmlinuz, linux-initrd   its kernel and initramfs, to be booted without the disk
#   linux-kvm.cpio.gz        an initramfs with KVM's modules, to be appended to that one
#   linux-key, linux-key.pub the pair whose public half root's authorized_keys has
#   linux.id                 what it was built from; when that is still so, nothing is done
# The root file system is the initramfs: init (in this directory), links to BusyBox, dropbear with its libraries,
# and the modules for QEMU's machines, buses and network cards that the tests use.
# The packages are Debian 13's on every host (its kernel is compressed with zstd; Debian 12's, with xz, takes 10 s
# longer to unpack itself under TCG). apt-get downloads and verifies them with separate package lists, which do not
# affect the system. They are unpacked, not installed; no root, no loop device. An x86-64 host runs some of the
# programs.
set -eu
src=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/lib.sh
. "$src/../../../scripts/lib.sh"

tools='debian-archive-keyring
e2fsprogs
gcc
grub-common
grub-pc-bin
libc6-dev
openssh-client
qemu-utils
xz-utils'
modules='ahci ata_piix sd_mod sr_mod virtio_blk virtio_scsi
e1000 e1000e 8139cp ne2k-pci pcnet32 virtio_net
9pnet_virtio 9p ext4 crc32c_generic isofs vfat nls_cp437 nls_ascii nls_utf8
button evdev pvpanic-mmio pvpanic-pci'
outputs='linux.qcow2 linux-big.qcow2 linux-vmlinuz linux-initrd linux-kvm.cpio.gz
linux-key linux-key.pub'

debs=
case ${1-} in
--packages) printf '%s\n' "$tools"; exit ;;
--debs) debs=${2:?build.sh: --debs needs a directory}; shift 2 ;;
esac
[ $# -eq 1 ] || die 'usage: build.sh [--debs DIR] OUTDIR | build.sh --packages'
PATH=$PATH:/usr/sbin:/sbin
for tool in apt-get dpkg-deb gcc grub-mkimage mke2fs qemu-img ssh-keygen xz; do
    # shellcheck disable=SC2086 # one word a package
    have "$tool" || die "$tool is missing; install:" $tools
done
grub=/usr/lib/grub/i386-pc
[ -f "$grub/boot.img" ] || die "$grub/boot.img is missing; install: grub-pc-bin"

mkdir -p "$1"
out=$(cd "$1" && pwd)
id=$(cat "$src"/* | sha256sum | cut -d ' ' -f 1)
# shellcheck disable=SC2086 # one word a file
! up_to_date "$out" "$id" linux.id $outputs || exit 0

work=$(mktemp -d "$out/linux.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "${debs:=$work/debs}"
debs=$(cd "$debs" && pwd)
export LC_ALL=C TZ=UTC
umask 022

# --- packages --------------------------------------------------------------------------------

depends() {
    apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances "$@"
}

# Download the packages (existing files in $debs are kept) and unpack them: the kernel's into $work/kernel, the
# others into $work/pkg.
fetch() {
    files=$(apt_download "$work" "$debs" "$@")
    for deb in $files; do
        case $deb in
        linux-image*) dpkg-deb -x "$debs/$deb" "$work/kernel" ;;
        *) dpkg-deb -x "$debs/$deb" "$work/pkg" ;;
        esac
    done
}

private_apt "$work/apt" amd64
image=$(depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[^ ]*\).*/\1/p' | sed q)
[ -n "$image" ] || die "Debian's package lists do not say which kernel linux-image-amd64 is"
# shellcheck disable=SC2046 # one word a package
fetch "$image" busybox-static $(depends --recurse dash dropbear-bin tar | grep '^[a-z]')

# --- root file system ------------------------------------------------------------------------

root=$work/root
kernel=$(echo "$work"/kernel/boot/vmlinuz-*)
release=${kernel##*/vmlinuz-}
all_modules=$(find "$work/kernel" -type d -path "*/lib/modules/$release")
mkdir -p "$root/bin" "$root/sbin" "$root/lib/modules/$release" "$root/dev" \
    "$root/proc" "$root/sys" "$root/run" "$root/tmp" "$root/data" "$root/mnt/share" \
    "$root/root/.ssh" "$root/var/log" "$root/www" "$root/etc/acpi/PWRF" "$root/etc/dropbear"

busybox=$(find "$work/pkg" -path '*bin/busybox')
cp "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
ln -s /bin/modprobe "$root/sbin/modprobe" # where the kernel looks

# dropbear, and (beside BusyBox's) dash and GNU tar, with what the loader finds for them in the packages
loader=$(find "$work/pkg" -name ld-linux-x86-64.so.2 | sed q)
libraries=$(find "$work/pkg" -name '*.so.*' -exec dirname {} + | sort -u | paste -sd :)
run() { "$loader" --library-path "$libraries" "$@"; }
dropbear=$(find "$work/pkg" -path '*sbin/dropbear')
tar=$(find "$work/pkg" -path '*bin/tar')
cp "$dropbear" "$root/sbin"
cp "$tar" "$root/bin/gnu-tar"
dash=$(find "$work/pkg" -path '*bin/dash')
cp "$dash" "$root/bin"
for program in "$dropbear" "$tar" "$dash"; do run --list "$program"; done | sort -u | sed -n 's/.* => \(.*\) (.*/\1/p' | while read -r library; do
    cp "$library" "$root/lib"
done
ln -s lib "$root/lib64"
run "$(find "$work/pkg" -path '*bin/dropbearkey')" -t ed25519 \
    -f "$root/etc/dropbear/host-key" >/dev/null 2>&1
ssh-keygen -q -t ed25519 -N '' -C linux-test-guest -f "$work/linux-key"
cp "$work/linux-key.pub" "$root/root/.ssh/authorized_keys"
chmod -R go= "$root/root"

# Copy modules and those that they depend on, except for those built into the kernel.
add_modules() {
    for module; do
        name=$(printf '%s' "$module" | sed 's/[-_]/[-_]/g')
        ! grep -q "/$name\.ko$" "$all_modules/modules.builtin" || continue
        file=$(find "$all_modules/kernel" -name "$name.ko" -o -name "$name.ko.xz")
        [ -n "$file" ] || die "$image has no module $module"
        to=$root/lib/modules/$release/$module.ko
        [ ! -f "$to" ] || continue
        case $file in *.xz) xz -dc "$file" ;; *) cat "$file" ;; esac >"$to"
        # shellcheck disable=SC2046 # one word a module
        (add_modules $(tr '\0' '\n' <"$to" | sed -n 's/^depends=//p' | tr , ' '))
    done
}
# shellcheck disable=SC2086 # one word a module
add_modules $modules
"$busybox" depmod -b "$root" "$release"

gcc -std=c17 -Wall -Wextra -Wpedantic -Werror -Os -static -s -o "$root/sbin/udp-echo" \
    "$src/udp-echo.c"
install -m 755 "$src/init" "$root/init"
install -m 755 "$src/dhcp" "$root/etc/dhcp"
install -m 755 "$src/power-button" "$root/etc/acpi/PWRF/00000080"
echo 'root::0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
echo '127.0.0.1 localhost linux' >"$root/etc/hosts"
echo 'Test guest: log in as root, there is no password.' >"$root/etc/issue"
echo "PATH=/bin:/sbin PS1='linux# '; export PATH" >"$root/etc/profile"
echo '<!DOCTYPE html><title>linux</title><p>The linux test guest.</p>' >"$root/www/index.html"

# The files that `find` lists, as an archive that the kernel unpacks (initramfs).
archive() { "$busybox" cpio -o -H newc -R 0:0 2>/dev/null; }

mkdir "$work/boot" "$work/boot/grub"
(cd "$root" && find . | sort | archive) | gzip -n >"$work/boot/initrd"
cp "$kernel" "$work/boot/vmlinuz"

# KVM for AMD's processors, whose virtualisation QEMU emulates: in the guest it is real.
root=$work/kvm
mkdir -p "$root/lib/modules/$release"
add_modules kvm_amd
(cd "$root" && find . | sort | archive) | gzip -n >"$work/linux-kvm.cpio.gz"

# --- disks -----------------------------------------------------------------------------------

# poke FILE OFFSET BYTES: BYTES as printf's octal escapes; peek FILE OFFSET COUNT: in hex.
poke() {
    # shellcheck disable=SC2059 # the escapes are meant
    printf "$3" | dd of="$1" bs=1 seek=$(($2)) conv=notrunc status=none
}
peek() { od -An -v -tx1 -j $(($2)) -N "$3" "$1" | tr -d ' \n'; }

# octal32 NUMBER: its four bytes, lowest first, as printf's escapes.
octal32() {
    printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) \
        $(($1 >> 24))
}

# partition FILE NUMBER BOOT-FLAG MIB-START MIB-LENGTH: an entry of type 83 (Linux); cylinders,
# heads and sectors say "see the 32-bit sector numbers".
partition() {
    poke "$1" $((0x1ae + 16 * $2)) \
        "\\$3\\376\\377\\377\\203\\376\\377\\377$(octal32 $(($4 * 2048)))$(octal32 $(($5 * 2048)))"
}

boot_size=96  # MiB; GRUB's core lies before it, in the first MiB
data_size=512

# disk NAME: make the disk, with the current contents of $work/boot as /boot.
disk() {
    img=$work/$1.img
    rm -f "$work/data.img"
    truncate -s $((1 + boot_size + data_size))M "$img"
    dd if="$grub/boot.img" of="$img" bs=446 count=1 conv=notrunc status=none
    dd if="$work/core.img" of="$img" bs=512 seek=1 conv=notrunc status=none
    # What grub-bios-setup would write, which needs a block device: boot.img reads the core's first sector from
    # sector 1, and that sector reads the rest from sector 2. Both are defaults, which are checked here.
    [ "$(peek "$img" 0x5c 8)$(peek "$img" 0x3f4 8)" = 01000000000000000200000000000000 ] ||
        die "this GRUB's boot sector is not laid out as that of 2.06 to 2.12"
    # Two no-ops replace a jump: on a hard disk the drive number from the BIOS is correct.
    poke "$img" 0x66 '\220\220'
    poke "$img" 0x1b8 'XNIL\0\0' # the disk's signature
    partition "$img" 1 200 1 $boot_size
    partition "$img" 2 000 $((1 + boot_size)) $data_size
    poke "$img" 0x1fe '\125\252'
    mke2fs -q -t ext2 -L boot -d "$work/boot" -E root_owner=0:0,offset=$((1 << 20)) \
        "$img" ${boot_size}M
    # The inode tables are written here, so that the guest does not write them during a test.
    mke2fs -q -t ext4 -L data -N 8192 -m 0 \
        -E root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,offset=$(((1 + boot_size) << 20)) \
        "$img" ${data_size}M
    qemu-img convert -O qcow2 "$img" "$work/$1.qcow2"
    rm "$img"
}

grub-mkimage -O i386-pc -o "$work/core.img" -p '(hd0,msdos1)/grub' \
    biosdisk part_msdos ext2 linux16 normal configfile serial terminal echo
[ "$(stat -c %s "$work/core.img")" -le $((2047 * 512)) ] || die "GRUB's core is too big"

sed "s|@RELEASE@|$release|; s| @MORE@||" "$src/grub.cfg" >"$work/boot/grub/grub.cfg"
disk linux

# As large as a distribution's initramfs: the first 40 MiB of the other modules.
(cd "$all_modules/.." && find "$release/kernel" -type f -printf '%s %p\n' | sort -k 2 |
    awk '(n += $1) <= 40 * 1024 * 1024 { print $2 }' | archive) >"$work/boot/more"
sed "s|@RELEASE@|$release|; s|@MORE@|/more|" "$src/grub.cfg" >"$work/boot/grub/grub.cfg"
disk linux-big

mv "$work/boot/vmlinuz" "$work/linux-vmlinuz"
mv "$work/boot/initrd" "$work/linux-initrd"
rm -f "$out/linux.id"
for file in $outputs; do
    mv -f "$work/$file" "$out/$file"
done
echo "$id" >"$out/linux.id"
