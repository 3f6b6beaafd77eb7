# Dockerfile - the program, the embedded guest, and the image that runs them.
#
# Three stages: `build` makes the one static binary (/init, also `vm`); `mach-mini` makes the disk
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
RUN make vm proof WERROR=

# Always amd64, as its kernel is: an arm64 host runs this stage by emulation (Docker Desktop does; on
# Linux install qemu-user-static).
FROM --platform=linux/amd64 ${GUEST_BASE} AS mach-mini
WORKDIR /src
COPY images/mach-mini/build.sh images/mach-mini/
RUN set -eu; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get -qq update; \
    apt-get -qq install --no-install-recommends $(images/mach-mini/build.sh --packages) >/dev/null
COPY images/mach-mini images/mach-mini
RUN images/mach-mini/build.sh /out

FROM ${BASE}
# UI=1: with the windows of VM_DISPLAY.
ARG UI=
# 107 is the number that Fedora and RHEL reserve for `qemu`; it is made before any package takes
# it, so that files in mounted directories have one owner on every base. No file keeps a SUID bit:
# QEMU runs with no_new_privs, and its bridge helper is not wanted at all.
# The directories are open to all, for `docker run --user` with any number; a tmpfs that is mounted
# on /run takes over its mode.
RUN set -eu; \
    if command -v apk >/dev/null; then \
        addgroup -S -g 107 qemu; \
        adduser -S -D -H -h /nonexistent -s /sbin/nologin -u 107 -G qemu qemu; \
        apk add --no-cache curl e2fsprogs e2fsprogs-extra openssh-client-default openssh-keygen \
            passt qemu-hw-display-virtio-gpu qemu-hw-display-virtio-vga qemu-img \
            qemu-system-i386 qemu-system-x86_64 tar xorriso xz zstd ${UI:+qemu-ui-gtk qemu-ui-sdl}; \
    else \
        export DEBIAN_FRONTEND=noninteractive; \
        groupadd --system --gid 107 qemu; \
        useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
            --uid 107 --gid 107 qemu; \
        apt-get -qq update; \
        apt-get -qq install --no-install-recommends ca-certificates curl e2fsprogs openssh-client \
            passt qemu-system-x86 qemu-utils unzip xorriso xz-utils zstd \
            ${UI:+qemu-system-gui} >/dev/null; \
        rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log; \
    fi; \
    rm -f /usr/lib/qemu/qemu-bridge-helper /usr/libexec/qemu-bridge-helper; \
    find / -xdev -type f -perm /6000 -exec chmod a-s {} +; \
    mkdir -p /opt/hurd-image /share /usr/share/vm /var/log/qemu; \
    chown qemu:qemu /share /var/log/qemu; \
    chmod 0777 /share /var/log/qemu; \
    chmod 1777 /run; \
    ln -s /init /usr/local/bin/vm
COPY guest-tools /usr/lib/vm
COPY --from=mach-mini /out/ /usr/share/vm/
COPY --from=build /src/build/vm /init

ARG VERSION=
LABEL org.opencontainers.image.title="hurd-vm" \
      org.opencontainers.image.description="GNU/Hurd and other research systems under QEMU, with a PID 1 of their own" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="GPL-2.0-only AND GPL-2.0-or-later" \
      hurd-vm.source.gnumach="GNU Mach (GPL-2.0-or-later) in /usr/share/vm/mach-mini.qcow2 is Debian's; source: apt-get source gnumach, https://tracker.debian.org/pkg/gnumach" \
      hurd-vm.source.qemu="QEMU (GPL-2.0-only) is the base distribution's package; source: https://www.qemu.org and the distribution"

# In a container the loopback address is not reachable from outside; who may connect is decided by
# how the ports are published (compose: on 127.0.0.1 only).
ENV VM_BIND=0.0.0.0
EXPOSE 2222 8080 5555 9999
STOPSIGNAL SIGTERM
# Ten minutes to boot: a full Hurd without KVM takes several.
HEALTHCHECK --interval=10s --timeout=5s --start-period=600s --retries=3 CMD ["/init", "health"]
ENTRYPOINT ["/init"]
