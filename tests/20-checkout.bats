# Properties of a checkout before anything is built: line ends that a shell accepts, C files of limited length, every
# external command in scripts/tools, and an error for a test file that does not exist.
load helpers

@test "a checkout with core.autocrlf=true has the same bytes as the repository" {
    git clone -q --no-hardlinks -c core.autocrlf=true "$ROOT" "$T/windows"
    # In the output of git ls-files, `i/` is the repository, `w/` the working tree.
    run -0 git -C "$T/windows" ls-files --eol
    assert_line --regexp '^i/lf +w/lf .*scripts/up$'
    assert_line --regexp '^i/lf +w/lf .*images/mach-mini/build.sh$'
    run -0 awk -F'[/ \t]+' '$2 != $4' <<<"$output"
    refute_output
}

@test "C files and headers of more than 500 lines are refused, with their length" {
    mkdir -p "$T/new"/{scripts,init}
    cp "$ROOT"/scripts/{check-lengths,lib.sh} "$T/new/scripts"
    git -C "$T/new" init -q
    cd "$T/new"
    yes | head -n 500 | tee init/a.c >init/a.h
    git add init
    scripts/check-lengths
    echo >>init/a.h
    yes | head -n 777 >init/new.c # not added yet
    run -1 scripts/check-lengths
    assert_line --partial 'init/a.h has 501 lines, more than 500'
    assert_line --partial 'init/new.c has 777 lines'
    assert_equal "${#lines[@]}" 2
}

# A small repository with the checker and its table in it.
repository() {
    mkdir -p "$T/new/scripts"
    cp "$ROOT"/scripts/{tools,check-tools} "$T/new/scripts"
    cp "$ROOT/Dockerfile" "$T/new"
    git -C "$T/new" init -q
    cd "$T/new" || return
    scripts/check-tools
}

@test "the first use of a command without a row in scripts/tools is found, in every language" {
    repository
    { echo '@test "telnet" {' && cat; } >a.bats <<'END' # bats would take the line for a test of its own
    run -0 talk -t 60 nosuchtelnet 127.0.0.1 :: eof
    wait_until 5 timeout -k 1 10 env A="$b" nosuchwaited
    bash -c 'true && nosuchquoted | cat'
    cat >script <<END_OF_SCRIPT
#!/bin/sh
nosuchwritten
END_OF_SCRIPT
}
END
    cat >b.bash <<'END'
wait_until() { local t=$1; shift; until "$@"; do sleep "$t"; done; }
talk() { "$ROOT/tests/talk" "$@"; }
own() { nosuchinner; }
tool=(nosucharray --quiet)
"${tool[@]}" && own
END
    printf '#!/bin/sh\nls | xargs -r -n 1 sh -c %s\n' "'nosuchxargs \"\$1\"'" >c
    printf 'N := $(shell nosuchshell)\nall:\n\t@$(N) || { nosuchmake; }\n' >Makefile
    printf 'import subprocess\nsubprocess.run(["nosuchpython", "-x"])\nw = ["nosuchlist"]\nsubprocess.Popen(w + [1])\n' >d.py
    run -1 scripts/check-tools
    for name in telnet waited quoted written array inner xargs shell make python list; do
        assert_output --partial "nosuch$name is not in scripts/tools"
    done
    refute_line --regexp ': (talk|wait_until|own|tool) '
    sed -n 's/.*: \(nosuch[a-z]*\) is.*/test \1 some-package/p' <<<"$output" >>scripts/tools
    scripts/check-tools
}

@test "a use of busybox is found when its row is removed from the table" {
    repository
    sed -i '/ busybox /d' scripts/tools
    echo 'talk() { :; }' >b.bash
    printf '@test "b" {\n    run -0 talk -t 60 busybox telnet 127.0.0.1 5555 :: eof\n}\n' >a.bats
    run -1 scripts/check-tools
    assert_output 'a.bats:2: busybox is not in scripts/tools; add a row: test busybox PACKAGE'
}

@test "the Dockerfile installs every command of the guest tools on both base images" {
    repository
    sed -i 's/ tar unzip / tar /; s/ xz-utils / /' Dockerfile
    run -1 scripts/check-tools
    assert_line "scripts/tools: unzip needs 'unzip', which the Dockerfile's \`apk add\` does not name"
    assert_line "scripts/tools: xz needs 'xz-utils', which the Dockerfile's \`apt-get -qq install\` does not name"
    assert_equal "${#lines[@]}" 2
}

@test "a missing bats file is one error before anything is built, with similar names" {
    local name=36-stpo
    run env -u MAKEFLAGS make -s -C "$ROOT" test T="$name"
    assert_failure 2
    assert_line "tests/run: tests/$name.bats: no such file"
    assert_line 'tests/run:   nearest: 36-stop'
    refute_line --partial setup-host
    # The reports of an earlier run stay.
    mkdir "$T/out"
    touch "$T/out/summary"
    OUT=$T/out run -64 "$ROOT/tests/run" tests/36-stop.bats tests/bogus.bats
    assert_line 'tests/run: tests/bogus.bats: no such file'
    assert_line --regexp '^tests/run:   choose one of: 10-cli .* 36-stop '
    assert_equal "${#lines[@]}" 2
    [ -e "$T/out/summary" ]
}

# bats_file NAME LINE...: a bats file with one test of these lines.
bats_file() {
    printf '%s\n' "@""test \"$1\" {" "${@:2}" '}' >"$T/$1.bats"
}

# test_run [NAME=VALUE...] PATTERN: tests/run, without the variables and the search path of the bats that runs this.
test_run() {
    env -i PATH="$(tr ':' '\n' <<<"$PATH" | grep -v bats-core | paste -sd:)" HOME="$HOME" OUT="$T/out" \
        "${@:1:$#-1}" "$ROOT/tests/run" "$T"/${!#}
}

@test "failed bats files run once more if they are few: what passes then is listed, what fails is still failed" {
    bats_file race "[ -e '$T/raced' ] || { touch '$T/raced'; false; }"
    bats_file wrong false
    bats_file right true
    bats_file skips "[ -e '$T/skipped' ] || { touch '$T/skipped'; skip later; }"
    run -1 test_run AGAIN=3 JOBS=2 '*.bats'
    assert_line --regexp '^  wrong.tap:not ok 1 wrong '
    refute_line --partial race.tap:
    assert_line 'Passed only when run again:'
    assert_line --regexp '^  race: not ok 1 race '
    assert_line --regexp '^  skips: ok 1 skips .*# skip'
    assert_line '3 passed, 1 failed'
    # More than AGAIN; by default none.
    rm "$T/raced"
    run -1 test_run AGAIN=1 '*.bats'
    assert_line '2 passed, 2 failed'
    rm "$T/raced"
    run -1 test_run race.bats
    assert_line '0 passed, 1 failed'
}

@test "tests/run ends its bats files when it gets SIGTERM, and they clean up" {
    bats_file long "touch '$T/began'" 'sleep 300'
    printf '%s\n' 'teardown() {' "touch '$T/ended'" '}' >>"$T/long.bats"
    test_run long.bats >"$T/log" 3>&- &
    local shell=$! status=0
    PIDS+=("$shell")
    wait_until 30 test -e "$T/began"
    kill "$(pgrep -P "$shell")"
    wait "$shell" || status=$?
    assert_equal "$status" 143
    [ -e "$T/ended" ]
}
