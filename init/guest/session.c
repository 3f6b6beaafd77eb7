/* session.c - see session.h. */
#include "guest/session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "format/console_text.h"

#define MS	   UINT64_C(1000000)
#define QUIET_NS   (150 * MS)	/* a prompt is what stands there when nothing follows for so long */
#define PROMPT_NS  (50 * MS)	/* the same, when it looks like one */
#define ANSWER_NS  (3000 * MS)	/* a shell that is there answers within this, on a slow host too */
#define SILENCE_NS (1000 * MS)	/* nothing came after a return: it is sent again */
#define LOGIN_NS   (30000 * MS) /* from the user's name to the shell's prompt */
#define ABORT_NS   (5000 * MS)	/* from ^C to the prompt */
#define PIECE	   512		/* typed at once: GNU Mach's input queue holds little more */
#define PROMPT_MAX 256
#define SH_LINE	   512
#define PROBES	   6
#define SILENT_MAX 5 /* returns without any echo: a program is there, and does not echo */

struct session {
	int fd;
	struct session_wishes w;
	bool logged_in, gone;
	char mark[24];		 /* hexadecimal digits: no shell minds them, no guest prints them */
	char prompt[PROMPT_MAX]; /* of the shell, learned */
	uint64_t last_ns;	 /* when something came last */
	struct console_text strip;
	size_t len, size;
	char *text; /* what came since the last line was typed, without escape sequences */
};

/* ---- the line ------------------------------------------------------------------------------ */

static bool grow(struct session *s, size_t more)
{
	size_t size = s->size ? s->size : 65536;

	while (size - s->len < more + 1)
		size *= 2;
	if (size == s->size)
		return true;
	char *text = realloc(s->text, size);

	if (!text)
		return false;
	s->text = text;
	s->size = size;
	return true;
}

/* Take what comes until END. False when nothing came by then, or the stream has ended. */
static bool take(struct session *s, uint64_t end)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	uint64_t now = clock_now();
	uint8_t buf[16384];

	if (s->w.end_ns && s->w.end_ns < end)
		end = s->w.end_ns;
	int ready = poll(&p, 1, end > now ? (int)((end - now) / MS) + 1 : 0);

	if (ready <= 0)
		return ready < 0 && errno == EINTR;
	ssize_t n = read(s->fd, buf, sizeof buf);

	if (n <= 0 || !grow(s, (size_t)n)) {
		s->gone = true;
		return false;
	}
	s->last_ns = clock_now();
	s->len += console_text_strip(&s->strip, buf, (size_t)n, (uint8_t *)s->text + s->len);
	s->text[s->len] = '\0';
	return true;
}

static bool over(const struct session *s)
{
	return s->gone || (s->w.end_ns && clock_now() >= s->w.end_ns);
}

static void forget(struct session *s)
{
	s->len = 0;
	if (s->text)
		s->text[0] = '\0';
}

/* Type the N bytes at TEXT, in pieces that the guest's echo confirms where it echoes. */
static void type(struct session *s, const char *text, size_t n)
{
	while (n > 0 && !s->gone) {
		size_t piece = n < PIECE ? n : PIECE;
		uint64_t before = s->last_ns;

		if (!write_all(s->fd, text, piece))
			s->gone = true;
		text += piece;
		n -= piece;
		if (n > 0 && take(s, clock_now() + SILENCE_NS) && s->last_ns != before)
			while (take(s, clock_now() + 20 * MS))
				;
	}
}

static void type_line(struct session *s, const char *line)
{
	forget(s);
	type(s, line, strlen(line));
	type(s, "\r", 1);
}

/* Until NS nothing has come, or it is over. */
static void settle(struct session *s, uint64_t ns)
{
	while (!over(s) && take(s, clock_now() + ns))
		;
}

/* The last line, which may be empty. */
static const char *last_line(const struct session *s)
{
	const char *at = s->text + s->len;

	while (at > s->text && at[-1] != '\n' && at[-1] != '\r')
		at--;
	return at;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text);
	size_t m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* Nothing has come for as long as a prompt needs to be one. */
static void settle_prompt(struct session *s)
{
	static const char *const ends[] = {"login: ", "assword: ", "# ", "$ ", "> ", "% "};
	bool more = true;

	while (more && !over(s)) {
		bool prompt = false;

		for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
			prompt |= ends_with(last_line(s), ends[i]);
		more = take(s, clock_now() + (prompt ? PROMPT_NS : QUIET_NS));
	}
}

static void without_blanks(const char *text, char *out, size_t size)
{
	(void)snprintf(out, size, "%s", text);
	for (size_t n = strlen(out); n > 0 && out[n - 1] == ' ';)
		out[--n] = '\0';
}

/* ---- marks --------------------------------------------------------------------------------- */

static bool new_mark(struct session *s)
{
	uint8_t random[8];

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return false;
	for (size_t i = 0; i < sizeof random; i++)
		(void)snprintf(s->mark + 2 * i, 3, "%02x", random[i]);
	return true;
}

/* `echo "WHAT""mark"TAIL...`, three times over in one line of output: what the kernel prints in
 * between can break one of them. Typed it is never what it prints. */
static void mark_command(const struct session *s, char what, const char *tail, char *out,
			 size_t size)
{
	(void)snprintf(out, size, "echo \"%c\"\"%s\"%s.\"%c\"\"%s\"%s.\"%c\"\"%s\"%s.", what,
		       s->mark, tail, what, s->mark, tail, what, s->mark, tail);
}

/* The first mark WHAT in the text from FROM on, as it is printed; NULL when it has not come. */
static const char *find_mark(const struct session *s, const char *from, char what)
{
	char printed[32];

	(void)snprintf(printed, sizeof printed, "%c%s", what, s->mark);
	return strstr(from, printed);
}

/* The first mark E with a whole number behind it. Returns where it begins, *STATUS gets the number.
 */
static const char *find_end(const struct session *s, const char *from, int *status)
{
	for (const char *at = from; (at = find_mark(s, at, 'E')) != NULL; at++) {
		const char *digits = at + 1 + strlen(s->mark);
		char *end;
		long n = strtol(digits, &end, 10);

		if (end != digits && *end == '.' && n >= 0 && n <= 255) {
			*status = (int)n;
			return at;
		}
	}
	return NULL;
}

/* ---- finding a shell ----------------------------------------------------------------------- */

enum seen { SEEN_NOTHING, SEEN_LOGIN, SEEN_PASSWORD, SEEN_TEXT };

static enum seen look(const struct session *s)
{
	char line[PROMPT_MAX];

	if (s->len == 0)
		return SEEN_NOTHING;
	without_blanks(last_line(s), line, sizeof line);
	if (ends_with(line, "login:"))
		return SEEN_LOGIN;
	if (ends_with(line, "assword:"))
		return SEEN_PASSWORD;
	return SEEN_TEXT;
}

/* Is a shell there? It is asked, and what stands behind its answer, in the end, is its prompt. */
static bool ask_shell(struct session *s, char prompt[PROMPT_MAX])
{
	char line[160];
	uint64_t end = clock_now() + ANSWER_NS;
	const char *at = NULL;

	mark_command(s, 'P', "", line, sizeof line);
	type_line(s, line);
	while (!over(s) && clock_now() < end && (at = find_mark(s, s->text, 'P')) == NULL) {
		(void)take(s, end);
		/* The shell that was there has just logged out. */
		if (look(s) == SEEN_LOGIN && clock_now() - s->last_ns < PROMPT_NS)
			settle_prompt(s);
		if (look(s) == SEEN_LOGIN)
			return false;
	}
	prompt[0] = '\0';
	if (s->w.profile->shell != SHELL_MACHSH)
		return at != NULL;
	while (at && !over(s) && clock_now() < end && !prompt[0]) {
		settle_prompt(s);
		(void)snprintf(prompt, PROMPT_MAX, "%s", last_line(s));
	}
	return at != NULL;
}

/* machsh's end of a command is seen by its prompt, and the kernel may print into that: it is known
 * when it came twice. */
static bool prove_shell(struct session *s)
{
	char before[PROMPT_MAX] = "";

	for (int i = 0; i < PROBES; i++) {
		if (!ask_shell(s, s->prompt))
			return false;
		if (s->w.profile->shell != SHELL_MACHSH ||
		    (s->prompt[0] && strcmp(s->prompt, before) == 0))
			return true;
		memcpy(before, s->prompt, sizeof before);
	}
	return false;
}

static bool failed(struct error *err, const char *fix, const char *what)
{
	return error_set(err, EXIT_NOT_READY, fix, "%s", what);
}

/* At a login prompt: in, up to a shell that answers. */
static bool log_in(struct session *s, struct error *err)
{
	uint64_t end = clock_now() + LOGIN_NS;

	type_line(s, s->w.user);
	while (!over(s) && clock_now() < end) {
		settle_prompt(s);
		switch (look(s)) {
		case SEEN_PASSWORD:
			if (s->logged_in || !s->w.password)
				return failed(err,
					      "put it into a file and name it in "
					      "VM_LOGIN_PASSWORD_FILE (or prepare the image for "
					      "an empty one)",
					      s->w.password ? "the guest does not take the password"
							    : "the guest asks for a password");
			s->logged_in = true; /* tried, at least */
			type_line(s, s->w.password);
			break;
		case SEEN_LOGIN:
			if (strstr(s->text, "ncorrect"))
				return failed(err, "check VM_LOGIN_USER and VM_LOGIN_PASSWORD_FILE",
					      "the guest refuses the login");
			break;
		case SEEN_TEXT:
			if (!*last_line(s) || ends_with(last_line(s), s->w.user))
				break;
			s->logged_in = true;
			if (prove_shell(s))
				return true;
			break;
		default: break;
		}
	}
	return failed(err, "vm console shows what it says", "no shell's prompt follows the login");
}

static bool find_shell(struct session *s, struct error *err)
{
	bool interrupted = false;
	unsigned silent = 0;

	while (!over(s)) {
		forget(s);
		/* ^U: a half-typed line of somebody's is not to be run by our return. */
		type(s, interrupted ? "\003\r" : "\025\r", 2);
		(void)take(s, clock_now() + SILENCE_NS);
		settle_prompt(s);
		switch (look(s)) {
		case SEEN_LOGIN: return log_in(s, err);
		case SEEN_PASSWORD: continue; /* of a login that was not ours: it fails now */
		case SEEN_NOTHING: silent++; break;
		case SEEN_TEXT:
			if (prove_shell(s))
				return true;
			if (look(s) == SEEN_LOGIN)
				return log_in(s, err);
			break;
		}
		if (!s->w.interrupt && (s->len > 0 || silent >= SILENT_MAX))
			return failed(
				err,
				"wait until it is done, or use --interrupt, which ends it by ^C",
				"the console is busy: something runs there, and no shell answers");
		interrupted = s->w.interrupt;
	}
	return failed(err, "vm status says how far the guest is; vm console shows the line",
		      s->gone ? "the guest has ended"
			      : "no login prompt and no shell on the serial console in time");
}

struct session *session_open(int fd, const struct session_wishes *w, struct error *err)
{
	struct session *s = calloc(1, sizeof *s);

	if (!s || !grow((s->fd = fd, s->w = *w, s), 0) || !new_mark(s)) {
		(void)error_set(err, EXIT_INTERNAL, "", "no memory");
	} else {
		s->text[0] = '\0';
		if (find_shell(s, err))
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

void session_close(struct session *s, bool log_out)
{
	if (log_out && !s->gone)
		(void)write_all(s->fd, "exit\r", 5);
	(void)close(s->fd);
	free(s->text);
	free(s);
}

/* ---- a command ----------------------------------------------------------------------------- */

/* Where the output begins in the text (offset), 0 while that is not known. */
static size_t output_start(const struct session *s)
{
	const char *at = find_mark(s, s->text, 'B');
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
	int out;
	int *status;
};

/* The text from r->printed on can go out but for what may be the beginning of an end mark, and
 * but for the last line, which may be a prompt. */
static void print_some(const struct session *s, struct run *r, bool sh)
{
	size_t keep = sh ? 1 + strlen(s->mark) + 1 : (size_t)(s->text + s->len - last_line(s)) + 2;

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
	end = find_end(s, s->text + r->printed, r->status);
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
		return find_end(s, s->text, r->status) != NULL;
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
	mark_command(s, 'E', "$?", line, sizeof line);
	type_line(s, line);
	r->asked = true;
	return false;
}

static bool step(struct session *s, struct run *r)
{
	return s->w.profile->shell == SHELL_MACHSH ? machsh_step(s, r) : sh_step(s, r);
}

/* ^C, and back to the prompt: the line is left usable. */
static void abort_run(struct session *s, struct run *r)
{
	uint64_t end = clock_now() + ABORT_NS;

	s->w.end_ns = end;
	type(s, "\003", 1);
	settle(s, QUIET_NS);
	/* What it still said; a shell drops the rest of the line with the command. */
	if (!step(s, r) && r->printed)
		(void)print(s, r->printed, (size_t)(last_line(s) - s->text), r->out);
	while (!over(s) && !prove_shell(s))
		type(s, "\003\r", 2);
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
 * the shell, which is not to be left with a syntax error or an `exit`, as `sh -c`. */
static void start_sh(struct session *s, const char *command)
{
	char begin[128];
	char end[160];
	char piece[SH_LINE];
	char line[SH_LINE + 400];
	size_t at = 0;

	for (bool first = true; first || command[at]; first = false) {
		quote(command, &at, piece);
		(void)snprintf(line, sizeof line, "%s%s", first ? "vm_=" : "vm_=\"$vm_\"", piece);
		type_line(s, line);
		settle(s, 30 * MS);
	}
	mark_command(s, 'B', "", begin, sizeof begin);
	mark_command(s, 'E', "$?", end, sizeof end);
	(void)snprintf(line, sizeof line, "%s; sh -c \"$vm_\" </dev/null; %s", begin, end);
	type_line(s, line);
}

static void start_machsh(struct session *s, const char *command)
{
	char begin[128];
	char line[4096];

	mark_command(s, 'B', "", begin, sizeof begin);
	(void)snprintf(line, sizeof line, "%s; %s", begin, command);
	type_line(s, line);
}

enum session_result session_exec(struct session *s, const char *command, uint64_t end_ns, int out,
				 int *status, struct error *err)
{
	struct run r = {.out = out, .status = status};

	*status = -1;
	s->w.end_ns = end_ns;
	if (strpbrk(command, "\n\r") || strlen(command) > SESSION_COMMAND_MAX) {
		(void)error_set(err, EXIT_BAD_USAGE,
				"put it into a script in the guest, or use --via ssh",
				"the command has a line end, or is longer than %d bytes",
				SESSION_COMMAND_MAX);
		return SESSION_FAILED;
	}
	if (s->w.profile->shell == SHELL_MACHSH)
		start_machsh(s, command);
	else
		start_sh(s, command);
	while (!step(s, &r)) {
		if (s->gone)
			return SESSION_GONE;
		if (over(s)) {
			abort_run(s, &r);
			return SESSION_TIMEOUT;
		}
		(void)take(s, clock_now() + SILENCE_NS);
		/* The shell is gone when there is a login prompt where its own should be. */
		if (look(s) == SEEN_LOGIN && clock_now() - s->last_ns > SILENCE_NS / 2) {
			s->logged_in = false;
			return SESSION_DONE;
		}
	}
	return SESSION_DONE;
}

enum session_result session_type(struct session *s, const char *command)
{
	uint64_t end = clock_now() + ANSWER_NS;

	type_line(s, command);
	while (!s->gone && clock_now() < end && !strchr(s->text, '\n'))
		(void)take(s, end);
	return s->gone || strchr(s->text, '\n') ? SESSION_DONE : SESSION_TIMEOUT;
}
