# The profiler's statistics against R (Debian: r-base-core), to 1e-9.
load helpers

setup_file() {
    gcc -std=c17 -O1 -D_GNU_SOURCE -I"$BATS_TEST_DIRNAME/../init" -o "$BATS_FILE_TMPDIR/figures" \
        "$BATS_TEST_DIRNAME/statistics/figures.c" "$BATS_TEST_DIRNAME"/../init/profile/stats*.c -lm
}

against_R() {
    run -0 Rscript --vanilla "$ROOT/tests/statistics/check.R" "$BATS_FILE_TMPDIR/figures" "$1"
    assert_line --regexp "^$1: at most [0-9.e-]+ apart$"
}

@test "Student's, Fisher's and the normal distribution agree with R" {
    against_R distributions
}

@test "power and the number of samples for an interval agree with R" {
    against_R power
}

@test "mean, median, quartiles and the interval on the logarithmic scale agree with R" {
    against_R summary
}

@test "Welch's test and the interval of a ratio agree with R" {
    against_R comparison
}

@test "the Hodges-Lehmann shift with its exact interval, and Holm's correction, agree with R" {
    against_R ranks
}

@test "the BCa interval agrees with R for the same resampled means" {
    against_R bootstrap
}

@test "the fit of Amdahl's law, and the test of a factor in unbalanced cells, agree with R" {
    against_R models
}
