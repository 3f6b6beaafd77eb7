# The marked blocks of the other pages are run as they are.
load helpers
load docs

teardown() {
    [ ! -d "$T/project" ] || project_down
    vm_teardown
}

@test "docs/automation.md: vm exec in a Linux guest" {
    linux_vm VM_SSH_KEY="$GUESTS/linux-key"
    vm wait --for ssh --timeout $((90 * PATIENCE))
    # What the page assumes.
    vm exec --via ssh 'mkdir -p /root/project && printf "#!/bin/sh\necho checked\n" >/bin/make && chmod +x /bin/make'
    block docs/automation.md exec
    mkdir "$T/bin" "$T/here"
    ln -s "$VM" "$T/bin/vm"
    echo input >"$T/here/x"
    cd "$T/here"
    run -0 "${ENV[@]}" PATH="$T/bin:$PATH" sh -u "$T/block"
    assert_line --partial 'ready: '
    assert_line --partial 'Linux '
    assert_line --partial 'not done within 5 s: ended by ^C'
    assert_equal "$(cat check.log)" checked
    assert_equal "$(vm exec --via ssh 'cat /tmp/x')" input
}

@test "docs/files.md: vm push and vm pull in a Linux container" {
    project
    cp "$GUESTS/linux.qcow2" images/
    chmod 666 images/linux.qcow2
    # The image has no key of its own; the console needs none.
    VM_GUEST=linux QEMU_RAM=512 docker compose up -d --no-build
    mkdir -p share/project/build
    echo result >share/project/build/result
    echo '127.0.0.1 here' >share/hosts
    docker compose exec -T hurd vm wait --timeout $((90 * PATIENCE))
    block docs/files.md copy
    run_block
    run -0 docker compose exec -T hurd vm exec 'cat /etc/hosts'
    assert_line --partial '127.0.0.1 here'
    assert_equal "$(cat share/build/result)" result
}

@test "docs/guests.md: an image is checked and grown" {
    project
    cp "$MACH_MINI" images/mine.qcow2
    chmod 666 images/mine.qcow2
    local before
    before=$(qemu-img info --output=json images/mine.qcow2 | jq '."virtual-size"')
    block docs/guests.md image
    run_block
    assert_equal "$(qemu-img info --output=json images/mine.qcow2 | jq '."virtual-size"')" $((before + 4 * 1024 ** 3))
}

@test "docs/lab.md: the CPU models" {
    project
    docker compose up -d --no-build
    docker compose exec -T hurd vm wait --timeout $((60 * PATIENCE))
    block docs/lab.md cpus
    run_block
    assert_line --regexp '^\* '
    assert_line qemu64
    assert_line --partial 'sse4.2'
    assert_output --partial '486'
}

@test "docs/snapshots.md: save, list, load, delete" {
    project
    docker compose up -d --no-build
    docker compose exec -T hurd vm wait --timeout $((60 * PATIENCE))
    block docs/snapshots.md snapshots
    run_block
    assert_line --regexp '^before-upgrade '
    run -0 docker compose exec -T hurd vm snapshot list
    refute_output --partial before-upgrade
}

@test "docs/states.md: a guest is resumed" {
    project
    block docs/states.md warm
    run_block
    docker compose exec -T hurd vm wait --timeout $((60 * PATIENCE))
    run -0 docker compose logs
    assert_output --partial 'resumed from /opt/hurd-image/state/'
}
