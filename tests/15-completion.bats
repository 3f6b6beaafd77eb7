# Completions of the command line in bash, zsh and fish, tested with the shells themselves, and the manual pages.
load helpers

# The completions of bash for the WORDs, of which the last may be incomplete.
in_bash() {
    # shellcheck disable=SC2016 # for the inner shell
    bash --norc -c 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vm
        printf "%s\n" "${COMPREPLY[@]}"' "$ROOT/completions/vm.bash" vm "$@"
}

in_fish() {
    HOME=$T XDG_CONFIG_HOME=$T XDG_DATA_HOME=$T fish --no-config -c "source $ROOT/completions/vm.fish
        complete -C '$1'" | cut -f 1
}

commands() { "$VM" --help --json | jq -r '.[].name' | sort; }

options() { "$VM" --help --json | jq -r ".[] | select(.name == \"$1\").options[].name"; echo --help; }

@test "bash completes every command and every option of each" {
    assert_equal "$(in_bash '' | grep -v '^-' | sort)" "$({ commands; echo help; } | sort)"
    local command
    for command in $(commands); do
        assert_equal "$(in_bash "$command" -- | sort)" "$(options "$command" | sort)"
    done
}

@test "bash completes values: enumerations, files, directories; nothing if the values are not known" {
    assert_equal "$(in_bash wait --for l)" login
    assert_equal "$(in_bash snapshot '')" $'save\nload\ndelete\nlist'
    assert_equal "$(in_bash markers h)" hurd
    assert_equal "$(in_bash wait --timeout '')" ''
    assert_equal "$(in_bash exec '')" ''
    mkdir "$T/a directory"
    touch "$T/a file"
    cd "$T"
    assert_equal "$(in_bash script a | sort)" $'a directory\na file'
    assert_equal "$(in_bash push 'a file' a | sort)" $'a directory\na file'
    assert_equal "$(in_bash profile --out a)" 'a directory'
}

@test "bash completes in an interactive shell with Tab" {
    run -0 talk -t 20 env PS1='$ ' bash --norc --noprofile -i :: "send:source $ROOT/completions/vm.bash; echo rea''dy" \
        'expect:ready' 'raw:vm snap\t' 'expect:shot ' 'raw:li\t' 'expect:list' 'raw:\x15' 'send:exit 0' eof
}

@test "zsh completes in an interactive shell with Tab" {
    run -0 zsh -n "$ROOT/completions/_vm"
    local command start="fpath=($ROOT/completions \$fpath); autoload -Uz compinit; compinit -u -d $T/dump; echo rea''dy"
    run -0 talk -t 60 env HOME="$T" TERM=dumb zsh -f -i :: "send:$start" expect:ready \
        'raw:vm snap\t' expect:shot 'raw:li\t' expect:st 'raw:\x15' 'raw:vm wait --f\t' expect:or 'raw:lo\t' \
        expect:gin 'raw:\x15' 'raw:vm profile --b\t' 'expect:expected times' 'raw:\x15' 'send:exit 0' eof
    # _arguments reports a specification that it does not understand only when it uses it.
    local steps=()
    for command in $(commands); do steps+=('raw:\x15' "raw:vm $command --he\t" expect:lp); done
    run -0 talk -t 60 env HOME="$T" TERM=dumb zsh -f -i :: "send:$start" expect:ready "${steps[@]}" 'raw:\x15' \
        'send:exit 0' eof
    refute_output --partial 'invalid'
}

@test "fish completes every command, its options, and values" {
    run -0 fish --no-execute "$ROOT/completions/vm.fish"
    assert_equal "$(in_fish 'vm ' | sort)" "$(commands)"
    local command
    for command in $(commands); do
        assert_equal "$(in_fish "vm $command --" | sort)" "$(options "$command" | sort)"
    done
    assert_equal "$(in_fish 'vm wait --for l')" login
    assert_equal "$(in_fish 'vm snapshot ' | sort)" $'delete\nlist\nload\nsave'
    assert_equal "$(in_fish 'vm snapshot save ')" ''
}

@test "the manual pages contain every command, option and setting, and groff prints no warning" {
    local page text name
    for page in vm.1 hurd-vm-init.8; do
        run -0 --separate-stderr man --warnings -E UTF-8 -l -Tutf8 "$ROOT/man/$page"
        # shellcheck disable=SC2154 # set by run
        assert_equal "$stderr" ''
    done
    text=$(MANWIDTH=1000 man -E ascii -l "$ROOT/man/vm.1" | sed 's/.\x08//g')
    for name in $(commands); do grep -qE "^ +vm $name( |\$)" <<<"$text"; done
    for name in $("$VM" --help --json | jq -r '.[].options[].name' | sort -u); do
        grep -qF -- "$name" <<<"$text"
    done
    text=$(MANWIDTH=1000 man -E ascii -l "$ROOT/man/hurd-vm-init.8" | sed 's/.\x08//g')
    for name in $("$VM" settings --json | jq -r '.[].name'); do
        grep -qE "^ +$name( |\$)" <<<"$text"
    done
}

@test "the image has manual pages and completions where man and the shells look for them" {
    # shellcheck disable=SC2016 # for the container's shell
    run -0 docker run --rm --network none --entrypoint sh "$IMAGE" -c 'cd /usr/local/share && sha256sum \
        man/man1/vm.1 man/man8/hurd-vm-init.8 bash-completion/completions/vm \
        zsh/site-functions/_vm fish/vendor_completions.d/vm.fish | cut -d " " -f 1'
    assert_output "$(cd "$ROOT" && sha256sum man/vm.1 man/hurd-vm-init.8 completions/vm.bash completions/_vm \
        completions/vm.fish | cut -d ' ' -f 1)"
}
