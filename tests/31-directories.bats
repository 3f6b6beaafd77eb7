# Directories that several guests share, that are deleted with a container, or that are on a FUSE file system.
load helpers

@test "two guests with one VM_LOG_DIR: the logs of the second are in a directory of their own" {
    local first
    host_vm
    first=$VM_PID
    vm wait --timeout $((60 * PATIENCE))
    host_vm VM_RUN_DIR="$T/run2"
    vm wait --timeout $((60 * PATIENCE))
    grep -qF "vm: warning: VM_LOG_DIR=$T/log is in use by another guest: this one's logs are in $T/log/2" "$T/out"
    assert_equal "$(grep -ac 'machsh login' "$T/log/console.log")" 1
    assert_equal "$(grep -ac 'machsh login' "$T/log/2/console.log")" 1
    assert_equal "$(jq -r 'select(.event == "spawn").event' "$T/log/events.jsonl")" spawn
    # The first guest's directory is free again when it has ended.
    kill -TERM "$first"
    wait_until 60 process_is_gone "$first"
    host_vm VM_RUN_DIR="$T/run3"
    vm wait --timeout $((60 * PATIENCE))
    run ! grep 'is in use by another guest' "$T/out"
    assert_equal "$(grep -ac 'machsh login' "$T/log/console.log")" 2
}

@test "a disk in the container's own layer causes a warning; a mounted or throwaway one does not" {
    local at='is in this container and is removed with it: mount the directory' mode
    cp "$MACH_MINI" "$T/one.qcow2"
    chmod 666 "$T/one.qcow2"
    kept() {
        run -0 docker run --rm --name "$ID-kept" -v "$T/one.qcow2:/opt/hurd-image/debian-hurd-amd64.qcow2" \
            -e VM_GUEST=mach "$@" "$IMAGE" check
    }
    kept -e QEMU_DISK_MODE=overlay
    assert_line --partial "warning: the overlay /opt/hurd-image/debian-hurd-amd64.qcow2.overlay $at (-v \"\$PWD/images:/opt/hurd-image\")"
    kept -e VM_STOP=suspend
    assert_line --partial "warning: the suspended state /opt/hurd-image/state/debian-hurd-amd64.qcow2.suspended $at (-v \"\$PWD/images:/opt/hurd-image\")"
    kept -e VM_STOP=suspend -e VM_STATE_DIR=/states --tmpfs /states
    assert_line --partial "warning: the suspended state /states/"
    assert_line --partial "$at (-v \"\$PWD/states:/states\")"
    for mode in QEMU_DISK_MODE=throwaway VM_WARM=1 VM_STOP=poweroff; do
        kept -e "$mode"
        refute_line --partial "$at"
    done
    mkdir "$T/dir"
    cp "$MACH_MINI" "$T/dir/debian-hurd-amd64.qcow2"
    chmod -R a+rwX "$T/dir"
    for mode in QEMU_DISK_MODE=overlay VM_STOP=suspend; do
        run -0 docker run --rm --name "$ID-kept" -v "$T/dir:/opt/hurd-image" -e VM_GUEST=mach -e "$mode" "$IMAGE" check
        refute_line --partial "$at"
    done
}

@test "a key pair that cannot be created leaves no incomplete files" {
    local keys=$ROOT/guest-tools/make-keys
    mkdir "$T/bin"
    # A disk that is full while the key is written.
    # shellcheck disable=SC2016 # the stand-in's own
    printf '%s\n' '#!/bin/sh' 'while [ "$1" != -f ]; do shift; done; : >"$2"; : >"$2.pub"; exit 1' >"$T/bin/ssh-keygen"
    chmod +x "$T/bin/ssh-keygen"
    run -77 env PATH="$T/bin:$PATH" "$keys" "$T/ssh" "$(id -u):$(id -g)"
    assert_equal "$(ls -A "$T/ssh")" ''
    # An empty key file, from an earlier failure, is replaced.
    touch "$T/ssh/id_ed25519" "$T/ssh/id_ed25519.pub"
    run -0 "$keys" "$T/ssh" "$(id -u):$(id -g)"
    run -0 ssh-keygen -y -f "$T/ssh/id_ed25519"
    assert_equal "$(cut -d ' ' -f 1,2 <<<"$output")" "$(cut -d ' ' -f 1,2 "$T/ssh/id_ed25519.pub")"
    # A private key that the user provides is kept, and gets its public key.
    cp "$T/ssh/id_ed25519" "$T/kept"
    rm "$T/ssh/id_ed25519.pub"
    run -0 "$keys" "$T/ssh" "$(id -u):$(id -g)"
    cmp "$T/kept" "$T/ssh/id_ed25519"
    [ -s "$T/ssh/id_ed25519.pub" ]
    assert_equal "$(find "$T/ssh" -name '.new-*')" ''
}

@test "scripts: keys that the container did not create are not used" {
    mkdir "$T/bin"
    printf '%s\n' '#!/bin/sh' 'exit 1' >"$T/bin/docker"
    chmod +x "$T/bin/docker"
    # shellcheck disable=SC2016 # sh -c has them
    run ! env PATH="$T/bin:$PATH" sh -c '. "$1/scripts/lib.sh"; . "$1/scripts/in-container.sh"; image=none; make_keys "$2"' \
        sh "$ROOT" "$T/ssh"
    assert_output --partial "no key pair could be made in $T/ssh"
    assert_equal "$(ls -A "$T/ssh")" ''
}

# As with Docker Desktop's shares: a file that is removed while it is open stays under another name.
@test "states on a FUSE file system leave nothing behind, whether they are used or discarded" {
    mkdir "$T/source" "$T/images"
    bindfs "$T/source" "$T/images"
    cp "$MACH_MINI" "$T/images/disk.qcow2"
    chmod 666 "$T/images/disk.qcow2"
    host_vm VM_GUEST=mach VM_STOP=suspend
    vm wait --timeout $((60 * PATIENCE))
    run -0 vm stop
    host_vm_exit
    assert_equal "$(ls -A "$T/images/state")" disk.qcow2.suspended
    host_vm VM_GUEST=mach VM_STOP=suspend
    wait_until 60 grep -q 'resumed from' "$T/out"
    # The second stop cancels the save that the first one has started.
    kill -TERM "$VM_PID"
    wait_until 30 grep -q "saving the guest's state" "$T/out"
    kill -TERM "$VM_PID"
    host_vm_exit
    if grep -q 'saving the suspended state was cancelled' "$T/out"; then # otherwise it was saved before
        assert_equal "$(ls -A "$T/images/state")" ''
    else
        assert_equal "$(ls -A "$T/images/state")" disk.qcow2.suspended
    fi
}

teardown() {
    ! grep -q " $T/images " /proc/mounts || umount -l "$T/images"
    vm_teardown
}
