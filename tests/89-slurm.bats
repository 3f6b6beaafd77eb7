# deploy/slurm/: a profile in shards on a Slurm cluster of one controller and two nodes, with munge (Debian's
# packages), in namespaces of its own (tests/slurm/cluster). Not tested: a cluster of several machines, and
# Apptainer, which Debian does not have.
load helpers

setup_file() {
    unshare --net --pid --mount --uts --fork --kill-child "$ROOT/tests/slurm/cluster" \
        >"$BATS_FILE_TMPDIR/cluster.out" 2>&1 3>&- &
    export CLUSTER=$! FIRST
    wait_until 20 first_process
    FIRST=$(pgrep -P "$CLUSTER")
    wait_until 30 nodes_are_idle || {
        cat "$BATS_FILE_TMPDIR/cluster.out"
        in_cluster sh -c 'tail -n 20 /var/log/slurm/*.log' || :
        return 1
    }
}

teardown_file() {
    end_process "$FIRST"
    end_process "$CLUSTER"
}

setup() {
    ID=hv$$-$BATS_TEST_NUMBER
    CONTAINERS=() PIDS=()
    T=$BATS_TEST_TMPDIR
    # An ordinary user's jobs, and files that this user can read.
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
    chmod 777 "$T"
    cp "$VM" "$MACH_MINI" "$T"
}

teardown() {
    if [ -z "$BATS_TEST_COMPLETED" ]; then
        tail -n 10 "$T"/*/*.log || :
        in_cluster sh -c 'squeue -a -r -t all; sinfo -R; tail -n 20 /var/log/slurm/ctld.log' || :
    fi
    in_cluster scancel --user nobody || :
    vm_teardown
}

in_cluster() {
    nsenter --target "$FIRST" --net --pid --mount --uts --wd="$PWD" -- "$@"
}

first_process() {
    pgrep -P "$CLUSTER"
}

nodes_are_idle() {
    in_cluster test -e /run/slurm/is-up && [ "$(in_cluster sinfo -h -o '%T=%N')" = 'idle=n[1-2]' ]
}

# as_user COMMAND...: run as a user with an account on the cluster, with the guest's settings.
as_user() {
    in_cluster setpriv --reuid 65534 --regid 65534 --clear-groups env -i PATH="$PATH" TMPDIR="$T" VM="$T/vm" \
        VM_EMBEDDED="$T/mach-mini.qcow2" VM_IMAGE_DIR="$T/none" QEMU_ACCEL=tcg "$@"
}

# submit SHARDS OUT OPTION...: the numbers of the jobs are put into ARRAY and MERGE.
submit() {
    run -0 as_user "$ROOT/deploy/slurm/profile.sbatch" "$@"
    [[ $output =~ 'shards: job '([0-9]+)', tasks '.*'report: job '([0-9]+) ]]
    ARRAY=${BASH_REMATCH[1]} MERGE=${BASH_REMATCH[2]}
}

job_is() {
    in_cluster scontrol -o show job "$1" | grep -q "JobState=$2 "
}

# The cells and samples of a report, without their times and warm-ups.
measured() {
    jq -c '. as $r | [.cells[] | {cell: ., n: $r[.].statistics.n, samples:
        [$r[.].samples[] | select(.warm_up | not) | [.round, .status]] | sort}]' "$1"
}

finished_samples() {
    [ "$(jq '.run.finished' "$1/results.json" 2>/dev/null)" -ge "$2" ]
}

MATRIX=(--cpus 1,2 --samples 5 --warm-up 1 --until kernel)

@test "two shards on two nodes, one of which fails: requeued, resumed, merged, the same table" {
    local node kept
    submit 2 "$T/out" "${MATRIX[@]}"
    wait_until 60 finished_samples "$T/out/shard-2" 1
    node=$(in_cluster squeue -h -r -j "${ARRAY}_2" -o %N)
    # A power cut: kill the first process of the node's namespace, and with it slurmd, the job and QEMU.
    in_cluster sh -c 'kill -9 "$(cat "/run/slurm/$1.init")"' sh "$node"
    kept=$(jq .run.finished "$T/out/shard-2/results.json")
    assert [ "$kept" -lt 6 ]
    # Meanwhile the same matrix without shards.
    as_user "$T/vm" profile "${MATRIX[@]}" --out "$T/whole" >"$T/whole.out" 2>&1 3>&- &
    local whole=$!
    wait_until 60 job_is "${ARRAY}_2" PENDING
    # Slurm would wait two minutes before it starts a requeued job.
    in_cluster scontrol update "jobid=${ARRAY}_2" starttime=now
    wait_until 120 job_is "$MERGE" COMPLETED
    run -0 in_cluster scontrol -o show job "${ARRAY}_2"
    assert_output --partial 'Restarts=1'
    wait "$whole"
    assert_equal "$(measured "$T/out/report/results.json")" "$(measured "$T/whole/results.json")"
    in_cluster "$ROOT/tests/slurm/cluster" node "$node"
    wait_until 60 nodes_are_idle
}

@test "the same command again does not measure anything again" {
    submit 2 "$T/out" --cpus 1 --samples 2 --warm-up 0 --until kernel
    wait_until 120 job_is "$MERGE" COMPLETED
    cp -r "$T/out" "$T/before"
    submit 2 "$T/out" --cpus 1 --samples 2 --warm-up 0 --until kernel
    wait_until 120 job_is "$MERGE" COMPLETED
    cmp "$T/before/shard-1/results.json" "$T/out/shard-1/results.json"
    cmp "$T/before/report/results.json" "$T/out/report/results.json"
}

@test "wrong arguments: no job is submitted, and the error says what is missing" {
    run -64 as_user "$ROOT/deploy/slurm/profile.sbatch"
    assert_line --partial 'SHARDS and OUT are missing'
    run -64 as_user "$ROOT/deploy/slurm/profile.sbatch" 0 "$T/out"
    assert_line --partial 'SHARDS 0 is not a number from 1 on'
    run -64 as_user "$ROOT/deploy/slurm/profile.sbatch" many "$T/out"
    assert_line --partial 'fix: give the number of shards'
    run -0 in_cluster squeue -h -u nobody
    refute_output
}
