/* session_shell.c - a shell on the serial line: is there one, and if not, a login to one. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "guest/session_internal.h"

#define LOGIN_NS   (30000 * MS) /* from the user's name to the shell's prompt */
#define PROBES	   6
#define NOISY_MAX  3
#define SILENT_MAX 5 /* returns without any echo: a program is there, and does not echo */

static void without_blanks(const char *text, char *out, size_t size)
{
	(void)snprintf(out, size, "%s", text);
	for (size_t n = strlen(out); n > 0 && out[n - 1] == ' ';)
		out[--n] = '\0';
}

enum seen session_look(const struct session *s)
{
	char line[PROMPT_MAX];

	if (s->len == 0)
		return SEEN_NOTHING;
	without_blanks(session_last_line(s), line, sizeof line);
	if (session_ends_with(line, "login:"))
		return SEEN_LOGIN;
	if (session_ends_with(line, "assword:"))
		return SEEN_PASSWORD;
	return SEEN_TEXT;
}

/* The same where a prompt does not stay the last line: in what has come since a line was typed. */
static enum seen look_through(const struct session *s)
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

/* Wait for a prompt, and say what came. *QUIET: it was not given up because of the kernel. */
static enum seen await_prompt(struct session *s, bool *quiet)
{
	*quiet = session_settle_prompt(s);
	return *quiet ? session_look(s) : look_through(s);
}

/* Is a shell there? It is asked, and what stands behind its answer, in the end, is its prompt. */
static bool ask_shell(struct session *s, char prompt[PROMPT_MAX])
{
	char line[160];
	uint64_t end = clock_now() + ANSWER_NS;
	const char *at = NULL;

	session_mark_command(s, 'P', "", line, sizeof line);
	session_type_line(s, line);
	while (!session_over(s) && clock_now() < end &&
	       (at = session_find_mark(s, s->text, 'P')) == NULL) {
		(void)session_take(s, end);
		/* The shell that was there has just logged out. */
		if (session_look(s) == SEEN_LOGIN && clock_now() - s->last_ns < PROMPT_NS)
			(void)session_settle_prompt(s);
		if (session_look(s) == SEEN_LOGIN || session_look(s) == SEEN_PASSWORD)
			return false;
	}
	prompt[0] = '\0';
	if (s->w.profile->shell != SHELL_MACHSH)
		return at != NULL;
	while (at && !session_over(s) && clock_now() < end && !prompt[0]) {
		(void)session_settle_prompt(s);
		(void)snprintf(prompt, PROMPT_MAX, "%s", session_last_line(s));
	}
	return at != NULL;
}

bool session_prove_shell(struct session *s)
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
					      s->w.password ? "the guest does not take the password"
							    : "the guest asks for a password");
			s->logged_in = true; /* tried, at least */
			session_type_line(s, s->w.password);
			break;
		case SEEN_LOGIN:
			if (strstr(s->text, "ncorrect"))
				return failed(err, "check VM_LOGIN_USER and VM_LOGIN_PASSWORD_FILE",
					      "the guest refuses the login");
			break;
		case SEEN_TEXT:
			if (quiet && (!*session_last_line(s) ||
				      session_ends_with(session_last_line(s), s->w.user)))
				break;
			s->logged_in = true;
			if (session_prove_shell(s))
				return true;
			break;
		default: break;
		}
	}
	return failed(err, "vm console shows what it says", "no shell's prompt follows the login");
}

bool session_find_shell(struct session *s, struct error *err)
{
	bool interrupted = false;
	unsigned silent = 0;
	unsigned noisy = 0;

	while (!session_over(s)) {
		session_forget(s);
		/* ^U: a half-typed line of somebody's is not to be run by our return. */
		session_press(s, interrupted ? "\003\r" : "\025\r", 2);
		(void)session_take(s, clock_now() + SILENCE_NS);
		bool quiet;

		switch (await_prompt(s, &quiet)) {
		case SEEN_LOGIN: return log_in(s, err);
		case SEEN_PASSWORD: continue; /* of a login that was not ours: it fails now */
		case SEEN_NOTHING: silent++; break;
		case SEEN_TEXT:
			if (session_prove_shell(s))
				return true;
			if (session_look(s) == SEEN_LOGIN)
				return log_in(s, err);
			if (session_look(s) == SEEN_PASSWORD)
				continue;
			break;
		}
		/* The kernel may have printed into the prompt: another one may be whole. */
		noisy += !quiet;
		if (!quiet && noisy < NOISY_MAX && !s->w.interrupt)
			continue;
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
