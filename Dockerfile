# Dockerfile - the program, the built-in guest, and the image that runs them.
#
# Four stages: `build` makes the programs: init and vm, which are static, and vm-web; `mach-mini` makes the disk of the
# built-in guest from Debian's packages, on any base; `web` does the same for the page of vm-web; the last one contains
# QEMU and the results of the others. The first three run on the build machine's architecture, and `build`
# cross-compiles for an image of another one, so that only the packages of the last stage are installed by emulated
# programs. `build` and the last stage support apk and apt, so BASE may be an Alpine or a Debian (scripts/base-image
# selects one if no registry can be reached). Nothing here needs more than the BuildKit of Docker 20.10: no syntax
# line, no heredoc, no COPY --link. The builder without BuildKit has no BUILDPLATFORM, and builds for amd64 only.
ARG BASE=alpine:3.24
# BASE for the build machine, where BASE exists for one architecture only (scripts/release).
ARG BUILD_BASE=${BASE}
ARG GUEST_BASE=debian:trixie-slim
# An image that contains /src/build/init and vm (scripts/release); then `build` makes only vm-web, which uses the
# libraries of the base.
ARG PROGRAM=build

FROM --platform=${BUILDPLATFORM:-linux/amd64} ${BUILD_BASE} AS build
ARG BUILDARCH
ARG TARGETARCH
# For another architecture: on Debian its packages next to the own ones. Alpine has no GCC for that, but clang, and
# its apk installs another architecture's packages below /target; their signatures are of that architecture's keys.
# Clang uses the libgcc and the start files of the target's GCC.
RUN set -eu; \
    target=; \
    [ "${TARGETARCH-}" = "${BUILDARCH-}" ] || case $TARGETARCH in \
        amd64) target=x86_64 ;; \
        arm64) target=aarch64 ;; \
        *) echo "cannot cross-compile for $TARGETARCH, only for amd64 and arm64"; exit 1 ;; \
    esac; \
    if command -v apk >/dev/null; then \
        if [ -z "$target" ]; then \
            apk add --no-cache file gcc libwebsockets-dev linux-headers make musl-dev; \
        else \
            apk add --no-cache binutils clang file lld make; \
            apk add --root /target --arch "$target" --initdb --no-cache --no-scripts \
                --keys-dir "/usr/share/apk/keys/$target" --repositories-file /etc/apk/repositories \
                gcc libwebsockets-dev linux-headers musl-dev; \
            cross=$target-alpine-linux-musl; \
            printf '#!/bin/sh\nexec clang --target=%s --sysroot=/target %s "$@"\n' "$cross" \
                "-fuse-ld=lld -Wno-unused-command-line-argument" >"/usr/local/bin/$cross-gcc"; \
            chmod 755 "/usr/local/bin/$cross-gcc"; \
            ln -s /usr/bin/readelf "/usr/local/bin/$cross-readelf"; \
        fi; \
    else \
        export DEBIAN_FRONTEND=noninteractive; \
        [ -z "$target" ] || dpkg --add-architecture "$TARGETARCH"; \
        apt-get -qq update; \
        apt-get -qq install --no-install-recommends file make $(if [ -z "$target" ]; then \
            echo gcc libc6-dev libwebsockets-dev linux-libc-dev musl-tools; \
        else \
            echo "gcc-$(echo "$target" | tr _ -)-linux-gnu"; \
            printf "%s:$TARGETARCH\n" libc6-dev libwebsockets-dev linux-libc-dev musl-dev; \
        fi) >/dev/null; \
        cross=$target-linux-gnu; \
    fi; \
    [ -z "$target" ] || echo "CROSS=$cross CROSS_ROOT= BUILD=build" >/cross
WORKDIR /src
COPY Makefile VERSION ./
COPY init init
ARG VERSION=
ARG PROGRAM
# The limit for init's size applies to the compiler of this project only. On arm64 segments are aligned to 64 KiB.
RUN touch /cross; \
    make -j "$(nproc)" $([ "$PROGRAM" != build ] || echo vm proof) web-server WERROR= INIT_BYTES=450000 $(cat /cross)

FROM ${PROGRAM} AS program

# The disk has the same bytes on every build machine (build.sh). With BUILD_ARCHITECTURE=arm64 an amd64 machine builds
# as an arm64 machine would.
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

# The page is the same for every base and architecture. npm's packages are those of web/package-lock.json.
# NPM_REGISTRY and NPM_CA (certificates, PEM) are for a machine that uses another registry or proxy (scripts/image).
# WEB_PAGE=0 omits the page.
FROM --platform=${BUILDPLATFORM:-linux/amd64} ${GUEST_BASE} AS web
ARG WEB_PAGE=1
RUN set -eu; \
    [ "$WEB_PAGE" != 0 ] || exit 0; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get -qq update; \
    apt-get -qq install --no-install-recommends nodejs npm >/dev/null
WORKDIR /src
COPY web/package.json web/package-lock.json ./npm/
ARG NPM_REGISTRY=
ARG NPM_CA=
RUN set -eu; \
    [ "$WEB_PAGE" != 0 ] || exit 0; \
    printf '%s\n' "$NPM_CA" >/tmp/ca; \
    cd npm; \
    NODE_EXTRA_CA_CERTS=/tmp/ca npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error \
        --fetch-retries=2 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 \
        ${NPM_REGISTRY:+--registry="$NPM_REGISTRY"} >/dev/null || { \
        echo "npm cannot fetch the page's packages (NPM_REGISTRY, NPM_CA); WEB_PAGE=0 builds an image without the page"; exit 1; }
COPY web web
RUN mkdir /out; [ "$WEB_PAGE" = 0 ] || node web/build.mjs /out npm/node_modules

FROM ${BASE}
# UI=1: with the windows of VM_DISPLAY and OpenGL. ARCHS: more emulators for QEMU_ARCH than x86_64 (i386, aarch64,
# arm, riscv64), separated by blanks; I386=1 adds i386.
ARG UI=
ARG I386=
ARG ARCHS=
# 107 is the number that Fedora and RHEL reserve for `qemu`; the user is created before any package takes the
# number, so that files in mounted directories have the same owner on every base. 108 is for vm-web, which owns no
# file (init/proto/web.h). No file keeps a SUID bit: QEMU runs with no_new_privs, and its bridge helper is not used.
# Files that are not for a PC, or belong to tools that nothing here calls, are removed: firmware of other machines
# (the files for a PC are kept by name), all but one build of UEFI for QEMU, QEMU's servers and tests, package
# archives. Alpine has ovmf for x86_64 only.
# The directories are writable for all, for `docker run --user` with any number; a tmpfs that is mounted on /run
# gets its mode.
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
        addgroup -S -g 108 vm-web; \
        adduser -S -D -H -h /nonexistent -s /sbin/nologin -u 108 -G vm-web vm-web; \
        ovmf=; [ "$(uname -m)" != x86_64 ] || ovmf=ovmf; \
        apk add --no-cache $ovmf curl e2fsprogs e2fsprogs-extra libwebsockets openssh-client-default \
            openssh-keygen passt qemu-hw-display-virtio-gpu qemu-hw-display-virtio-vga qemu-img \
            $(printf 'qemu-system-%s\n' $archs | sort -u) tar unzip xorriso xz zstd \
            ${UI:+mesa-dri-gallium mesa-egl qemu-hw-display-virtio-vga-gl qemu-ui-gtk qemu-ui-opengl qemu-ui-sdl}; \
    else \
        export DEBIAN_FRONTEND=noninteractive; \
        groupadd --system --gid 107 qemu; \
        useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
            --uid 107 --gid 107 qemu; \
        groupadd --system --gid 108 vm-web; \
        useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
            --uid 108 --gid 108 vm-web; \
        apt-get -qq update; \
        apt-get -qq install --no-install-recommends ca-certificates curl e2fsprogs openssh-client \
            $(apt-cache --names-only search '^libwebsockets[0-9]+(t64)?$' | cut -d" " -f1) \
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
COPY --from=web /out/ /usr/share/vm/web/
COPY --from=program /src/build/init /init
COPY --from=program /src/build/vm /usr/local/bin/vm
COPY --from=build /src/build/vm-web /usr/local/bin/vm-web
COPY LICENSE /usr/share/vm/LICENSE
# The directories in which man, bash, zsh and fish of both bases look for files of /usr/local/bin.
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
EXPOSE 2222 8080 5555 6080
STOPSIGNAL SIGTERM
# Ten minutes for the boot, because a full Hurd without KVM takes several. A check without a change of the answer is
# held for 300 s, so an interval of one second costs nothing (vm health --help).
HEALTHCHECK --interval=1s --timeout=330s --start-period=600s --retries=3 \
    CMD ["/init", "health", "--hold", "300"]
ENTRYPOINT ["/init"]
