# vm messages: every error and warning of the sources, with its exit status and its fix.
load helpers

AWK=(-f "$ROOT/init/vm/messages/messages.awk" -f "$ROOT/init/vm/messages/texts.awk"
    -f "$ROOT/init/vm/messages/tokens.awk")

# messages_of FILE.c [AWK...]: the rows that the build generates from this file.
messages_of() {
    local file=$1
    shift
    gcc -E -I"$ROOT/init" -D_GNU_SOURCE -DVM_VERSION='"test"' "$file" >"$T/preprocessed"
    "${@:-awk}" -v source="$file" "${AWK[@]}" "$T/preprocessed"
}

# found LEVEL STATUS LINE: vm messages finds the line of a log, with that level and status (0: any).
found() {
    local all
    all=$("$VM" messages --json "$3") || { echo "not listed: $3"; return 1; }
    # shellcheck disable=SC2016 # jq's variables
    jq -e --arg level "$1" --argjson status "$2" 'any(.[]; .level == $level and
        (if $level == "error" then $status == 0 or (.statuses | index($status)) else .statuses == [] end))' <<<"$all" >/dev/null || {
        echo "listed otherwise: $1 $2 $3"
        echo "$all"
        return 1
    }
}

@test "errors of vm check for wrong settings are in the list, with level and status" {
    local setting line first n=0
    for setting in QEMU_RAM=none QEMU_RAM=0 QEMU_ACCEL=fast QEMU_SMP=x QEMU_MACHINE='a b' QEMU_CPU='a b' \
        QEMU_HPET=2 QEMU_HPET=0 VM_BIND=here QEMU_DRIVE=/nowhere.qcow2 QEMU_DRIVE=relative QEMU_HOSTFWDS=tcp \
        QEMU_APPEND=x QEMU_INITRD=/x QEMU_KERNEL=/nowhere VM_TRACE=/nowhere QEMU_DEBUG='a b' QEMU_NET=socket \
        QEMU_SLIRP_NET=10.0.0.1/8 QEMU_MAC=1 VM_READY=ssh VM_STOP_LADDER=kick VM_MARKERS=/nowhere \
        SERIAL_PASSWORD_FILE=/nowhere VM_UID=12345678 QEMU_DISK_BUSS=ide VM_UNHEARD_OF=1 QEMU_BOOT_ORDER=z \
        VM_SHARE=disk QEMU_EXTRA_ARGS='"' VM_BOOT_RETRIES=1 QEMU_DISK_BUS=virtio QEMU_DISK_BUS=ide ENABLE_VNC=1; do
        run env -i PATH="$PATH" VM_GUEST=hurd VM_RUN_DIR="$T" VM_LOG_DIR="$T" VM_IMAGE_DIR="$T" VM_EMBEDDED="$MACH_MINI" \
            VM_UID=65534 VM_GID=65534 QEMU_HOSTFWDS=none "$setting" "$VM" check
        echo "--- $setting: status $status"
        # The status is that of the first error.
        first=$status
        while IFS= read -r line; do
            case $line in
            'vm: error: '*) found error "$first" "$line" && first=0 ;;
            'vm: warning: '*) found warning 0 "$line" ;;
            *) continue ;;
            esac
            n=$((n + 1))
        done <<<"$output"
    done
    [ "$n" -ge 45 ]
}

@test "errors of commands for wrong arguments are in the list" {
    local line
    for line in 'nosuch' 'send' 'exec' 'expect --timeout x y' 'snapshot' 'image resize' 'wait --for x' 'markers x' \
        'profile --cpus x' 'script' 'health --hold x' 'messages --x'; do
        # shellcheck disable=SC2086 # words
        run "$VM" $line
        echo "--- $line: status $status"
        found error "$status" "$(grep -m 1 '^vm: error: ' <<<"$output")"
    done
    run -1 env VM_RUN_DIR="$T" "$VM" status
    found error 1 "${lines[0]}" || [ "$("$VM" messages --json "${lines[0]}" | jq -c '.[0].statuses')" = '[]' ]
}

@test "every source file that emits errors or warnings is in the list" {
    local file
    for file in $(cd "$ROOT" && grep -lE '\b(error_set|errors_add)\(' -r init --include='*.c'); do
        # base/error.c and base/log.c define the functions, and the texts in base/messages are passed by callers.
        case $file in init/base/error.c | init/config/settings_check.c) continue ;; esac
        [ -s "$ROOT/build/obj/${file#init/}.messages" ] || { echo "$file: no messages"; return 1; }
    done
}

@test "the build fails for a message whose text cannot be determined, and succeeds for one with a text" {
    cat >"$T/a.c" <<'END'
bool hidden(struct error *err, int x)
{
	const char *why = somewhere_else(x);

	return error_set(err, EXIT_BAD_SETTING, "", "%s", why);
}
END
    run -1 messages_of "$T/a.c"
    assert_output --partial 'hidden(): error_set(): what does it say?'
    sed -i 's/somewhere_else(x)/x ? "is too long" : "is missing"/; s/"%s", why/"the name %s", why/' "$T/a.c"
    run -0 messages_of "$T/a.c"
    assert_line --partial '{EXIT_BAD_SETTING}, "the name is too long", ""'
    assert_line --partial '{EXIT_BAD_SETTING}, "the name is missing", ""'
}

@test "message texts are found through variables, helpers and functions, with status and fix" {
    cat >"$T/a.c" <<'END'
static const char fix[] = "ask \"again\"";
static bool fail(struct error *err, int status, const char *what)
{
	return error_set(err, status, fix, "%s: %s", name(), what);
}
static const char *reason(int x)
{
	if (x)
		return "one reason";
	return "another reason";
}
bool f(struct error *err, int x)
{
	char text[99];

	(void)snprintf(text, sizeof text, "%ld of %.*s " "are gone", 1L, 2, "ab");
	log_line(LOG_WARNING, "warning: ", "%s", text);
	log_line(LOG_WARNING, "  fix: ", "look for %s", "it");
	if (x)
		return fail(err, EXIT_PANIC, "100%% sure");
	log_line(LOG_ERROR, "error: ", "stopped: %s", reason(x));
	return EXIT_CUT_OFF;
}
END
    run -0 messages_of "$T/a.c"
    assert_line --partial 'MESSAGE_WARNING, {EXIT_CLEAN}, "… of … are gone", "look for …"}'
    assert_line --partial 'MESSAGE_ERROR, {EXIT_PANIC}, "…: 100% sure", "ask \"again\""}'
    assert_line --partial 'MESSAGE_ERROR, {EXIT_CUT_OFF}, "stopped: one reason", ""}'
    assert_line --partial 'MESSAGE_ERROR, {EXIT_CUT_OFF}, "stopped: another reason", ""}'
    [ "${#lines[@]}" -eq 4 ]
}

@test "BusyBox's awk produces the same list" {
    local file
    for file in init/config/settings_resolve.c init/vm/shell_login.c init/pid1/savestate.c; do
        messages_of "$ROOT/$file" >"$T/awk"
        messages_of "$ROOT/$file" busybox awk >"$T/busybox"
        [ -s "$T/awk" ]
        cmp "$T/awk" "$T/busybox"
    done
}

@test "vm messages finds a part of a message and a line of a log; JSON; no match is reported" {
    run -0 "$VM" messages guest PANICKED
    assert_line --index 0 'error, status 80: the guest panicked: …'
    run -0 "$VM" messages --json 'vm: error: QEMU_RAM=tiny is not a number from 1 to 2 MiB'
    assert_equal "$(jq -c '[length, .[0].level, .[0].statuses, .[0].file]' <<<"$output")" \
        '[1,"error",[78],"init/config/settings.c"]'
    run -0 jq -e 'length > 500 and all(.[]; .message and (.statuses | type == "array"))' <<<"$("$VM" messages --json)"
    run -1 "$VM" messages no such text
    assert_line --index 0 "vm: error: no message contains 'no such text'"
    run -64 "$VM" messages --nothing
}

@test "docs/messages*.md have every message of the program" {
    local count
    count=$("$VM" messages --json | jq length)
    local row='^\| .* \| (warning|–|[0-9, ]+) \| '
    assert_equal "$(sed '/<!-- messages-tools -->/,$d' "$ROOT/docs/messages-run.md" | cat "$ROOT/docs/messages.md" - |
        grep -cE "$row")" "$count"
    # Also those of guest-tools/: each call has a row, unless two calls have the same text.
    run -0 sed -n '/<!-- messages-tools -->/,$p' "$ROOT/docs/messages-run.md"
    assert_line '| another fetch-image or prepare-image uses … | 75 | wait until it has ended |'
    assert_line '| … is there already | 73 | choose another name, or --force |'
    [ "$(grep -cE "$row" <<<"$output")" -gt 45 ]
}
