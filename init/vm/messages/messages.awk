# messages.awk - the errors and warnings of one source file, as rows of the table of `vm messages`.
#
#   cc -E init/FILE.c | awk -v source=init/FILE.c -f messages.awk
#
# Reads the calls of error_set(), errors_add(), log_line() and of what is declared in BEGIN, and of
# the file's own functions that pass a parameter on to one of them. Texts are taken from literals:
# in the argument, assigned or printed to the variable that is the argument, or returned by the
# function that is called there. A conversion becomes "…". A message of which no text can be found
# is an error: the build stops, and the message has to be written in one of these forms.
#
# Each row: {"FILE", LEVEL, {STATUS, ...}, "MESSAGE", "FIX"}, with C's escapes.

BEGIN {
	ELLIPSIS = "\342\200\246"
	# What an emitter's arguments are, by number: status (or a constant), fix, text; @ stands for
	# the text in a pattern of the whole message.
	emitter("error_set", "2", "3", "4", "@", "error")
	emitter("errors_add", "2", "3", "4", "@", "error")
	emitter("log_line", "", "", "3", "@", "log")
	emitter("cmd_usage", "EXIT_BAD_USAGE", "vm " ELLIPSIS " --help shows its arguments", "2",
		"vm " ELLIPSIS ": @", "error")
	emitter("settings_error", "EXIT_BAD_SETTING", "5", "4", "", "error")
	emitter("warning", "", "", "2", "@", "log")
	emitter("control_answer", "3", "", "4", "@", "control")
	# Members whose texts are other calls' messages, the guest's words, or another program's.
	split("message what fix say name text error", listed, " ")
	for (i in listed)
		member[listed[i]] = 1
	# The functions that only pass on what is listed where it is made, or what PID 1 answered.
	passes["init/pid1/disk_error.c", "say_stuck"]
	passes["init/pid1/snapshot.c", "list"]
	passes["init/pid1/start_failure.c", "start_failure_qmp_lost"]
	passes["init/plan/direct_read.c", "hand_out"]
	passes["init/plan/fsck.c", "warning"]
	passes["init/plan/resume.c", "take"]
	passes["init/vm/cmd_image.c", "do_create"]
	passes["init/vm/control_stream.c", "control_stream"]
	passes["init/vm/fetch.c", "send_on"]
	passes["init/vm/guest_shell.c", "guest_wait"]
	passes["init/vm/guest_shell.c", "open_stream"]
	# What functions of other files return.
	external["plain_text"] = "is UTF-16"
	external["plain_text_lines"] = "is UTF-16"
	# Tables of messages: the columns of text and fix.
	table_text["stuck_states"] = 4
	# Where a function says this, PID 1 ends with that status.
	verdict["VERDICT_LATE"] = "EXIT_BOOT_DEADLINE"
	verdict["VERDICT_TIME_OVER"] = "EXIT_TIME_OVER"
	verdict["react_say_panic"] = "EXIT_PANIC"
	verdict["NOTICE_GAVE_UP"] = "EXIT_QEMU_FAILED"
	verdict["OUTCOME_CUT_OFF"] = "EXIT_CUT_OFF"
}

# A function may be several: one that warns or fails hands its text to two others.
function emitter(name, status, fix, text, pattern, level,   key)
{
	key = name "/" (e_count[name] + 1)
	e_count[name]++
	e_status[key] = status
	e_fix[key] = fix
	e_text[key] = text
	e_pattern[key] = pattern
	e_level[key] = level
	return key
}

# ---- messages ---------------------------------------------------------------------------------

# A format without its conversions.
function plain(t)
{
	gsub(/%%/, "\001", t)
	gsub(/%[-+ #0]*[0-9*]*(\.[0-9*]*)?(hh|h|ll|l|z|j|t)?[a-zA-Z]/, ELLIPSIS, t)
	gsub(/\001/, "%", t)
	gsub(/\\n$/, "", t)
	gsub(/\\r|\\n/, " ", t)
	while (index(t, ELLIPSIS ELLIPSIS))
		sub(ELLIPSIS ELLIPSIS, ELLIPSIS, t)
	gsub(/^ +| +$/, "", t)
	return t
}

function letters(t)
{
	return gsub(/[A-Za-z]/, "", t)
}

function row(level, status, text, fix,   key)
{
	key = sprintf("{\"%s\", %s, {%s}, \"%s\", \"%s\"},", source, level, status == "" ? "EXIT_CLEAN" : status, text, fix)
	if (!(key in printed)) {
		printed[key] = 1
		rows[++row_count] = key
	}
}

# Remember a message; a fix may follow (log_line).
function message(level, status, text, fix)
{
	held = 1
	h_level[held_count + 1] = level
	h_status[held_count + 1] = status
	h_text[held_count + 1] = text
	h_fix[held_count + 1] = fix
	held_count++
}

function flush_held(   k)
{
	for (k = 1; k <= held_count; k++)
		row(h_level[k], h_status[k], h_text[k], h_fix[k])
	held_count = 0
}

function joined(   k, out, seen, t)
{
	out = ""
	for (k = 1; k <= found_count; k++) {
		t = plain(found[k])
		if (letters(t) < 4 || index(out, t) || length(out) + length(t) > 480)
			continue
		out = out (out == "" ? "" : "; or: ") t
	}
	return out
}

# Argument N of the call: the statuses named in it.
function statuses(n,   k, out)
{
	out = ""
	for (k = arg_from[n]; k <= arg_to[n]; k++)
		if (tok[k] ~ /^EXIT_[A-Z_]+$/ && tok[k] != "EXIT_CLEAN")
			out = out (out == "" ? "" : ", ") tok[k]
	if (tok[arg_from[n]] == "file_status")
		out = "EXIT_NO_IMAGE, EXIT_NO_PERMISSION"
	return out
}

# The conversions of the format T: the number of the %s whose argument says most, and where it
# stands. Sets hole_from, hole_to to its first and last character.
function conversions(t,   at, n, c, rest, base)
{
	n = 0
	rest = t
	base = 0
	split("", conv_arg)
	while (match(rest, /%[-+ #0]*[0-9*]*(\.[0-9*]*)?(hh|h|ll|l|z|j|t)?[a-zA-Z%]/)) {
		c = substr(rest, RSTART, RLENGTH)
		if (c !~ /%$/) {
			if (c ~ /\*/)
				n++
			n++
			conv_arg[n] = c
			conv_from[n] = base + RSTART
			conv_to[n] = base + RSTART + RLENGTH - 1
		}
		base += RSTART + RLENGTH - 1
		rest = substr(rest, RSTART + RLENGTH)
	}
	return n
}

# The status that is returned behind a line of the log, which may have a second line.
function status_after(k,   end)
{
	while (tok[k] == ";" && tok[k + 1] == "log_line")
		k = past(k + 2)
	if (tok[k] != ";" || tok[k + 1] != "return")
		return ""
	for (end = k + 1; tok[end] != ";"; end++)
		;
	arg_from[0] = k + 2
	arg_to[0] = end - 1
	return statuses(0)
}

# The call of NAME at token K.
function call(name, k,   n, i, j, level, status, fix, hole, total, whole, t, f, p, expanded, sub_count, subs, fix_param, status_param, prefix, own, at)
{
	n = arguments(k + 1)
	level = e_level[name]
	own = doing
	if (n < e_text[name] + 0)
		return
	if (level == "log") {
		prefix = is_literal(arg_from[2]) ? unquote(tok[arg_from[2]]) : ""
		if (tok[arg_from[1]] !~ /^LOG_(WARNING|ERROR)$/)
			return
		if (prefix == "  fix: " || prefix == "  hint: ") {
			texts(arg_from[3], arg_to[3])
			fix = joined()
			if (fix == "" || fix == ELLIPSIS) {
				texts(arg_from[4], arg_to[n])
				fix = joined()
			}
			for (i = 1; i <= held_count; i++)
				if (h_fix[i] == "")
					h_fix[i] = fix
			return
		}
		level = tok[arg_from[1]] == "LOG_WARNING" ? "warning" : "error"
	}
	flush_held()
	if (e_level[name] == "control" && tok[arg_from[e_status[name] + 0]] == "EXIT_CLEAN" &&
	    arg_from[e_status[name] + 0] == arg_to[e_status[name] + 0])
		return
	if (name == "errors_add/1")
		for (j = arg_from[1]; j <= arg_to[1]; j++)
			if (tok[j] == "warnings")
				level = "warning"
	# status
	status = e_status[name]
	status_param = 0
	if (status ~ /^[0-9]+$/) {
		j = status + 0
		if (arg_from[j] == arg_to[j] && parameter_number(tok[arg_from[j]]))
			status_param = parameter_number(tok[arg_from[j]])
		status = statuses(j)
	}
	if (e_level[name] == "log")
		status = status_after(past(k + 1))
	if (level == "warning")
		status = ""
	if (e_level[name] == "log" && status == "")
		for (j = from - 20; j <= to; j++)
			if (tok[j] in verdict && (j >= from || tok[j] == doing))
				status = verdict[tok[j]]
	# fix
	fix = e_fix[name]
	fix_param = 0
	if (fix ~ /^[0-9]+$/) {
		fix_param = texts(arg_from[fix + 0], arg_to[fix + 0])
		fix = fix_param ? "" : joined()
	}
	# text: every alternative
	hole = texts(arg_from[e_text[name] + 0], arg_to[e_text[name] + 0])
	if (name == "settings_error/1") {
		t = tok[arg_from[2]]
		f = (is_literal(arg_from[2]) ? unquote(t) : ELLIPSIS) "=" ELLIPSIS " @"
	} else
		f = e_pattern[name]
	total = 0
	if (hole) {
		helper(own, status, status_param, fix, fix_param, hole, f, level, e_extra[name])
		return
	}
	for (i = 1; i <= found_count; i++)
		whole[++total] = found[i]
	if (total == 0) {
		# "%s" was left out as no text: the arguments have it.
		whole[++total] = "%s"
		if (!is_literal(arg_from[e_text[name] + 0]))
			whole[total] = ""
	}
	for (i = 1; i <= total; i++) {
		expanded = 0
		j = conversions(whole[i])
		if (e_extra[name] && whole[i] !~ /[a-z] [A-Za-z]/)
			continue
		for (p = 1; p <= j && !expanded; p++) {
			if (conv_arg[p] !~ /s$/ || e_text[name] + p > n)
				continue
			if (texts(arg_from[e_text[name] + p], arg_to[e_text[name] + p]))
				continue
			sub_count = 0
			for (t = 1; t <= found_count; t++)
				if (found[t] ~ /[a-z] [A-Za-z]/)
					subs[++sub_count] = found[t]
			for (t = 1; t <= sub_count && sub_count <= 12; t++) {
				say(level, status, f, substr(whole[i], 1, conv_from[p] - 1) subs[t] substr(whole[i], conv_to[p] + 1), fix, k, name)
				expanded = 1
			}
		}
		for (p = j; p >= 1 && !expanded && name != "settings_error/1"; p--) {
			if (conv_arg[p] !~ /s$/ || e_text[name] + p > n)
				continue
			hole = texts(arg_from[e_text[name] + p], arg_to[e_text[name] + p])
			if (!hole)
				continue
			t = f
			at = index(t, "@")
			t = substr(t, 1, at - 1) substr(whole[i], 1, conv_from[p] - 1) "@" \
				substr(whole[i], conv_to[p] + 1) substr(t, at + 1)
			helper(own, status, status_param, fix, fix_param, hole, t, level, letters(plain(whole[i])) >= 8 || names_error(k))
			expanded = letters(plain(whole[i])) < 4
			break
		}
		if (!expanded)
			say(level, status, f, whole[i], fix, k, name)
	}
}

# The function NAME hands its parameter HOLE on: a call of it is a message.
function helper(name, status, status_param, fix, fix_param, hole, pattern, level, extra,   key)
{
	if ((name, pattern, level) in helpers)
		return
	helpers[name, pattern, level] = 1
	key = emitter(name, status_param ? status_param : status, fix_param ? fix_param : fix, hole, pattern, level)
	e_extra[key] = extra
	again = 1
}

function say(level, status, pattern, text, fix, k, name,   t, at)
{
	at = index(pattern, "@")
	t = plain(substr(pattern, 1, at - 1) text substr(pattern, at + 1))
	# No literal is handed on: the message without it has been listed, if it says something.
	if (text == "" && letters(pattern) >= 4)
		return
	if (name == "cmd_usage/1" && t ~ /(:| not| after| for)$/)
		t = t " " ELLIPSIS
	if (letters(t) < 4 && names_error(k)) {
		if (fix == "")
			return
		t = t " (the system's reason, such as No such file or directory)"
	}
	if (letters(t) < 4) {
		if (!e_extra[name] && !passed(k) && !((source, doing) in passes))
			unknown[++unknown_count] = doing "(): " tok[k] "(): what does it say?"
		return
	}
	message(level == "warning" ? "MESSAGE_WARNING" : "MESSAGE_ERROR", status, t, fix)
}

function names_error(k,   j, end)
{
	end = past(k + 1)
	for (j = k; j < end; j++)
		if (tok[j] ~ /strerror$/)
			return 1
	return 0
}

# Does the call hand on what has been listed where it was made, or another program's words?
function passed(k,   j, end)
{
	end = past(k + 1)
	for (j = k; j < end; j++)
		if (((tok[j] == "." || tok[j] == "->") && (tok[j + 1] in member)) || tok[j] == "strerror" ||
		    tok[j] == "file_strerror" || tok[j] == "line")
			return 1
	return 0
}

# ---- the walk -----------------------------------------------------------------------------------

# The rows of the tables named in BEGIN.
function tables(   name, k, n, fix)
{
	for (name in table_text) {
		if (!(name in global_from))
			continue
		for (k = global_from[name] + 1; tok[k] == "{"; k = past(k) + 1) {
			arguments(k)
			found_count = 0
			literals(arg_from[table_text[name] + 1], arg_to[table_text[name] + 1])
			fix = joined()
			found_count = 0
			literals(arg_from[table_text[name]], arg_to[table_text[name]])
			row("MESSAGE_ERROR", "", plain(found[1]), fix)
		}
	}
}

END {
	outline()
	do {
		again = 0
		row_count = unknown_count = 0
		split("", printed)
		for (o = 1; o <= order_count; o++) {
			doing = order[o]
			from = f_from[doing]
			to = f_to[doing]
			param_count = f_params[doing]
			for (i = 1; i <= param_count; i++)
				param[i] = f_param[doing, i]
			for (at = from; at <= to; at++)
				if (tok[at + 1] == "(" && (tok[at] in e_count) && tok[at] != doing)
					for (variant = 1; variant <= e_count[tok[at]]; variant++)
						call(tok[at] "/" variant, at)
			flush_held()
		}
		tables()
	} while (again)
	for (i = 1; i <= row_count; i++)
		print rows[i]
	for (i = 1; i <= unknown_count; i++)
		print source ": " unknown[i] | "cat >&2"
	if (unknown_count > 0)
		print "  fix: write the text as a literal that the function sees, or, if it is listed where it is made, " \
			"add the function to passes in init/vm/messages/messages.awk" | "cat >&2"
	exit unknown_count > 0
}
