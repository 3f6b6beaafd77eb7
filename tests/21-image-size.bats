# The contents and the size of the image.
load helpers

# in_image COMMAND: run by the shell of the image.
in_image() { docker run --rm --network none --entrypoint sh "$IMAGE" -c "$1"; }

@test "the image is not larger than its limit" {
    # In MB (10^6). The limit is about 4 % above the size when this was written.
    local limit=184 size
    if in_image 'test -e /etc/alpine-release'; then limit=120; fi
    size=$(docker image inspect --format '{{.Size}}' "$IMAGE")
    echo "$IMAGE has $size bytes"
    [ "$size" -le $((limit * 1000000)) ]
}

@test "the image has no package archives, firmware of other machines, documents except licences, or SUID files" {
    run -0 in_image 'find /var/cache/apt /var/lib/apt/lists -name "*.deb" -o -name "*_Packages*" 2>/dev/null
        ls /usr/share/qemu | grep -E "openbios|skiboot|u-boot|hppa|s390|aarch64|arm"
        find /usr/share/doc /usr/share/man /usr/share/info -type f ! -name "copyright*" 2>/dev/null
        find / -xdev -type f -perm /6000; :'
    assert_output ''
}

@test "QEMU_ARCH=i386 in an image without that emulator is one error that says how to get it" {
    if in_image 'command -v qemu-system-i386'; then
        # In an image built with I386=1 the emulator is there and runs.
        in_image 'qemu-system-i386 --version'
        return
    fi
    truncate -s 1M "$T/disk.img"
    chmod 644 "$T/disk.img"
    run -69 docker run --rm --network none -v "$T:/opt/hurd-image:ro" -e QEMU_ARCH=i386 \
        -e QEMU_DRIVE=/opt/hurd-image/disk.img -e QEMU_DRIVE_FORMAT=raw -e QEMU_DISK_MODE=throwaway \
        -e QEMU_ACCEL=tcg "$IMAGE"
    assert_line 'vm: error: QEMU_ARCH=i386: there is no program qemu-system-i386 on PATH'
    assert_line --partial 'build the image with --build-arg I386=1'
    assert_equal "$(grep -c ': error: ' <<<"$output")" 1
}
