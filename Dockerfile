# Dockerfile - the program, the embedded guest, and the image that runs them.
#
# Three stages: `build` makes the two static programs, init and vm; `mach-mini` makes the disk
# of the embedded guest from Debian's packages, whatever the base; the last one is QEMU and these
# two. Every stage knows apk and apt, so BASE may be an Alpine or a Debian (scripts/base-image says
# what to use where no registry can be reached). Nothing here needs more than the BuildKit of
# Docker 20.10: no syntax line, no heredoc, no COPY --link.
ARG BASE=alpine:3.24
ARG GUEST_BASE=debian:trixie-slim

FROM ${BASE} AS build
RUN set -eu; \
    if command -v apk >/dev/null; then \
        apk add --no-cache file gcc linux-headers make musl-dev; \
    else \
        export DEBIAN_FRONTEND=noninteractive; \
        apt-get -qq update; \
        apt-get -qq install --no-install-recommends \
            file gcc linux-libc-dev make musl-tools >/dev/null; \
    fi
WORKDIR /src
COPY Makefile VERSION ./
COPY init init
ARG VERSION=
# The bound of init's size is for our compiler.
RUN make vm proof WERROR= INIT_BYTES=300000

# On the machine that builds, whatever the image is for: the disk is the same bytes (build.sh). The
# builder without BuildKit has no BUILDPLATFORM. BUILD_ARCHITECTURE=arm64 does on amd64 what arm64 would.
FROM --platform=${BUILDPLATFORM:-linux/amd64} ${GUEST_BASE} AS mach-mini
ARG BUILD_ARCHITECTURE=
WORKDIR /src
COPY images/mach-mini/build.sh images/mach-mini/
RUN set -eu; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get -qq update; \
    apt-get -qq install --no-install-recommends $(images/mach-mini/build.sh --packages) >/dev/null
COPY images/mach-mini images/mach-mini
RUN images/mach-mini/build.sh /out

FROM ${BASE}
# UI=1: with the windows of VM_DISPLAY and OpenGL. ARCHS: emulators for QEMU_ARCH beside x86_64's (i386, aarch64,
# arm, riscv64), separated by blanks; I386=1 adds i386.
ARG UI=
ARG I386=
ARG ARCHS=
# 107 is the number that Fedora and RHEL reserve for `qemu`; it is made before any package takes
# it, so that files in mounted directories have one owner on every base. No file keeps a SUID bit:
# QEMU runs with no_new_privs, and its bridge helper is not wanted at all.
# What is not for a PC, or is a tool that nothing here calls, goes: firmware of other machines (its
# names are few, those of a PC are kept by name), UEFI for QEMU but for one build of it, QEMU's servers and
# tests, packages that were unpacked. Alpine has ovmf for x86_64 only.
# The directories are open to all, for `docker run --user` with any number; a tmpfs that is mounted
# on /run takes over its mode.
RUN set -eu; \
    archs=" x86_64 $ARCHS${I386:+ i386} "; \
    has() { case $archs in *" $1 "*) ;; *) return 1 ;; esac; }; \
    for arch in $archs; do \
        case $arch in x86_64|i386|aarch64|arm|riscv64) ;; \
        *) echo "ARCHS: $arch is none of x86_64, i386, aarch64, arm, riscv64"; exit 1 ;; esac; \
    done; \
    if command -v apk >/dev/null; then \
        addgroup -S -g 107 qemu; \
        adduser -S -D -H -h /nonexistent -s /sbin/nologin -u 107 -G qemu qemu; \
        ovmf=; [ "$(uname -m)" != x86_64 ] || ovmf=ovmf; \
        apk add --no-cache $ovmf curl e2fsprogs e2fsprogs-extra openssh-client-default openssh-keygen \
            passt qemu-hw-display-virtio-gpu qemu-hw-display-virtio-vga qemu-img \
            $(printf 'qemu-system-%s\n' $archs | sort -u) tar unzip xorriso xz zstd \
            ${UI:+mesa-dri-gallium mesa-egl qemu-hw-display-virtio-vga-gl qemu-ui-gtk qemu-ui-opengl qemu-ui-sdl}; \
    else \
        export DEBIAN_FRONTEND=noninteractive; \
        groupadd --system --gid 107 qemu; \
        useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
            --uid 107 --gid 107 qemu; \
        apt-get -qq update; \
        apt-get -qq install --no-install-recommends ca-certificates curl e2fsprogs openssh-client \
            ovmf passt qemu-system-x86 qemu-utils unzip xorriso xz-utils zstd \
            $(has aarch64 && echo qemu-system-arm qemu-efi-aarch64) $(has arm && echo qemu-system-arm) \
            $(has riscv64 && { apt-cache show -qq qemu-system-riscv 2>/dev/null | grep -q . && \
                echo qemu-system-riscv || echo qemu-system-misc; } && echo opensbi) \
            ${UI:+qemu-system-gui libegl1 libgl1-mesa-dri \
                $(apt-cache --names-only search qemu-system-modules-opengl | cut -d" " -f1)} >/dev/null; \
        apt-get clean; \
        rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/log/apt \
            /var/log/dpkg.log /usr/share/info /usr/share/lintian; \
        rm -rf /usr/share/AAVMF; \
        for file in /usr/bin/qemu-system-*; do \
            has "${file#/usr/bin/qemu-system-}" || rm -f "$file"; \
        done; \
    fi; \
    rm -f /usr/lib/qemu/qemu-bridge-helper /usr/libexec/qemu-bridge-helper \
        /usr/bin/qemu-system-x86_64-microvm /usr/bin/qemu-io \
        /usr/bin/qemu-storage-daemon /usr/bin/qemu-pr-helper /usr/bin/qemu-vmsr-helper; \
    for file in /usr/share/qemu/*; do \
        case ${file##*/} in \
        bios*|vgabios*|*.rom|kvmvapic.bin|linuxboot*|multiboot*|pvh.bin|keymaps|edk2-i386*|edk2-x86_64*|edk2-licenses.txt) ;; \
        edk2-aarch64-code.fd) has aarch64 || rm -f "$file" ;; \
        edk2-arm-code.fd) has arm || rm -f "$file" ;; \
        opensbi-riscv64-*.bin) has riscv64 || rm -f "$file" ;; \
        *) rm -rf "$file" ;; \
        esac; \
    done; \
    rm -rf /usr/share/ovmf; \
    keep=/usr/share/OVMF/OVMF_CODE_4M.fd; [ -e $keep ] || keep=/usr/share/OVMF/OVMF_CODE.fd; \
    for file in /usr/share/OVMF/*; do \
        case $file in "$keep" | "${keep%CODE*}VARS${keep##*CODE}") ;; *) rm -f "$file" ;; esac; \
    done; \
    find / -xdev -type f -perm /6000 -exec chmod a-s {} +; \
    mkdir -p /opt/hurd-image /share /usr/share/vm /var/log/qemu; \
    chown qemu:qemu /share; \
    chmod 0777 /share; \
    chmod 1777 /run /var/log/qemu
COPY guest-tools /usr/lib/vm
COPY --from=mach-mini /out/ /usr/share/vm/
COPY --from=build /src/build/init /init
COPY --from=build /src/build/vm /usr/local/bin/vm
COPY LICENSE /usr/share/vm/LICENSE
# Where both bases' man, bash, zsh and fish look for what belongs to /usr/local/bin.
COPY man/vm.1 /usr/local/share/man/man1/vm.1
COPY man/hurd-vm-init.8 /usr/local/share/man/man8/hurd-vm-init.8
COPY completions/vm.bash /usr/local/share/bash-completion/completions/vm
COPY completions/_vm /usr/local/share/zsh/site-functions/_vm
COPY completions/vm.fish /usr/local/share/fish/vendor_completions.d/vm.fish

ARG VERSION=
LABEL org.opencontainers.image.title="hurd-vm" \
      org.opencontainers.image.description="GNU/Hurd and other research systems under QEMU, with a PID 1 of their own" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT AND GPL-2.0-only AND GPL-2.0-or-later AND GPL-3.0-or-later" \
      hurd-vm.source.gnumach="GNU Mach (GPL-2.0-or-later) in /usr/share/vm/mach-mini.qcow2 is Debian's; source: apt-get source gnumach, https://tracker.debian.org/pkg/gnumach" \
      hurd-vm.source.qemu="QEMU (GPL-2.0-only) is the base distribution's package; source: https://www.qemu.org and the distribution"

# In a container the loopback address is not reachable from outside. Which connections the consoles
# accept: docs/console.md.
ENV VM_BIND=0.0.0.0
EXPOSE 2222 8080 5555
STOPSIGNAL SIGTERM
# Ten minutes to boot: a full Hurd without KVM takes several. A check that has nothing new to say holds
# its answer back for 300 s, so that one second between checks costs nothing (vm health --help).
HEALTHCHECK --interval=1s --timeout=330s --start-period=600s --retries=3 \
    CMD ["/init", "health", "--hold", "300"]
ENTRYPOINT ["/init"]
