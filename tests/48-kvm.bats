# /dev/kvm missing, not a KVM device, without access, and as it is on this machine: the output of `vm kvm` and the
# effect on a start. tests/unit/test_kvm.c has the cases that need mounts or seccomp.
load helpers

GIVE="docker run --device /dev/kvm, with compose KVM_DEVICE=/dev/kvm, gives a container the host's KVM"

# kvm_in DOCKER-ARGUMENTS... [-- COMMAND...]: run `vm kvm`, or COMMAND, in a container.
kvm_in() {
    local args=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do args+=("$1"); shift; done
    [ $# -eq 0 ] && set -- kvm || shift
    run docker run --rm --name "$ID-kvm" --network none "${args[@]}" "$IMAGE" "$@"
}

# The lines about a KVM that does not work: the reason, and the fix.
assert_verdict() {
    assert_failure 1
    assert_line -n 0 "KVM does not work: $1"
    assert_line -n 1 "fix: $2"
    [ "${#lines[@]}" -eq 2 ]
}

@test "absent, and it cannot be created: no capability MKNOD, no write permission in /dev" {
    kvm_in --cap-drop ALL
    assert_verdict 'there is no /dev/kvm, and it cannot be created (Operation not permitted)' "$GIVE"
    kvm_in --user 1000
    assert_verdict 'there is no /dev/kvm, and it cannot be created (Permission denied)' "$GIVE"
}

@test "denied by the container's device rules; the node that was created for the test is removed" {
    local denied="/dev/kvm cannot be opened: the container's device rules forbid it (Operation not permitted)"
    kvm_in
    assert_verdict "$denied" "$GIVE"
    kvm_in -- init sh -c 'vm kvm --json; ls -l /dev/kvm'
    assert_failure
    assert_output --partial '"verdict":"denied","step":"open","errno":1,'
    assert_output --partial '"made_node":true'
    assert_output --partial 'No such file or directory'
    # A node that existed before is not changed.
    kvm_in -- init sh -c 'mknod -m 640 /dev/kvm c 10 232; chown 5:6 /dev/kvm; vm kvm; stat -c "%u:%g %a %t:%T" /dev/kvm'
    assert_line "KVM does not work: $denied"
    assert_line '5:6 640 a:e8'
}

@test "denied by the mode of the node; the group that has access is named" {
    container mode --network none --device-cgroup-rule 'c 10:232 rwm' -- init sleep 3600
    docker exec "$C" sh -c 'mknod -m 660 /dev/kvm c 10 232; chown 0:109 /dev/kvm'
    run docker exec --user 1000:1000 "$C" vm kvm
    assert_verdict '/dev/kvm cannot be opened by user 1000: it belongs to 0:109 with mode 0660' \
        'start the container with --group-add 109'
    docker exec "$C" chmod 600 /dev/kvm
    run docker exec --user 1000:109 "$C" vm kvm
    assert_verdict '/dev/kvm cannot be opened by user 1000: it belongs to 0:109 with mode 0600' \
        "start the container as root, or let the host's group kvm read and write /dev/kvm"
    run docker exec "$C" stat -c '%u:%g %a' /dev/kvm
    assert_output '0:109 600'
}

@test "not a KVM device: another device, a file, a directory" {
    kvm_in -v /dev/null:/dev/kvm
    assert_verdict '/dev/kvm is not KVM: it is device 1:3, not 10:232' "$GIVE"
    kvm_in -- init sh -c 'mknod -m 666 /dev/kvm c 1 3; exec vm kvm'
    assert_verdict '/dev/kvm is not KVM: it is device 1:3, not 10:232' "$GIVE"
    kvm_in -v /etc/hostname:/dev/kvm
    assert_verdict '/dev/kvm is not KVM: it is not a character device' "$GIVE"
    kvm_in -- init sh -c 'mkdir /dev/kvm; exec vm kvm'
    assert_verdict '/dev/kvm is not KVM: it is not a character device' "$GIVE"
}

@test "vm kvm --json reports the same for programs" {
    kvm_in -v /dev/null:/dev/kvm -- kvm --json
    assert_failure 1
    run -0 jq -S -c . <<<"$output"
    assert_output "$(jq -n -S -c --arg fix "$GIVE" '{works: false, verdict: "not-kvm", step: "stat",
        errno: 0, signal: 0, exit_reason: -1, loop_ms: 0, made_node: false, fix: $fix,
        brief: "/dev/kvm is not KVM",
        reason: "/dev/kvm is not KVM: it is device 1:3, not 10:232"}')"
}

# KVM of this machine, whatever its state: the verdict on the host must be the same as in a container with compose's
# restrictions, where the program creates the node itself. (A host without KVM has no /dev/kvm, and none is left
# there.)
@test "KVM of this machine: the same verdict on the host, in the container, and at a start" {
    run "$VM" kvm --json
    [ "$status" -le 1 ]
    local here=$output verdict accel=tcg
    verdict=$(jq -r .verdict <<<"$here")
    [ "$verdict" != works ] || accel=kvm
    case $verdict in
    works) [ "$status" -eq 0 ] && [ "$(jq -r '.exit_reason, .fix' <<<"$here")" = $'5\n' ] ;;
    absent) [ "$status" -eq 1 ] && ! [ -e /dev/kvm ] ;;
    too-slow | broken | refused) [ "$status" -eq 1 ] && [ -c /dev/kvm ] ;;
    *) fail "root on the host: $here" ;;
    esac
    kvm_in "${SAFE[@]}" -- kvm --json
    [ "$(jq -r .verdict <<<"$output")" = "$verdict" ] || fail "host: $here; container: $output"
    [ "$(jq -r .made_node <<<"$output")" = true ]
    [ -z "$(jq -r .fix <<<"$here")" ] || [ "$(jq -r .fix <<<"$output")" = "$(jq -r .fix <<<"$here")" ]

    container start "${SAFE[@]}"
    container_ready "$C"
    run -0 docker exec "$C" vm status --json
    [ "$(jq -r .accelerator <<<"$output")" = "$accel" ]
    if [ "$accel" = kvm ]; then
        logs_have "$C" 'vm: accelerator KVM: /dev/kvm ran a million iterations of a loop in '
    else
        logs_have "$C" "vm: accelerator TCG, because $(jq -r .brief <<<"$here"); vm kvm says more"
    fi
    run -0 docker exec "$C" vm args
    assert_line --regexp "^$accel(,|\$)"
}

@test "QEMU_ACCEL=kvm is refused with the reason; with VM_FORCE=1 QEMU reports it" {
    kvm_in -v /dev/null:/dev/kvm -e QEMU_ACCEL=kvm -- run
    assert_failure 69
    assert_line 'vm: error: QEMU_ACCEL=kvm: /dev/kvm is not KVM: it is device 1:3, not 10:232'
    assert_line "vm:   fix: $GIVE; or leave QEMU_ACCEL unset, to run with TCG"
    kvm_in -e QEMU_ACCEL=kvm -- run
    assert_failure 77
    assert_line "vm: error: QEMU_ACCEL=kvm: /dev/kvm cannot be opened: the container's device rules forbid it (Operation not permitted)"
    kvm_in -v /dev/null:/dev/kvm -e QEMU_ACCEL=kvm -e VM_FORCE=1 -- run
    assert_failure 69
    assert_line 'vm: accelerator KVM, by VM_FORCE=1, although /dev/kvm is not KVM: it is device 1:3, not 10:232'
    assert_line --partial 'failed to initialize kvm'
}

@test "QEMU_ACCEL=tcg tests nothing and does not create the node" {
    container tcg -e QEMU_ACCEL=tcg "${SAFE[@]}"
    container_ready "$C"
    wait_until 10 logs_have "$C" 'vm: accelerator TCG, because of QEMU_ACCEL=tcg'
    run docker exec "$C" ls /dev/kvm
    assert_failure
}

@test "a hundred tests leave no process and no descriptor" {
    container many -- init sleep 3600
    run -0 docker exec "$C" sh -c '
        i=0; while [ $i -lt 100 ]; do vm kvm >/dev/null; i=$((i + 1)); done'
    wait_until 10 only_init "$C"
}

# One process of this project is left in the container, and it is not a zombie.
only_init() {
    docker exec "$1" sh -c 'cat /proc/[0-9]*/stat' | awk '
        $2 == "(init)" || $2 == "(vm)" { n++; if ($3 == "Z") n++ }
        END { exit n != 1 }'
}
