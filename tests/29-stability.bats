# docs/contract.json, what users can rely on, against the program (scripts/contract).
load helpers

# changed JQ...: the contract with these changes, in $T/contract.json.
changed() {
    jq "$1" "$ROOT/docs/contract.json" >"$T/contract.json"
    export CONTRACT=$T/contract.json
}

@test "settings, exit statuses, commands, JSON documents and events match the contract" {
    run -0 "$ROOT/scripts/contract"
}

@test "each name that is missing or has another type is reported" {
    changed '.settings.QEMU_OLD = {"type": "text"}
        | .settings.QEMU_RAM.type = "text"
        | .settings.SERIAL_PORT.default = "5556"
        | .image.ports += ["23"]
        | .image.compose += ["HOST_SSH_PORT=22:2222"]
        | .settings.VM_GUEST.choices += ["minix3"]
        | .settings.VM_STOP_TIMEOUT.max = 10000000
        | .statuses["80"] = "the guest is well"
        | .commands.fly = []
        | .commands.status += ["--yaml"]
        | .documents["vm status --json"]["ports.telnet"] = "number"
        | .documents["vm status --json"].ready = "string"
        | .documents["vm status --json"]["phases[].colour"] = "string"
        | .events.landed = {}
        | .events.spawn.uid = "number"
        | .events.exit.status = "string"
        | .events.snapshot.ms = "number"
        | .api["GET /api/v1/moon"] = []'
    run -1 "$ROOT/scripts/contract"
    assert_line 'contract: setting QEMU_OLD has gone, and was not deprecated before'
    assert_line 'contract: setting SERIAL_PORT is 5555 by default, no longer 5556'
    assert_line "contract: the image's ports no longer have 23"
    assert_line "contract: the image's compose no longer have HOST_SSH_PORT=22:2222"
    assert_line --regexp 'contract: setting QEMU_RAM is of type [a-z]*, no longer text'
    assert_line 'contract: setting VM_GUEST no longer takes minix3'
    assert_line --regexp 'contract: setting VM_STOP_TIMEOUT takes [0-9]* to [0-9]*, no longer [0-9]* to 10000000'
    assert_line --regexp "contract: exit status 80 is 'the guest panicked.*', no longer 'the guest is well'"
    assert_line 'contract: command fly has gone'
    assert_line 'contract: command status no longer has --yaml'
    assert_line 'contract: vm status --json no longer has ports.telnet'
    assert_line 'contract: vm status --json: ready is boolean, no longer string'
    assert_line 'contract: vm status --json no longer has phases[].colour'
    assert_line 'contract: event landed has gone'
    assert_line 'contract: event spawn no longer always has uid'
    assert_line 'contract: event exit: status is number, no longer string'
    assert_line 'contract: event snapshot no longer always has ms'
    assert_line 'contract: the web server no longer has GET /api/v1/moon'
    # The guest that was booted did write such records.
    assert_line --regexp 'contract: events.jsonl: .*"event": "spawn".* has no uid'
    assert_line --regexp 'contract: events.jsonl: status of .*"event": "exit".* is no string'
    cp "$T/contract.json" "$T/before.json"
    run -1 "$ROOT/scripts/contract" --update
    assert_line --partial 'For a new major version: scripts/contract --update --break'
    run -1 "$ROOT/scripts/contract" --update --break
    assert_line --partial 'removes only what was deprecated in an earlier one'
    cmp "$T/before.json" "$T/contract.json"
}

# retired_vm: the program with deprecated and removed settings, in $T/bin with PID 1's.
retired_vm() {
    cat >"$T/retired.def" <<'DEF'
DEPRECATED(QEMU_USB, "", "1.1.0", "set QEMU_EXTRA_ARGS=\"-device qemu-xhci\"")
DEPRECATED(QEMU_CACHE, "unsafe", "1.2.0", "set QEMU_DISK_MODE=throwaway")
REMOVED(QEMU_FLOPPY_A, "2.0.0", "set QEMU_FLOPPY")
REMOVED(CONSOLE_OLD, "2.0.0", "set CONSOLE_TIMED")
DEF
    make -s -C "$ROOT" build/retired/vm RETIRED_TABLE="$T/retired.def"
    mkdir "$T/bin"
    mv "$ROOT/build/retired/vm" "$T/bin/vm"
    cp "$ROOT/build/init" "$T/bin/init"
    VM=$T/bin/vm
}

@test "a deprecated setting or value warns once, with what replaces it; a removed one ends the start" {
    retired_vm
    # As before, and one warning each; what is not used warns of nothing.
    host_vm QEMU_USB=1 QEMU_CACHE=unsafe
    vm wait --timeout $((60 * PATIENCE))
    assert_equal "$(grep -c 'is deprecated' "$T/out")" 2
    grep -A 1 'deprecated' "$T/out" >"$T/said"
    diff "$T/said" - <<'SAID'
vm: warning: QEMU_USB is deprecated since version 1.1.0
vm:   fix: set QEMU_EXTRA_ARGS="-device qemu-xhci"; it works as before until the next major version
vm: warning: QEMU_CACHE=unsafe is deprecated since version 1.2.0
vm:   fix: set QEMU_DISK_MODE=throwaway; it works as before until the next major version
SAID
    vm args | grep -q usb=on
    vm stop
    host_vm_exit
    assert_equal "$STATUS" 0
    host_env QEMU_CACHE=none
    run -0 vm check
    refute_line --partial deprecated

    host_env QEMU_FLOPPY_A=/x CONSOLE_OLD=1
    run -78 vm check
    assert_line 'vm: error: QEMU_FLOPPY_A was removed in version 2.0.0'
    assert_line 'vm:   fix: set QEMU_FLOPPY; vm settings lists all; VM_FORCE=1 ignores it'
    assert_line 'vm: error: CONSOLE_OLD was removed in version 2.0.0'
    refute_line --partial 'is not a setting'
    host_env QEMU_FLOPPY_A=/x VM_FORCE=1
    run -0 vm check
    assert_line 'vm: warning: QEMU_FLOPPY_A was removed in version 2.0.0 (VM_FORCE=1: ignored)'

    # vm settings, its JSON and the tables of the documentation have it.
    host_env
    run -0 vm settings
    assert_line --partial 'USB controller. Default: 0. Deprecated since version 1.1.0: set QEMU_EXTRA_ARGS='
    assert_line --partial 'Deprecated since version 1.2.0 (unsafe): set QEMU_DISK_MODE=throwaway'
    run -0 vm settings --markdown
    assert_line --partial '| USB controller. **Deprecated** since version 1.1.0: set QEMU_EXTRA_ARGS='
    run -0 jq -c '.[] | select(.deprecated != []) | [.name, .deprecated[0].value, .deprecated[0].since]' <<<"$(vm settings --json)"
    assert_output $'["QEMU_USB",null,"1.1.0"]\n["QEMU_CACHE","unsafe","1.2.0"]'
}

@test "a deprecated setting has to be in the changelog, and may be removed when the contract has it" {
    retired_vm
    export VM
    changed '.'
    run -1 "$ROOT/scripts/contract" --exact
    assert_line 'contract: setting QEMU_USB is deprecated, and no section Deprecated of CHANGELOG.md names it'
    assert_line 'contract: setting QEMU_CACHE is deprecated, and no section Deprecated of CHANGELOG.md names it'
    # Deprecated in one version, and gone in a later one.
    VM=$ROOT/build/vm
    changed '.settings.QEMU_OLD = {"type": "text", "deprecated": {"": "1.1.0"}}'
    run -1 "$ROOT/scripts/contract"
    assert_line 'contract: setting QEMU_OLD has gone'
    run -0 "$ROOT/scripts/contract" --update --break
    run -0 "$ROOT/scripts/contract" --exact
}

@test "new names are no error, but must be listed before a release" {
    changed 'del(.settings.VM_GUEST) | del(.events.spawn) | .commands.status = []
        | del(.documents["vm status --json"].ready) | .settings.QEMU_ACCEL.choices |= .[1:]'
    run -0 "$ROOT/scripts/contract"
    run -1 "$ROOT/scripts/contract" --exact
    assert_line 'contract: not in the contract: settings: VM_GUEST'
    assert_line 'contract: not in the contract: settings: QEMU_ACCEL: choices'
    assert_line 'contract: not in the contract: commands: status: --json'
    assert_line 'contract: not in the contract: documents: vm status --json: ready'
    assert_line 'contract: not in the contract: events: spawn'
    run -0 "$ROOT/scripts/contract" --update
    run -0 "$ROOT/scripts/contract" --exact
}
