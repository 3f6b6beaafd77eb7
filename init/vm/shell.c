/* shell.c - see shell.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "vm/pump.h"
#include "vm/shell_internal.h"

#define LOG_OUT_NS (3000 * MS)
#define FDS_MOST   1024
#define ABORT_NS   (5000 * MS) /* from ^C to the prompt */
#define SH_LINE	   512

struct session *session_open(int fd, const struct session_options *w, struct error *err)
{
	struct session *s = calloc(1, sizeof *s);

	if (!s || !session_grow((s->fd = fd, s->w = *w, s), 0)) {
		(void)error_set(err, EXIT_INTERNAL, "give the container more memory", "no memory");
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

void session_last(struct session *s)
{
	s->last = true;
}

bool session_logged_in(const struct session *s)
{
	return s->logged_in;
}

/* Whoever reads what the caller prints waits until the descriptors are closed. Those of this
 * program alone are closed by an exec. */
static void close_inherited(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	for (int fd = STDERR_FILENO + 1; fd < FDS_MOST; fd++)
		if (fcntl(fd, F_GETFD) == 0)
			(void)close(fd);
}

/* The shell takes a moment to exit. Input in that time is lost, or taken for a user name by the
 * next login. So a child waits for the login prompt, holding the caller's lock on the line, which
 * it inherits. The caller waits for it only if the logout has been typed after the command: it must
 * have reached the guest. */
static void await_logout(struct session *s)
{
	/* For the child, if the caller leads a terminal's session (docker exec -t) and ends. */
	(void)signal(SIGHUP, SIG_IGN);
	pid_t pid = fork();

	if (pid != 0) {
		if (pid > 0 && s->left)
			pump_leave();
		return;
	}
	(void)setsid();
	(void)signal(SIGTERM, SIG_DFL);
	close_inherited();
	s->w.stop = NULL;
	s->w.end_ns = clock_now() + LOG_OUT_NS;
	while (!session_over(s) && session_classify_line(s) != SEEN_LOGIN)
		(void)session_read(s, s->w.end_ns);
	_exit(0);
}

void session_close(struct session *s, bool log_out)
{
	if (log_out && !s->gone) {
		if (!s->left)
			session_type_line(s, "exit");
		await_logout(s);
	}
	(void)close(s->fd);
	free(s->text);
	free(s);
}

/* ---- a command ----------------------------------------------------------------------------- */

/* Offset of the output in the text; 0 while it is unknown. */
static size_t output_start(const struct session *s)
{
	const char *at = session_find_mark(s, s->text, 'B');
	const char *eol = at ? strchr(at, '\n') : NULL;

	return eol ? (size_t)(eol + 1 - s->text) : 0;
}

/* Is the shell's prompt back? It begins a line; the kernel may have printed after it. */
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

/* Print the text in [FROM, TO), with CR LF replaced by LF. */
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

/* A running command. */
struct run {
	size_t printed; /* offset in the text up to which output was printed; 0: none was */
	bool asked;	/* machsh: the status was requested */
	bool first;	/* sh: session_options.first is part of its line */
	int out;
	int *status;
};

/* Print the text from r->printed on, except the possible beginning of an end mark, and except the
 * last line, which may be a prompt. */
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

/* sh: all output is between the marks. */
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
	s->left = s->last;
	return true;
}

/* machsh: the output ends at the prompt; then the status is requested. If machsh rejects the line,
 * mark B is missing and its message follows the echo of the line. */
static bool machsh_step(struct session *s, struct run *r)
{
	char line[160];
	size_t from = output_start(s);
	const char *refused = from ? NULL : strchr(s->text, '\n');

	if (r->asked) {
		bool ended = session_find_end(s, s->text, r->status) != NULL;

		s->left = ended && s->last;
		return ended;
	}
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
	(void)snprintf(line + strlen(line), sizeof line - strlen(line), "%s",
		       s->last ? "; exit" : "");
	session_type_line(s, line);
	r->asked = true;
	return false;
}

static bool step(struct session *s, struct run *r)
{
	return s->w.preset->shell == SHELL_MACHSH ? machsh_step(s, r) : sh_step(s, r);
}

void session_interrupt(struct session *s)
{
	s->w.end_ns = clock_now() + ABORT_NS;
	s->w.stop = NULL;
	session_type(s, "\003", 1);
	session_await_quiet(s, QUIET_NS);
}

void session_recover(struct session *s)
{
	while (!session_over(s) && !session_prove_shell(s))
		session_type(s, "\003\r", 2);
}

/* Send ^C and wait for the prompt, so that the line can be used again. */
static void abort_run(struct session *s, struct run *r)
{
	session_interrupt(s);
	/* sh has read the exit behind the command already, machsh has not. */
	s->last = s->last && s->w.preset->shell == SHELL_SH;
	/* The rest of its output; a shell drops the rest of the line with the command. */
	if (!step(s, r) && r->printed)
		(void)print(s, r->printed, (size_t)(session_last_line(s) - s->text), r->out);
	if (!s->left)
		session_recover(s);
}

/* Quote COMMAND from byte *AT on inside '...', as much as fits into SH_LINE; a ' ends the piece. */
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

/* sh receives the command as a variable, in lines short enough for its line editor (BusyBox: 1024
 * bytes), and runs it by `sh -c`, so that a syntax error or an `exit` does not affect the login
 * shell. A short command takes one line: each line is a round trip to the guest, whose line editor
 * waits for the terminal (BusyBox under TCG: 17 ms). */
void session_start_sh(struct session *s, const char *command, const char *redirect)
{
	char set[MARK_SET];
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
	(void)snprintf(run, sizeof run, "%s%s;sh -c \"$vm_\" %s;%s%s", session_mark_set(s, set),
		       begin, redirect, end, s->last ? ";exit" : "");
	for (bool first = true; first || command[at]; first = false) {
		quote(command, &at, piece);
		int n = snprintf(line, sizeof line, "%s%s%s%s", first ? before : "",
				 first && *before ? "; " : "", first ? "vm_=" : "vm_=\"$vm_\"",
				 piece);

		if (!command[at] && (size_t)n + 2 + strlen(run) < SH_LINE) {
			(void)snprintf(line + n, sizeof line - (size_t)n, ";%s", run);
			session_type_line(s, line);
			return;
		}
		session_type_line(s, line);
		session_await_quiet(s, 30 * MS);
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

/* Does COMMAND take one line for sh? Then it runs whole or not at all. */
static bool one_line(const char *command)
{
	size_t n = 300; /* marks, and the command for the clock */

	for (; *command; command++)
		n += *command == '\'' ? 4 : 1;
	return n < SH_LINE;
}

static void start(struct session *s, const char *command)
{
	if (s->w.preset->shell == SHELL_MACHSH)
		start_machsh(s, command);
	else
		session_start_sh(s, command, "</dev/null");
}

/* No mark of COMMAND has come: is a shell there? It answers what it is asked in turn, so when it
 * does, and has printed no mark before, COMMAND never came to it, and is typed again. */
static bool prove_late(struct session *s, const char *command, const char *first, struct error *err)
{
	s->unproved = false;
	if (!session_prove_shell(s))
		return s->refused ? session_refusal(s, err)
				  : error_set(err, EXIT_NOT_READY, "vm console shows what it says",
					      "no shell prompt follows the login");
	if (session_find_mark(s, s->text, 'B') || session_find_mark(s, s->text, 'E'))
		return true;
	s->w.first = first;
	start(s, command);
	return true;
}

/* So many digits of a mark in a row are a part of it. */
#define MARK_PART 6

/* Is a part of a mark in the text from FROM on? Then the kernel has printed into all of them. */
static bool has_part(const struct session *s, size_t from)
{
	for (const char *m = s->mark; strlen(m) >= MARK_PART; m++)
		if (memmem(s->text + from, s->len - from, m, MARK_PART))
			return true;
	return false;
}

/* There is a login prompt instead of the shell's. The command has ended the shell (reboot does), or
 * it was the last one and the end mark cannot be read. */
static enum session_result shell_gone(struct session *s, struct error *err)
{
	s->logged_in = false;
	if (!s->last || !has_part(s, output_start(s)))
		return SESSION_DONE;
	(void)error_set(err, EXIT_NOT_READY, "vm console shows what it says",
			"the guest's shell has ended, and the command's status did not come");
	return SESSION_FAILED;
}

enum session_result session_exec(struct session *s, const char *command, uint64_t end_ns, int out,
				 int *status, struct error *err)
{
	struct run r = {.out = out, .status = status, .first = s->w.first != NULL};
	const char *first = s->w.first;
	uint64_t proof_ns = clock_now() + ANSWER_NS;

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
	if (s->mark_used)
		session_new_mark(s);
	s->mark_used = true;
	if (s->unproved && !one_line(command))
		proof_ns = 0;
	else
		start(s, command);
	while (!step(s, &r)) {
		bool silent;

		if (s->gone)
			return SESSION_GONE;
		if (session_over(s)) {
			abort_run(s, &r);
			return SESSION_TIMEOUT;
		}
		if (proof_ns)
			(void)session_read(s, clock_now() + SILENCE_NS);
		s->unproved = s->unproved && !session_find_mark(s, s->text, 'B');
		/* The prompt is back, but the end mark is missing or incomplete. */
		silent = session_refuses(s, s->prompt, r.printed ? 2 * SILENCE_NS : SILENCE_NS);
		if (s->unproved && (silent || clock_now() >= proof_ns)) {
			proof_ns = UINT64_MAX;
			if (!prove_late(s, command, first, err))
				return SESSION_FAILED;
		} else if (silent) {
			(void)session_refusal(s, err);
			return SESSION_FAILED;
		}
		if (session_classify_line(s) == SEEN_LOGIN &&
		    clock_now() - s->last_ns > SILENCE_NS / 2)
			return shell_gone(s, err);
		if (session_restarted(s, err))
			return SESSION_FAILED;
	}
	return SESSION_DONE;
}

/* ---- powering off -------------------------------------------------------------------------- */

#define TAKEN_NS (2000 * MS) /* an unknown command is reported within this time */

/* sh tries one word after the other; mark F is printed if all of them fail. */
static void type_words(struct session *s, const char *const *words)
{
	char line[SH_LINE];
	char set[MARK_SET];
	char mark[160];
	size_t n = (size_t)snprintf(line, sizeof line, "%sPATH=$PATH:/usr/sbin:/sbin; ",
				    session_mark_set(s, set));

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
		/* One of the words succeeded, and the shell is still there for now. */
		if (session_refuses(s, s->prompt, QUIET_NS))
			return SESSION_DONE;
		(void)session_read(s, clock_now() + QUIET_NS);
	}
	return SESSION_DONE;
}

enum session_result session_poweroff(struct session *s, const char *const *words, struct error *err)
{
	char all[160] = "";
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	bool machsh = s->w.preset->shell == SHELL_MACHSH;
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
	(void)error_set(err, EXIT_NOT_READY, "install one of them in the guest",
			"the guest's shell has none of: %s", all);
	return SESSION_FAILED;
}
