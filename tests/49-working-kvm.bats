# A working KVM on any host: QEMU emulates AMD's virtualisation under TCG, so that the linux guest on such a
# processor has a real /dev/kvm. In it the container's file system (by 9p) tests KVM, runs a guest under it, and
# falls back to TCG when QEMU does not start with KVM.
#
# An emulated kernel is slow: the first tests after its start may exceed their time limit.
# alone: other work on two processors makes this KVM as slow as one that does not work

load helpers

setup_file() {
    local id
    T=$BATS_FILE_TMPDIR
    PIDS=()
    chmod 755 "$BATS_RUN_TMPDIR" "$T"
    mkdir "$T/root"
    id=$(docker create "$IMAGE")
    docker export "$id" | tar -x -C "$T/root"
    docker rm "$id" >/dev/null
    chmod 1777 "$T/root/tmp"
    cat "$GUESTS/linux-initrd" "$GUESTS/linux-kvm.cpio.gz" >"$T/initrd"
    free_port >"$T/port"
    host_vm VM_GUEST=linux QEMU_ACCEL=tcg QEMU_CPU=EPYC QEMU_RAM=1024 QEMU_KERNEL="$GUESTS/linux-vmlinuz" \
        QEMU_INITRD="$T/initrd" QEMU_APPEND='console=ttyS0 no_timer_check quiet' ENABLE_9P=1 SHARE_DIR="$T/root" \
        QEMU_HOSTFWDS="$(cat "$T/port"):22" VM_BIND=127.0.0.1
    echo "$VM_PID" >"$T/pid"
    vm wait --for login --timeout 900 || {
        tail -n 20 "$T/out" >&2
        return 1
    }
    wait_until 60 in_guest true
    in_guest <<'END'
set -e
cd /lib/modules/*
for m in irqbypass ccp kvm kvm_amd; do insmod $m.ko; done
cd /mnt/share
mount -t proc proc proc
mount -o bind /dev dev
for d in run tmp var/tmp var/log; do mount -t tmpfs tmp $d; done
END
}

teardown_file() {
    T=$BATS_FILE_TMPDIR
    end_process "$(cat "$T/pid")"
}

# in_guest COMMAND: run by the guest's shell, or typed as input to it.
in_guest() {
    ssh -F none -i "$GUESTS/linux-key" -p "$(cat "$BATS_FILE_TMPDIR/port")" -o StrictHostKeyChecking=no \
        -o UserKnownHostsFile=/dev/null -o ConnectTimeout=60 -o LogLevel=ERROR -o BatchMode=yes \
        root@127.0.0.1 "$@"
}

# in_image COMMAND: run in the container's file system, in the guest.
in_image() {
    in_guest "cd / && chroot /mnt/share env $*"
}

# start_guest NAME=VALUE...: vm run inside the guest; its output goes to /tmp/out.
start_guest() {
    in_guest "cd / && $* QEMU_HOSTFWDS=none VM_STOP_TIMEOUT=60 chroot /mnt/share /init run >/tmp/out 2>&1 &
        until grep -q 'vm: accelerator' /tmp/out; do sleep 0.1; done"
}

guest_ended() {
    in_guest 'grep -q "vm: exit status" /tmp/out'
}

guest_said() {
    in_guest "grep -q '$1' /tmp/out"
}

proof_works() {
    in_image vm kvm --json >"$T/proof"
}

@test "vm kvm reports that KVM works" {
    wait_until 120 proof_works
    run -0 jq -r '.verdict, .step, .errno, .exit_reason, .fix' "$T/proof"
    assert_output $'works\ndone\n0\n5'
    [ "$(jq '.loop_ms > 0' "$T/proof")" = true ]
    run -0 jq -r .reason "$T/proof"
    assert_output --regexp '^/dev/kvm ran a million iterations of a loop in [0-9]+\.[0-9]{2} ms$'
    run -0 in_guest 'dmesg | grep -c "kvm_amd: Nested Paging enabled"'
}

@test "a guest runs under KVM in an unprivileged QEMU, on a descriptor from PID 1" {
    # KVM is forced, because its test may take too long in the emulated machine.
    start_guest QEMU_ACCEL=kvm VM_FORCE=1
    run -0 in_image vm wait --for login --timeout 900
    run -0 in_image vm status --json
    assert_equal "$(jq -r .accelerator <<<"$output")" kvm
    local qemu
    qemu=$(jq -r .qemu.pid <<<"$output")
    run -0 in_guest "cat /proc/$qemu/status; ls -l /proc/$qemu/fd; ls -l /dev/kvm"
    assert_line --regexp '^Uid:[[:space:]]107[[:space:]]107[[:space:]]107[[:space:]]107$'
    assert_line --regexp '^CapEff:[[:space:]]0{16}$'
    assert_line --regexp ' -> .*/dev/kvm$'
    assert_line --partial 'anon_inode:kvm-vcpu:0'
    assert_line --regexp '^crw------- .* root .* /dev/kvm$'
    run -0 in_image QEMU_ACCEL=kvm VM_FORCE=1 vm args
    assert_line 'kvm,device=/dev/fdset/8'
    run -0 in_image vm stop
    wait_until 60 guest_ended
    run -0 in_guest 'tail -n 1 /tmp/out'
    assert_output 'vm: exit status 0'
}

@test "if QEMU ends under automatically selected KVM, it is started once more with TCG" {
    # KVM refuses -icount, TCG accepts it.
    local args="QEMU_EXTRA_ARGS='-icount shift=auto'" attempt
    for attempt in $(seq 20); do
        start_guest "$args"
        ! guest_said 'accelerator KVM: /dev/kvm ran a million' || break
        # Status 0: it was stopped before the guest ran.
        run in_image vm stop --now
        [[ $status =~ ^(0|82)$ ]]
        wait_until 60 guest_ended
    done
    wait_until 300 guest_said 'vm: the guest runs'
    run -0 in_guest cat /tmp/out
    assert_line 'qemu: qemu-system-x86_64: -icount is not allowed with hardware virtualization'
    assert_line 'vm: warning: accelerator TCG, because QEMU ended under KVM before the guest ran; starting QEMU once more'
    run -0 in_image vm status --json
    assert_equal "$(jq -r '.accelerator + ": " + .accelerator_reason' <<<"$output")" \
        'tcg: TCG, because QEMU ended under KVM before the guest ran'
    run -82 in_image vm stop --now
    wait_until 60 guest_ended

    # With QEMU_ACCEL=kvm, an explicit choice, there is no second start.
    start_guest QEMU_ACCEL=kvm VM_FORCE=1 "$args"
    wait_until 120 guest_ended
    run -0 in_guest cat /tmp/out
    refute_output --partial 'once more'
    assert_line 'vm: exit status 69'
}
