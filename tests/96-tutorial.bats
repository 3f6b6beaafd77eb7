# docs/tutorial.md: each block that is marked is run as it stands, but for names of its own.
load helpers

# block NAME CONTAINER: its commands, with this test's names for containers and images, in $T/block.
block() {
    CONTAINERS+=("$ID-$2")
    awk -v mark="<!-- test: $1 -->" '$0 == mark { found = 1; next } found && /^```/ { if (inside) exit
        inside = 1; next } inside' "$ROOT/docs/tutorial.md" |
        sed -E "s/(--name|exec|logs|stop|wait|rm|rm -f|rm -v|ExitCode\}\}'|Status\}\}'|cp) (first|kernel|profile|job)\>/\1 $ID-\2/g
            s|hurd-vm:first-ci|hurd-vm:$ID-ci|g; s|NAME=first-ci|NAME=$ID-ci|; s|hurd-vm( profile.*)?$|$IMAGE\1|" >"$T/block"
    echo "--- $1"
    cat "$T/block"
    [ -s "$T/block" ]
    run ! grep -E ' (first|kernel|profile|job)( |:|$)' <(sed 's/ #.*//; s/hurd-vm:[^ ]* profile --/--/' "$T/block")
}

@test "a guest in a container: snapshot, command, clean stop" {
    block guest first
    cd "$ROOT"
    run -0 sh -eu "$T/block"
    assert_line --partial 'ready: login prompt'
    assert_line --partial 'GNU Mach 1.8'
    assert_line hello
    assert_line 0
}

@test "a kernel without a boot loader" {
    block kernel kernel
    cd "$ROOT"
    run -0 sh -eu "$T/block"
    assert_line --partial 'RIP='
}

@test "a boot profile" {
    block profile profile
    cd "$T"
    run -0 sh -eu "$T/block"
    assert_line --partial 'cpu_2'
    [ -s "$(echo "$T"/profiles/*/report.txt)" ]
}

@test "an image for CI, and a job in it" {
    block ci job
    cd "$ROOT"
    run -0 sh -eu "$T/block"
    assert_line built
    docker rmi "hurd-vm:$ID-ci"
}
