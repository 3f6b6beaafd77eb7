# make soak in short: a few of its starts and stops, and of its kills.
load helpers

@test "starts and stops on the host leave nothing behind" {
    run -0 env IMAGE="$IMAGE" "$ROOT/tests/soak/cycles" 10
    assert_output --partial '10 of 10 starts and stops'
}

@test "starts and stops of a container leave nothing behind" {
    run -0 env IMAGE="$IMAGE" "$ROOT/tests/soak/container-cycles" 5
    assert_output --partial '5 of 5 starts and stops of a container'
}

@test "what the guest has synced survives docker kill -s KILL, and the image has no error" {
    run -0 env IMAGE="$IMAGE" "$ROOT/tests/soak/kills" 3
    assert_output --partial '3 of 3 kills'
}
