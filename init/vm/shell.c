/* shell.c - see shell.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "vm/shell_internal.h"

#define LOG_OUT_NS (3000 * MS)
#define ABORT_NS   (5000 * MS) /* from ^C to the prompt */
#define SH_LINE	   512

struct session *session_open(int fd, const struct session_options *w, struct error *err)
{
	struct session *s = calloc(1, sizeof *s);

	if (!s || !session_grow((s->fd = fd, s->w = *w, s), 0)) {
		(void)error_set(err, EXIT_INTERNAL, "", "no memory");
	} else {
		s->text[0] = '\0';
		session_new_mark(s);
		if (session_find_shell(s, err))
			return s;
	}
	if (s)
		session_close(s, s->logged_in);
	else
		(void)close(fd);
	return NULL;
}

bool session_logged_in(const struct session *s)
{
	return s->logged_in;
}

/* The shell takes its time to go, and what is typed meanwhile is lost, or taken for a name by the
 * next login. So a child waits for the prompt, with the caller's lock on the line, which it
 * inherits; the caller need not. */
static void see_off(struct session *s)
{
	pid_t pid = fork();

	if (pid != 0)
		return;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	(void)setsid();
	s->w.end_ns = clock_now() + LOG_OUT_NS;
	while (!session_over(s) && session_look(s) != SEEN_LOGIN)
		(void)session_take(s, s->w.end_ns);
	_exit(0);
}

void session_close(struct session *s, bool log_out)
{
	if (log_out && !s->gone) {
		session_type_line(s, "exit");
		see_off(s);
	}
	(void)close(s->fd);
	free(s->text);
	free(s);
}

/* ---- a command ----------------------------------------------------------------------------- */

/* Where the output begins in the text (offset), 0 while that is not known. */
static size_t output_start(const struct session *s)
{
	const char *at = session_find_mark(s, s->text, 'B');
	const char *eol = at ? strchr(at, '\n') : NULL;

	return eol ? (size_t)(eol + 1 - s->text) : 0;
}

/* Is the shell back? A line begins with its prompt, whatever the kernel has printed behind it. */
static const char *find_prompt(const struct session *s, size_t from)
{
	const char *at = s->text + from;

	while ((at = strstr(at, s->prompt)) != NULL) {
		if (at == s->text || at[-1] == '\n' || at[-1] == '\r' || !at[strlen(s->prompt)])
			return at;
		at++;
	}
	return NULL;
}

/* Print the text in [FROM, TO) with CR LF as LF. */
static bool print(const struct session *s, size_t from, size_t to, int out)
{
	char buf[4096];
	size_t n = 0;

	for (size_t i = from; i < to; i++) {
		if (s->text[i] == '\r' && i + 1 < s->len && s->text[i + 1] == '\n')
			continue;
		buf[n++] = s->text[i];
		if (n == sizeof buf || i + 1 == to) {
			if (!write_all(out, buf, n))
				return false;
			n = 0;
		}
	}
	return n == 0 || write_all(out, buf, n);
}

/* A run under way. */
struct run {
	size_t printed; /* offset in the text up to which the output went out; 0: none did */
	bool asked;	/* machsh: for the status */
	bool first;	/* sh: session_options.first is in its line */
	int out;
	int *status;
};

/* The text from r->printed on can go out but for what may be the beginning of an end mark, and
 * but for the last line, which may be a prompt. */
static void print_some(const struct session *s, struct run *r, bool sh)
{
	size_t keep = sh ? 1 + strlen(s->mark) + 1
			 : (size_t)(s->text + s->len - session_last_line(s)) + 2;

	if (r->printed == 0)
		r->printed = output_start(s);
	if (r->printed == 0 || s->len < r->printed + keep)
		return;
	(void)print(s, r->printed, s->len - keep, r->out);
	r->printed = s->len - keep;
}

/* sh: all is between the marks. */
static bool sh_step(struct session *s, struct run *r)
{
	const char *end;

	if (r->printed == 0)
		r->printed = output_start(s);
	if (r->printed == 0)
		return false;
	if (r->first && s->w.first_ran)
		s->w.first_ran(s->w.arg);
	r->first = false;
	end = session_find_end(s, s->text + r->printed, r->status);
	if (!end) {
		print_some(s, r, true);
		return false;
	}
	(void)print(s, r->printed, (size_t)(end - s->text), r->out);
	return true;
}

/* machsh: the output ends at the prompt, and then it is asked for the status. A line that it
 * refuses has no mark B: what it says stands behind the echo of the line. */
static bool machsh_step(struct session *s, struct run *r)
{
	char line[160];
	size_t from = output_start(s);
	const char *refused = from ? NULL : strchr(s->text, '\n');

	if (r->asked)
		return session_find_end(s, s->text, r->status) != NULL;
	if (r->printed == 0)
		r->printed = from;
	if (!from && !refused)
		return false;
	const char *prompt = find_prompt(s, from ? r->printed : (size_t)(refused + 1 - s->text));

	if (!prompt) {
		if (from)
			print_some(s, r, false);
		return false;
	}
	(void)print(s, from ? r->printed : (size_t)(refused + 1 - s->text),
		    (size_t)(prompt - s->text), r->out);
	session_mark_command(s, 'E', "$?", line, sizeof line);
	session_type_line(s, line);
	r->asked = true;
	return false;
}

static bool step(struct session *s, struct run *r)
{
	return s->w.profile->shell == SHELL_MACHSH ? machsh_step(s, r) : sh_step(s, r);
}

void session_interrupt(struct session *s)
{
	s->w.end_ns = clock_now() + ABORT_NS;
	s->w.stop = NULL;
	session_press(s, "\003", 1);
	session_settle(s, QUIET_NS);
}

void session_recover(struct session *s)
{
	while (!session_over(s) && !session_prove_shell(s))
		session_press(s, "\003\r", 2);
}

/* ^C, and back to the prompt: the line is left usable. */
static void abort_run(struct session *s, struct run *r)
{
	session_interrupt(s);
	/* What it still said; a shell drops the rest of the line with the command. */
	if (!step(s, r) && r->printed)
		(void)print(s, r->printed, (size_t)(session_last_line(s) - s->text), r->out);
	session_recover(s);
}

/* COMMAND from byte *AT on inside '...', as far as a line of SH_LINE takes; a ' is left out of it.
 */
static void quote(const char *command, size_t *at, char out[SH_LINE])
{
	size_t n = 0;

	out[n++] = '\'';
	for (; command[*at] && n + 6 < SH_LINE; (*at)++) {
		if (command[*at] == '\'')
			n += (size_t)snprintf(out + n, SH_LINE - n, "'\\''");
		else
			out[n++] = command[*at];
	}
	out[n++] = '\'';
	out[n] = '\0';
}

/* sh gets the command as a variable, in lines that its line editor takes (BusyBox: 1024 bytes), and
 * the shell, which is not to be left with a syntax error or an `exit`, as `sh -c`. A short command
 * takes one line for all that: each is a round trip to the guest. */
void session_start_sh(struct session *s, const char *command, const char *redirect)
{
	char begin[128];
	char end[160];
	char run[400];
	char piece[SH_LINE];
	char line[2 * SH_LINE];
	const char *before = s->w.first ? s->w.first : "";
	size_t at = 0;

	s->w.first = NULL;
	session_mark_command(s, 'B', "", begin, sizeof begin);
	session_mark_command(s, 'E', "$?", end, sizeof end);
	(void)snprintf(run, sizeof run, "%s; sh -c \"$vm_\" %s; %s", begin, redirect, end);
	for (bool first = true; first || command[at]; first = false) {
		quote(command, &at, piece);
		int n = snprintf(line, sizeof line, "%s%s%s%s", first ? before : "",
				 first && *before ? "; " : "", first ? "vm_=" : "vm_=\"$vm_\"",
				 piece);

		if (!command[at] && (size_t)n + 2 + strlen(run) < SH_LINE) {
			(void)snprintf(line + n, sizeof line - (size_t)n, "; %s", run);
			session_type_line(s, line);
			return;
		}
		session_type_line(s, line);
		session_settle(s, 30 * MS);
	}
	session_type_line(s, run);
}

static void start_machsh(struct session *s, const char *command)
{
	char begin[128];
	char line[4096];

	session_mark_command(s, 'B', "", begin, sizeof begin);
	(void)snprintf(line, sizeof line, "%s; %s", begin, command);
	session_type_line(s, line);
}

enum session_result session_exec(struct session *s, const char *command, uint64_t end_ns, int out,
				 int *status, struct error *err)
{
	struct run r = {.out = out, .status = status, .first = s->w.first != NULL};

	*status = -1;
	s->w.end_ns = end_ns;
	s->refused = false;
	if (strpbrk(command, "\n\r") || strlen(command) > SESSION_COMMAND_MAX) {
		(void)error_set(err, EXIT_BAD_USAGE,
				"put it into a script in the guest, or use --via ssh",
				"the command has a line end, or is longer than %d bytes",
				SESSION_COMMAND_MAX);
		return SESSION_FAILED;
	}
	session_new_mark(s);
	if (s->w.profile->shell == SHELL_MACHSH)
		start_machsh(s, command);
	else
		session_start_sh(s, command, "</dev/null");
	while (!step(s, &r)) {
		if (s->gone)
			return SESSION_GONE;
		if (session_over(s)) {
			abort_run(s, &r);
			return SESSION_TIMEOUT;
		}
		(void)session_take(s, clock_now() + SILENCE_NS);
		/* Back at its prompt, without the end's mark, or without any. */
		if (session_refuses(s, s->prompt, r.printed ? 2 * SILENCE_NS : SILENCE_NS)) {
			(void)session_refusal(s, err);
			return SESSION_FAILED;
		}
		/* The shell is gone when there is a login prompt where its own should be. */
		if (session_look(s) == SEEN_LOGIN && clock_now() - s->last_ns > SILENCE_NS / 2) {
			s->logged_in = false;
			return SESSION_DONE;
		}
	}
	return SESSION_DONE;
}

/* ---- powering off -------------------------------------------------------------------------- */

#define TAKEN_NS (2000 * MS) /* a shell that does not know a word says so within this */

/* sh tries one word after the other: what it knows in the end is asked of it by marks. */
static void type_words(struct session *s, const char *const *words)
{
	char line[SH_LINE] = "PATH=$PATH:/usr/sbin:/sbin; ";
	char mark[160];
	size_t n = strlen(line);

	for (size_t i = 0; words[i]; i++)
		n += (size_t)snprintf(line + n, sizeof line - n, "%s || ", words[i]);
	session_mark_command(s, 'F', "", mark, sizeof mark);
	(void)snprintf(line + n, sizeof line - n, "%s", mark);
	session_type_line(s, line);
}

static enum session_result poweroff_sh(struct session *s, const char *const *words)
{
	uint64_t end = clock_now() + TAKEN_NS;

	session_new_mark(s);
	type_words(s, words);
	while (!session_over(s) && clock_now() < end) {
		if (session_find_mark(s, s->text, 'F'))
			return SESSION_FAILED;
		/* The last of the words went well, and the shell is there again for now. */
		if (session_refuses(s, s->prompt, QUIET_NS))
			return SESSION_DONE;
		(void)session_take(s, clock_now() + QUIET_NS);
	}
	return SESSION_DONE;
}

enum session_result session_poweroff(struct session *s, const char *const *words, struct error *err)
{
	char all[160] = "";
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	bool machsh = s->w.profile->shell == SHELL_MACHSH;
	bool taken = !machsh && poweroff_sh(s, words) == SESSION_DONE;
	int status;

	for (size_t i = 0; words[i]; i++) {
		size_t n = strlen(all);

		(void)snprintf(all + n, sizeof all - n, "%s%s", n ? ", " : "", words[i]);
		if (machsh && !taken)
			taken = session_exec(s, words[i], clock_now() + TAKEN_NS, null, &status,
					     err) != SESSION_DONE ||
				status <= 0;
	}
	(void)close(null);
	if (taken)
		return SESSION_DONE;
	(void)error_set(err, EXIT_NOT_READY, "", "the guest's shell has none of: %s", all);
	return SESSION_FAILED;
}
