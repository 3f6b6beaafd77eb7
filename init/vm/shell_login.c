/* shell_login.c - find a shell on the serial line, or log in to get one. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "console/prompt.h"
#include "vm/shell_internal.h"

#define LOGIN_NS   (30000 * MS) /* from the user's name to the shell's prompt */
#define ODD_NS	   (2000 * MS)	/* after logging in: a last line that is not a known prompt */
#define LEARN_NS   (300 * MS)
#define AGAIN_NS   (200 * MS)  /* from the end of a command to the prompt */
#define BUSY_NS	   (3000 * MS) /* no prompt for this time: a program runs on the line */
#define LOOK_NS	   (50 * MS)
#define TOLD_NS	   (1000 * MS)
#define STILL_NS   (60000 * MS) /* a boot prints something within this time, or waits for a user */
#define PROBES	   6
#define NOISY_MAX  3
#define SILENT_MAX 5 /* returns without any echo: a program that does not echo */

static void without_blanks(const char *text, char *out, size_t size)
{
	(void)snprintf(out, size, "%s", text);
	for (size_t n = strlen(out); n > 0 && out[n - 1] == ' ';)
		out[--n] = '\0';
}

static enum seen classify_text(const char *text)
{
	char line[PROMPT_MAX];

	without_blanks(text, line, sizeof line);
	if (session_ends_with(line, "login:"))
		return SEEN_LOGIN;
	if (session_ends_with(line, "assword:"))
		return SEEN_PASSWORD;
	return SEEN_TEXT;
}

enum seen session_classify_line(const struct session *s)
{
	return s->len == 0 ? SEEN_NOTHING : classify_text(session_last_line(s));
}

/* Like session_classify_line(), for when kernel messages may follow the prompt: search all output
 * since the last line was typed. */
static enum seen classify_output(const struct session *s)
{
	enum seen seen = s->len > 0 ? SEEN_TEXT : SEEN_NOTHING;

	for (const char *at = s->text; s->len > 0 && *at; at++)
		if (strncmp(at, "login:", 6) == 0 &&
		    (at - s->text < 5 || strncmp(at - 5, "Last ", 5) != 0))
			seen = SEEN_LOGIN;
		else if (strncmp(at, "assword:", 8) == 0)
			seen = SEEN_PASSWORD;
	return seen;
}

/* Wait for a prompt and return what was seen. *QUIET: the line became quiet. If not, the kernel may
 * have printed after the prompt. */
static enum seen await_prompt(struct session *s, bool *quiet)
{
	*quiet = session_await_quiet_prompt(s, NOISE_NS);
	return *quiet && *session_last_line(s) ? session_classify_line(s) : classify_output(s);
}

bool session_refuses(struct session *s, const char *prompt, uint64_t silence_ns)
{
	const char *said = strchr(s->text, '\n');
	const char *last = session_last_line(s);

	if (!prompt[0] || strcmp(last, prompt) != 0 || clock_now() - s->last_ns < silence_ns)
		return false;
	said = said && said < last ? said + 1 : "";
	(void)snprintf(s->said, sizeof s->said, "%.*s", (int)strcspn(said, "\r\n"), said);
	s->refused = true;
	return true;
}

bool session_refusal(const struct session *s, struct error *err)
{
	return error_set(err, EXIT_NOT_READY,
			 "vm exec needs a Bourne-like shell: choose another user with --login "
			 "NAME, or use --via ssh",
			 "the guest's shell does not accept the command line%s%s",
			 s->said[0] ? ": " : "", s->said);
}

/* The prompt that was there BEFORE the question is back: there is nothing else to wait for. False:
 * it is not, or there was none. */
static bool is_back(struct session *s, const char *before, uint64_t within_ns)
{
	uint64_t end = clock_now() + within_ns;

	while (before[0] && strcmp(session_last_line(s), before) != 0)
		if (session_over(s) || clock_now() >= end || !session_read(s, end))
			return false;
	return before[0];
}

/* The shell's prompt is the text after its answer. */
static void learn_prompt(struct session *s, char prompt[PROMPT_MAX], const char *before,
			 uint64_t end)
{
	bool machsh = s->w.preset->shell == SHELL_MACHSH;

	prompt[0] = '\0';
	if (prompt_looks(before) && is_back(s, before, PROMPT_NS)) {
		(void)snprintf(prompt, PROMPT_MAX, "%s", before);
		return;
	}
	do {
		(void)session_await_quiet_prompt(s, machsh ? NOISE_NS : LEARN_NS);
		(void)snprintf(prompt, PROMPT_MAX, "%s", session_last_line(s));
	} while (machsh && !prompt[0] && !session_over(s) && clock_now() < end);
	if (s->w.learned && prompt[0] && !prompt_looks(prompt) && strlen(prompt) < PROMPT_LINE / 2)
		s->w.learned(s->w.arg, prompt);
}

/* Does a shell answer? STANDS: its prompt, "" if unknown. */
static bool ask_shell(struct session *s, char prompt[PROMPT_MAX], const char *shown_prompt)
{
	char line[160];
	char before[PROMPT_MAX];
	uint64_t end = clock_now() + ANSWER_NS;
	const char *at = NULL;

	(void)snprintf(before, sizeof before, "%s", shown_prompt);
	s->mark_told = false;
	session_first_mark(s, 'P', line, sizeof line);
	session_type_line(s, line);
	while (!session_over(s) && clock_now() < end &&
	       (at = session_find_mark(s, s->text, 'P')) == NULL) {
		uint64_t look = clock_now() + LOOK_NS;

		(void)session_read(s, look < end ? look : end);
		/* The previous shell has just logged out. */
		if (session_classify_line(s) == SEEN_LOGIN && clock_now() - s->last_ns < PROMPT_NS)
			(void)session_await_quiet_prompt(s, NOISE_NS);
		if (session_classify_line(s) == SEEN_LOGIN ||
		    session_classify_line(s) == SEEN_PASSWORD ||
		    session_refuses(s, before, TOLD_NS))
			return false;
	}
	s->mark_told = at != NULL;
	if (at)
		learn_prompt(s, prompt, before, end);
	return at != NULL;
}

bool session_prove_shell(struct session *s)
{
	char before[PROMPT_MAX];
	const char *last = session_last_line(s);

	/* Kernel messages may interleave with machsh's output: its prompt is the line that appeared
	 * twice. */
	(void)snprintf(before, sizeof before, "%s", prompt_looks(last) ? last : "");
	for (int i = 0; i < PROBES; i++) {
		if (!ask_shell(s, s->prompt, session_last_line(s)))
			return false;
		if (s->w.preset->shell != SHELL_MACHSH ||
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

/* After our login, typed at TYPED_NS: is the last line a prompt? An unknown one counts after a
 * while, because only programs of this login can be running. So does an empty line if the kernel,
 * which keeps printing, may have printed after the prompt. */
static bool shell_waits(const struct session *s, uint64_t typed_ns)
{
	const char *line = session_last_line(s);

	if (!*line)
		return clock_now() - typed_ns >= ODD_NS;
	if (session_ends_with(line, s->w.user))
		return false;
	return prompt_looks(line) || clock_now() - s->last_ns >= ODD_NS;
}

static bool enter(struct session *s, struct error *err)
{
	uint64_t typed_ns = clock_now();
	uint64_t end = typed_ns + LOGIN_NS;

	session_type_line(s, s->w.user);
	while (!session_over(s) && clock_now() < end) {
		bool quiet;

		switch (await_prompt(s, &quiet)) {
		case SEEN_PASSWORD:
			if (s->logged_in || !s->w.password)
				return failed(err,
					      "put it into a file and name it in "
					      "VM_LOGIN_PASSWORD_FILE (or prepare the image for "
					      "an empty one)",
					      s->w.password ? "the guest rejects the password"
							    : "the guest requires a password");
			s->logged_in = true; /* at least attempted */
			session_type_line(s, s->w.password);
			typed_ns = clock_now();
			break;
		case SEEN_LOGIN:
			if (strstr(s->text, "ncorrect"))
				return failed(err, "check VM_LOGIN_USER and VM_LOGIN_PASSWORD_FILE",
					      "the guest rejects the login");
			break;
		case SEEN_TEXT:
			if (quiet && !shell_waits(s, typed_ns))
				break;
			s->logged_in = true;
			s->unproved = s->w.at_once && s->w.preset->shell == SHELL_SH &&
				      prompt_looks(session_last_line(s));
			if (s->unproved)
				(void)snprintf(s->prompt, sizeof s->prompt, "%s",
					       session_last_line(s));
			if (s->unproved || session_prove_shell(s))
				return true;
			if (s->refused)
				return session_refusal(s, err);
			break;
		default: break;
		}
	}
	return failed(err, "vm console shows what it says", "no shell prompt follows the login");
}

/* Log in at a login prompt, until a shell answers. */
static bool log_in(struct session *s, struct error *err)
{
	s->entering = true;
	bool in = enter(s, err);

	s->entering = false;
	return in;
}

/* Until a prompt shown_prompt on the line, as far as is known (session_options.line). False: for so
 * long none did; LAST is the last line then. */
static bool await_line(struct session *s, char *last, size_t size)
{
	uint64_t end = clock_now() + BUSY_NS;

	last[0] = '\0';
	while (s->w.line && !session_over(s)) {
		enum session_line is = s->w.line(s->w.arg, last, size);

		if (is == LINE_PROMPT)
			return true;
		if (is == LINE_BUSY && clock_now() >= end)
			return false;
		(void)session_read(s, clock_now() + LOOK_NS);
	}
	return !s->w.line;
}

void session_await_prompt(struct session *s, bool patient)
{
	char last[PROMPT_LINE];

	/* Behind the mark of a command's end, the prompt that is known is no output. */
	if (s->prompt[0] && is_back(s, s->prompt, AGAIN_NS) && s->w.seen &&
	    s->w.seen(s->w.arg, s->prompt))
		return;
	if (patient)
		(void)await_line(s, last, sizeof last);
}

bool session_restarted(struct session *s, struct error *err)
{
	uint64_t still = s->w.still_ns ? s->w.still_ns : STILL_NS;
	char last[PROMPT_LINE];
	uint64_t now = clock_now();

	if (!s->w.line || now - s->last_ns < still || now - s->asked_ns < still)
		return false;
	s->asked_ns = now;
	if (s->w.line(s->w.arg, last, sizeof last) != LINE_SILENT)
		return false;
	s->logged_in = false;
	(void)error_set(err, EXIT_QEMU_FAILED,
			"vm console shows what it waits for, vm status how far it is",
			"the guest was restarted while the command ran");
	return true;
}

static bool no_shell(const struct session *s, struct error *err)
{
	return failed(err, "vm status shows the progress of the guest; vm console shows the line",
		      s->gone ? "the guest has ended"
			      : "no login prompt and no shell on the serial console in time");
}

static bool busy(const char *last, bool interrupted, struct error *err)
{
	return error_set(
		err, EXIT_NOT_READY,
		interrupted ? "vm console shows it; --prompt TEXT if that is a shell's prompt"
			    : "wait until it is done, or use --interrupt, which ends it by "
			      "^C; --prompt TEXT if that is a shell's prompt",
		"the console is busy%s: its last line is not a known prompt: \"%s\"",
		interrupted ? ", and ^C does not end what runs there" : ", and was left alone",
		last);
}

/* Make sure that input goes to a login or a shell. *INTERRUPTED: ^C was needed. */
static bool get_line(struct session *s, bool *interrupted, struct error *err)
{
	char last[PROMPT_LINE];

	*interrupted = false;
	for (int i = 0; !await_line(s, last, sizeof last); i++) {
		if (session_over(s))
			return no_shell(s, err);
		*interrupted = s->w.interrupt;
		if (i > 0 && s->w.going_down)
			return true;
		if (i > 0 || !s->w.interrupt)
			return busy(last, s->w.interrupt, err);
		session_type(s, "\003", 1);
	}
	return true;
}

/* ^U: the return must not run a line that a user has half typed. */
#define ERASE "\025"

enum found { FOUND_SHELL, FOUND_ERROR, FOUND_NOTHING };

/* PID 1 has seen a prompt on the line: no return is needed to get one. */
static enum found use_prompt(struct session *s, struct error *err)
{
	enum seen seen = s->w.shown_prompt ? classify_text(s->w.shown_prompt) : SEEN_NOTHING;

	if (seen == SEEN_LOGIN) {
		session_type(s, ERASE, 1);
		return log_in(s, err) ? FOUND_SHELL : FOUND_ERROR;
	}
	/* After loading a state the line is known to be at a prompt, but its text is unknown. */
	if (seen != SEEN_TEXT || !s->w.shown_prompt[0])
		return FOUND_NOTHING;
	session_type(s, ERASE, 1);
	if (ask_shell(s, s->prompt, s->w.shown_prompt) &&
	    (s->w.preset->shell != SHELL_MACHSH || strcmp(s->prompt, s->w.shown_prompt) == 0))
		return FOUND_SHELL;
	if (!s->refused)
		return FOUND_NOTHING;
	(void)session_refusal(s, err);
	return FOUND_ERROR;
}

bool session_find_shell(struct session *s, struct error *err)
{
	enum found found = use_prompt(s, err);
	bool interrupted;
	unsigned silent = 0;
	unsigned noisy = 0;

	if (found != FOUND_NOTHING)
		return found == FOUND_SHELL;
	if (!get_line(s, &interrupted, err))
		return false;
	interrupted = interrupted && s->w.going_down;
	while (!session_over(s)) {
		session_discard(s);
		session_type(s, interrupted ? "\003\r" : ERASE "\r", 2);
		(void)session_read(s, clock_now() + SILENCE_NS);
		bool quiet;
		enum seen seen = await_prompt(s, &quiet);
		bool whole = quiet && *session_last_line(s);

		switch (seen) {
		case SEEN_LOGIN: return log_in(s, err);
		case SEEN_PASSWORD: continue; /* from an earlier login attempt, which fails now */
		case SEEN_NOTHING: silent++; break;
		case SEEN_TEXT:
			if (session_prove_shell(s))
				return true;
			if (s->refused)
				return session_refusal(s, err);
			if (session_classify_line(s) == SEEN_LOGIN)
				return log_in(s, err);
			if (session_classify_line(s) == SEEN_PASSWORD)
				continue;
			break;
		}
		/* Kernel messages may have broken the prompt; another one may be complete. */
		noisy += !whole;
		if (!whole && noisy < NOISY_MAX && !s->w.interrupt)
			continue;
		if (!s->w.going_down && (s->len > 0 || silent >= SILENT_MAX))
			return failed(err, "vm console shows what runs there",
				      "no shell answers at the prompt on the console");
		interrupted = s->w.going_down;
	}
	return no_shell(s, err);
}
