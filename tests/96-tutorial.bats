# docs/tutorial.md: each marked block is run as it is.
load helpers
load docs

@test "a guest in a container: snapshot, command, clean stop" {
    block docs/tutorial.md guest first
    cd "$ROOT"
    run_block
    assert_line --partial 'ready: login prompt'
    assert_line --partial 'GNU Mach 1.8'
    assert_line hello
    assert_line 0
}

@test "a kernel without a boot loader" {
    block docs/tutorial.md kernel kernel
    cd "$ROOT"
    run_block
    assert_line --partial 'RIP='
}

@test "a boot profile" {
    block docs/tutorial.md profile profile
    cd "$T"
    run_block
    assert_line --partial 'cpu_2'
    [ -s "$(echo "$T"/profiles/*/report.txt)" ]
}

@test "an image for CI, and a job in it" {
    block docs/tutorial.md ci job
    cd "$ROOT"
    run_block
    assert_line built
    docker rmi "hurd-vm:$ID-first-ci"
}
