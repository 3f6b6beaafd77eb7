#!/bin/sh
# build.sh - build a small disk with the layout of Debian's GNU/Hurd image, for the tests of prepare-image.
#
#   build.sh LAYOUT GUESTS OUT    LAYOUT: where the root partition is, 1, 2, 3, 5 (logical) or gpt
#   build.sh --packages           print the Debian packages that this needs, one a line
#
# The disk is raw, boots by GRUB, and has three partitions: swap, a file system without a Hurd, and the root.
# The root is an ext2 file system with the Hurd as its creator. It contains the files that prepare-image
# looks for (/hurd, /etc/ssh, /etc/default/grub, the users root and demo), a grub.cfg as update-grub writes
# it, without a serial console, and the GNU Mach of GUESTS (build/guests) with machsh instead of the Hurd's
# servers.
set -eu
tools='e2fsprogs
grub-common
grub-pc-bin'
die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }
[ "${1-}" != --packages ] || { printf '%s\n' "$tools"; exit; }
[ $# -eq 3 ] || die 'usage: build.sh LAYOUT GUESTS OUT | build.sh --packages'
layout=$1 guests=$2 out=$3
grub=/usr/lib/grub/i386-pc
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Start and size of the root, in MiB. Swap starts at 1, the file system without a Hurd at 5; 4 MiB each.
root_at=10 root_size=24 disk_size=36
case $layout in
1|2|3) prefix="(hd0,msdos$layout)" ;;
5) prefix='(hd0,msdos5)' ;;
gpt) prefix='(hd0,gpt3)' ;;
*) die "unknown layout: $layout" ;;
esac

poke() {
    # shellcheck disable=SC2059 # printf must interpret the escapes
    printf "$2" | dd of="$out" bs=1 seek=$(($1)) conv=notrunc status=none
}
octal32() {
    printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24))
}
# entry TABLE NUMBER TYPE(octal) START LENGTH: in sectors; cylinder addresses are unused.
entry() {
    poke $(($1 + 430 + 16 * $2)) "\\000\\376\\377\\377\\$3\\376\\377\\377$(octal32 "$4")$(octal32 "$5")"
}

# --- the root --------------------------------------------------------------------------------

r=$work/root
mkdir -p "$r/hurd" "$r/boot/grub" "$r/etc/default" "$r/etc/ssh/sshd_config.d" "$r/root" "$r/home/demo" \
    "$r/etc/init.d" "$r/etc/rc2.d"
: >"$r/hurd/ext2fs"
cp "$guests/mach-mini/gnumach.gz" "$r/boot/gnumach-1.8-amd64-up.gz"
cp "$guests/mach-mini/machsh" "$r/hurd/machsh"
cat >"$r/boot/grub/grub.cfg" <<CFG
set default="0"
insmod part_msdos
insmod ext2
if [ x\$feature_timeout_style = xy ] ; then
  set timeout_style=menu
  set timeout=5
# Fallback normal timeout code in case the timeout_style feature is
# unavailable.
else
  set timeout=5
fi
menuentry 'Debian GNU/Hurd, with Hurd 0.9' --class gnu {
	insmod gzio
	echo	'Loading GNU Mach ...'
	multiboot	/boot/gnumach-1.8-amd64-up.gz root=part:1:device:wd0
	module /hurd/machsh machsh '\${host-port}' '\${device-port}' '\$(task-create)' '\$(task-resume)'
}
menuentry 'Debian GNU/Hurd (recovery mode)' {
	multiboot	/boot/gnumach-1.8-amd64-up.gz root=part:1:device:wd0 -s console=vga
	module /hurd/machsh machsh '\${host-port}' '\${device-port}' '\$(task-create)' '\$(task-resume)'
}
CFG
printf '%s\n' 'GRUB_DEFAULT=0' 'GRUB_TIMEOUT=5' 'GRUB_CMDLINE_GNUMACH="-q"' '#GRUB_TERMINAL=console' \
    >"$r/etc/default/grub"
printf '%s\n' '# This is the sshd server system-wide configuration file.' '' \
    'Include /etc/ssh/sshd_config.d/*.conf' '' '#PermitRootLogin prohibit-password' 'UsePAM yes' \
    >"$r/etc/ssh/sshd_config"
printf '%s\n' 'root::0:0:root:/root:/bin/bash' 'demo::1000:1000:demo:/home/demo:/bin/bash' >"$r/etc/passwd"
printf '%s\n' 'root::20000:0:99999:7:::' 'demo::20000:0:99999:7:::' >"$r/etc/shadow"
chmod 640 "$r/etc/shadow"
echo debian >"$r/etc/hostname"
printf '127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n' >"$r/etc/hosts"

# --- the disk --------------------------------------------------------------------------------

[ -f "$grub/boot.img" ] || die "$grub/boot.img is missing; install: grub-pc-bin"
grub-mkimage -O i386-pc -o "$work/core.img" -p "$prefix/boot/grub" biosdisk part_msdos part_gpt ext2 \
    multiboot normal configfile serial terminal echo gzio test
rm -f "$out"
truncate -s ${disk_size}M "$out"
# A GPT occupies sectors 1 to 33, so GRUB's core starts at sector 64.
core_at=1
[ "$layout" != gpt ] || core_at=64
dd if="$grub/boot.img" of="$out" bs=446 count=1 conv=notrunc status=none
dd if="$work/core.img" of="$out" bs=512 seek=$core_at conv=notrunc status=none
poke 0x66 '\220\220' # two no-ops: use the drive number from the BIOS
poke 0x5c "$(octal32 $core_at)" # the first sector of the core, which boot.img loads
poke $((core_at * 512 + 0x1f4)) "$(octal32 $((core_at + 1)))"
poke 0x1fe '\125\252'
first=$((root_at * 2048)) length=$((root_size * 2048))
case $layout in
1) entry 0 1 203 $first $length; entry 0 2 202 2048 8192; entry 0 3 203 10240 8192 ;;
2) entry 0 1 202 2048 8192; entry 0 2 203 $first $length; entry 0 3 203 10240 8192 ;;
3) entry 0 1 203 10240 8192; entry 0 2 202 2048 8192; entry 0 3 203 $first $length ;;
5)  # The table of the logical partition is 1 MiB before the partition.
    entry 0 1 202 2048 8192
    entry 0 2 005 $((first - 2048)) $((length + 2048))
    table=$(((first - 2048) * 512))
    entry $table 1 203 2048 $length
    poke $((table + 510)) '\125\252'
    entry 0 3 203 10240 8192 ;;
gpt) # Sector 1: the header (UEFI 5.3.2); from sector 2: entries of 128 bytes. Checksums are 0: GRUB ignores them.
    entry 0 1 356 1 $((disk_size * 2048 - 1))
    poke 512 'EFI PART\000\000\001\000\134\000\000\000'
    poke 584 "$(octal32 2)\\000\\000\\000\\000$(octal32 128)$(octal32 128)"
    number=0
    for place in '2048 8192' '10240 8192' "$first $length"; do
        poke $((1024 + number * 128)) '\257\075\306\017\203\204\162\107\216\171\075\151\330\107\175\344'
        poke $((1024 + number * 128 + 16)) "hurd-vm test $number xx"
        poke $((1024 + number * 128 + 32)) "$(octal32 "${place% *}")\\000\\000\\000\\000$(octal32 \
            $((${place% *} + ${place#* } - 1)))"
        number=$((number + 1))
    done ;;
esac
mke2fs -q -t ext2 -E root_owner=0:0,offset=$((5 << 20)) "$out" 4M
mke2fs -q -t ext2 -o hurd -E root_owner=0:0,offset=$((root_at << 20)) -d "$r" "$out" ${root_size}M
