#!/bin/sh
# build.sh - the built-in guest: GNU Mach from Debian's packages with machsh as its only task.
#
#   build.sh [--debs DIR] OUTDIR   build; DIR keeps the three packages for the next time
#   build.sh --packages            print the Debian packages that this needs, one a line
#
# OUTDIR gets mach-mini.qcow2 (a disk: MBR, GRUB, one ext2 partition), mach-mini/gnumach.gz and
# mach-mini/machsh (the same kernel and task, to be booted without the disk), LICENSES and licenses/.
# Needs no root and no loop device. The same versions of the tools give the same bytes (README.md).
#
# The kernel, its headers and MIG are Debian 13's, pinned by version and checksum and downloaded with apt-get, which
# verifies Debian's signatures: from the system's own sources if these have them, otherwise (Debian 12, Ubuntu, …)
# from trixie, with separate package lists that do not affect the system.
set -eu

versions='gnumach-image-1.8-amd64-up 2:1.8+git20250702-1
gnumach-dev 2:1.8+git20250702-1
mig-x86-64-gnu 1.8+git20231217-8'
checksums='802ed4da67e3e3c9d6e42e8bd06fd2a66b8c35bd7454140bd4f306d36afe5057  gnumach-image-1.8-amd64-up.deb
39de7a2d8598465eb142df3d312a71821fe0bd74a9c7f3a6ec8478163df1b988  gnumach-dev.deb
b8ebde492856b4cd5cd1b71d6795a45d0c8e284fdfd8c1fe3d9c48828a098ff8  mig-x86-64-gnu.deb'
# On arm64, cross tools are used. MIG and GRUB's files for a PC are those of amd64 there too: MIG is run by
# qemu-user, GRUB's files are only read. BUILD_ARCHITECTURE tests this on another machine.
architecture=${BUILD_ARCHITECTURE:-$(dpkg --print-architecture)}
tools='debian-archive-keyring
e2fsprogs
grub-common
qemu-utils'
if [ "$architecture" = amd64 ]; then
    cross='' amd64=''
    tools="$tools
binutils
gcc
grub-pc-bin"
else
    cross=x86_64-linux-gnu- amd64='grub-pc-bin libc6'
    tools="$tools
binutils-x86-64-linux-gnu
gcc-x86-64-linux-gnu
qemu-user"
    # amd64's own compiler, called by its long name, calls the assembler by its short one.
    [ "$(dpkg --print-architecture)" != amd64 ] || tools="$tools
binutils"
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

debs=
case ${1-} in
--packages) printf '%s\n' "$tools"; exit ;;
--debs) debs=${2:?build.sh: --debs needs a directory}; shift 2 ;;
esac
[ $# -eq 1 ] || die 'usage: build.sh [--debs DIR] OUTDIR | build.sh --packages'

PATH=$PATH:/usr/sbin:/sbin
for tool in debugfs dpkg-deb "${cross}gcc" grub-mkimage mke2fs qemu-img sha256sum "${cross}strip" ${cross:+qemu-x86_64}; do
    # shellcheck disable=SC2086 # one word a package
    command -v "$tool" >/dev/null || die "$tool is missing; install:" $tools
done
grub=/usr/lib/grub/i386-pc
[ -n "$cross" ] || [ -f "$grub/boot.img" ] || die "$grub/boot.img is missing; install: grub-pc-bin"

mkdir -p "$1" "${debs:-$1}"
out=$(cd "$1" && pwd)
src=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
debs=$(cd "${debs:-$work}" && pwd)

# Values that would otherwise depend on the clock, the user's settings or the language.
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH=1751414400 # 2025-07-02, the day of the kernel's snapshot
export E2FSPROGS_FAKE_TIME="$SOURCE_DATE_EPOCH"
umask 022

# --- the three packages ----------------------------------------------------------------------

have_debs() { (cd "$debs" && printf '%s\n' "$checksums" | sha256sum -c --status 2>/dev/null); }

# The Debian mirror that the system itself uses, or Debian's public one.
mirror() {
    # shellcheck disable=SC2016 # the $(…) are apt's
    apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        sed -n 's|^Debian/Debian ||p' | sed q
}

# Configures apt for trixie, with a state of its own. An old package list is accepted, because versions and
# checksums are pinned: so a snapshot (DEBIAN_MIRROR=https://snapshot.debian.org/archive/debian/20251001T000000Z)
# works.
private_apt() {
    [ -f "$keyring" ] || die "$keyring is missing; install: debian-archive-keyring"
    uri=${DEBIAN_MIRROR:-$(mirror)}
    mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/apt/none"
    cat >"$work/apt/trixie.sources" <<END
Types: deb
URIs: ${uri:-http://deb.debian.org/debian}
Suites: trixie
Components: main
Architectures: amd64
Signed-By: $keyring
END
    cat >"$work/apt/apt.conf" <<END
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
Dir::State::Status "/dev/null";
Dir::Etc::SourceList "$work/apt/trixie.sources";
Dir::Etc::SourceParts "$work/apt/none";
Dir::State::Lists "$work/apt/lists";
Dir::Cache "$work/apt";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
APT::Update::Error-Mode "any";
APT::Sandbox::User "root";
END
    export APT_CONFIG="$work/apt/apt.conf"
    apt-get -qq update >&2 || die "cannot read trixie's package lists (see above); set DEBIAN_MIRROR"
}

fetch() {
    wanted=$(printf '%s\n' "$versions" | tr ' ' =)
    # shellcheck disable=SC2086 # one word a package
    if [ -n "${DEBIAN_MIRROR-}" ] || ! apt-get -qq --print-uris download $wanted >/dev/null 2>&1; then
        private_apt
    fi
    cd "$work"
    for package in $wanted; do
        apt-get -qq -o APT::Sandbox::User=root download "$package" >&2 ||
            die "cannot get $package (see above). If Debian has a newer one by now, set" \
                "DEBIAN_MIRROR to a snapshot (https://snapshot.debian.org) that has this one, or" \
                "change versions and checksums here and run tests/25-mach-mini.bats"
        mv "${package%%=*}"_*.deb "$debs/${package%%=*}.deb"
    done
    have_debs || die "a package in $debs is not the one whose checksum is pinned here: $(
        cd "$debs" && printf '%s\n' "$checksums" | sha256sum -c 2>/dev/null | grep -v ': OK')"
}

have_debs || (fetch)
printf '%s\n' "$checksums" | while read -r _ deb; do
    dpkg-deb -x "$debs/$deb" "$work/pkg"
done
if [ -n "$cross" ]; then
    # shellcheck disable=SC2086 # one word a package
    (private_apt && mkdir "$work/amd64" && cd "$work/amd64" && apt-get -qq download $amd64 >&2) ||
        die "cannot get amd64's $amd64 (see above)"
    for deb in "$work"/amd64/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
    [ -e "$work/root/lib64" ] || ln -s usr/lib64 "$work/root/lib64"
    [ -e "$work/root/lib" ] || ln -s usr/lib "$work/root/lib"
    grub=$work/root/usr/lib/grub/i386-pc
    mkdir "$work/mig"
    printf '#!/bin/sh\nexec qemu-x86_64 -L "%s" "%s" "$@"\n' "$work/root" \
        "$work/pkg/usr/lib/mig/x86_64-gnu-migcom" >"$work/mig/x86_64-gnu-migcom"
    chmod 755 "$work/mig/x86_64-gnu-migcom"
    export MIGDIR="$work/mig"
fi
headers=$work/pkg/usr/include/x86_64-linux-gnu

# --- the task --------------------------------------------------------------------------------

mkdir -p "$work/stubs" "$work/obj" "$work/out/mach-mini" "$work/out/licenses"
for defs in mach/mach mach/gnumach mach/mach_host mach/machine/mach_i386 device/device \
    device/device_request; do
    stub=$work/stubs/$(basename "$defs")
    CC=${cross}gcc "$work/pkg/usr/bin/x86_64-gnu-mig" -nostdinc -I"$headers" -q -n \
        -user "$stub.c" -header "$stub.h" "$headers/$defs.defs"
done

# No red zone and no SSE registers: nothing here needs them, and the kernel need not save them.
compile() {
    "${cross}gcc" -std=c17 -O2 -ffreestanding -fno-stack-protector -fno-pic -no-pie -mno-red-zone \
        -fno-asynchronous-unwind-tables -fcf-protection=none -mgeneral-regs-only \
        -fno-tree-loop-distribute-patterns -ffunction-sections -fdata-sections \
        -ffile-prefix-map="$work"=. -nostdinc -isystem "$("${cross}gcc" -print-file-name=include)" \
        -I"$src/machsh" -isystem "$src/machsh/include" -isystem "$work/stubs" -isystem "$headers" "$@"
}
for file in "$src"/machsh/*.c; do
    compile -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
        -Werror -c "$file" -o "$work/obj/$(basename "$file" .c).o"
done
for file in "$work"/stubs/*.c; do
    compile -w -c "$file" -o "$work/obj/stub_$(basename "$file" .c).o"
done
"${cross}gcc" -c "$src/machsh/start.S" -o "$work/obj/start.o"
"${cross}gcc" -nostdlib -static -no-pie -Wl,--gc-sections,--build-id=none,-z,noexecstack \
    -Wl,-z,max-page-size=4096,-e,_start -o "$work/machsh" "$work"/obj/*.o
"${cross}strip" -o "$work/out/mach-mini/machsh" "$work/machsh"
cp "$work/pkg/boot/gnumach-1.8-amd64-up.gz" "$work/out/mach-mini/gnumach.gz"

# --- the disk --------------------------------------------------------------------------------

img=$work/disk.img
sectors=16384   # 8 MiB
first=2048      # of the partition; GRUB's core lies before it
grub-mkimage -d "$grub" -O i386-pc -o "$work/core.img" -p '(hd0,msdos1)/boot/grub' \
    biosdisk part_msdos ext2 multiboot normal configfile serial terminal echo
[ "$(stat -c %s "$work/core.img")" -le $(((first - 1) * 512)) ] || die "GRUB's core is too big"

# poke OFFSET BYTES: BYTES as printf's octal escapes; peek OFFSET COUNT: the same bytes in hex.
poke() {
    # shellcheck disable=SC2059 # the escapes are meant
    printf "$2" | dd of="$img" bs=1 seek=$(($1)) conv=notrunc status=none
}
peek() { od -An -v -tx1 -j $(($1)) -N "$2" "$img" | tr -d ' \n'; }

truncate -s $((sectors * 512)) "$img"
dd if="$grub/boot.img" of="$img" bs=446 count=1 conv=notrunc status=none
dd if="$work/core.img" of="$img" bs=512 seek=1 conv=notrunc status=none
# What grub-bios-setup would write, which needs a block device: boot.img reads the core's first sector from sector
# 1, and that sector reads the rest from sector 2. Both are defaults, which are checked here.
[ "$(peek 0x5c 8)$(peek 0x3f4 8)" = 01000000000000000200000000000000 ] ||
    die "this GRUB's boot sector is not laid out as that of 2.06 to 2.12"
# Two no-ops replace a jump: on a hard disk the drive number from the BIOS is correct.
poke 0x66 '\220\220'
poke 0x1b8 'HCAM\0\0'  # the disk's signature
# One active partition of type 83 (Linux, the Hurd): first and last sector as cylinder, head and
# sector (the last beyond what these can say), then its start, 2048, and its length, 14336.
poke 0x1be '\200\040\041\0\203\376\377\377\0\010\0\0\0\070\0\0'
poke 0x1fe '\125\252'

# Created empty and filled by debugfs, because mke2fs -d would copy the builder's user and times.
part="$img?offset=$((first * 512))"
mkdir "$work/boot"
gzip -dc "$work/out/mach-mini/gnumach.gz" >"$work/boot/gnumach"
cp "$work/out/mach-mini/machsh" "$src/grub.cfg" "$work/boot"
chmod 644 "$work"/boot/*
mke2fs -q -F -t ext2 -o hurd -b 1024 -I 128 -N 64 -m 0 -O none,sparse_super -L MACHMINI \
    -U 4d414348-4d49-4e49-8000-000000000001 \
    -E "root_owner=0:0,hash_seed=4d414348-4d49-4e49-8000-000000000002,offset=$((first * 512))" \
    "$img" $(((sectors - first) / 2))
debugfs -w "$part" >/dev/null 2>&1 <<END
mkdir boot
mkdir boot/grub
write $work/boot/gnumach boot/gnumach
write $work/boot/machsh boot/machsh
write $work/boot/grub.cfg boot/grub/grub.cfg
END
# debugfs always exits with 0.
for file in gnumach machsh grub/grub.cfg; do
    debugfs -R "cat boot/$file" "$part" 2>/dev/null | cmp - "$work/boot/${file#grub/}" ||
        die "boot/$file could not be written to the disk"
done
qemu-img convert -c -O qcow2 "$img" "$work/out/mach-mini.qcow2"

# --- licences, and done ----------------------------------------------------------------------

# shellcheck disable=SC2016 # the ${…} are dpkg-query's
grub_format='${source:Package} ${source:Version}'
if [ -n "$cross" ]; then
    grub_source=$(dpkg-deb -W --showformat="$grub_format" "$work"/amd64/grub-pc-bin_*.deb)
else
    grub_source=$(dpkg-query -W -f "$grub_format" grub-pc-bin)
fi
sed "s|@GRUB@|$grub_source|" "$src/LICENSES" >"$work/out/LICENSES"
cp "$work/pkg/usr/share/doc/gnumach-image-1.8-amd64-up/copyright" "$work/out/licenses/gnumach"
cp /usr/share/common-licenses/GPL-2 /usr/share/common-licenses/GPL-3 "$work/out/licenses/"

# New files instead of new contents in the old ones, which a running guest may use.
cp -R --remove-destination "$work/out/." "$out"
cd "$out"
sha256sum mach-mini/gnumach.gz mach-mini/machsh mach-mini.qcow2
