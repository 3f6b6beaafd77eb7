/* cmd_script.c - vm script: a file of console input and expected output.
 *
 * The whole file is read and checked before its first step. One connection is used for all steps,
 * so nothing between two steps is missed: each expect searches after the match of the previous
 * one.
 *
 *   send TEXT     type TEXT, with the escapes of vm send      line TEXT     the same and a return
 *   key KEY       a key of vm send                            timeout S     for each later expect
 *   expect REGEX  wait for it                                 exit STATUS   end here
 *   fail REGEX    for each later expect: a match ends the script
 *   screen-send, screen-line, screen-key, screen-expect: by the keyboard and the screen
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/log.h"
#include "format/plain_text.h"
#include "vm/cmd.h"
#include "vm/expect_match.h"
#include "vm/guest_shell.h"
#include "vm/screen.h"
#include "vm/script.h"
#include "vm/script_report.h"

#define SECOND	   UINT64_C(1000000000)
#define SCRIPT_MAX 65536
#define STEPS_MAX  1024
#define FAILS_MAX  16
#define TIMEOUT_S  60

enum verb { VERB_SEND, VERB_LINE, VERB_KEY, VERB_EXPECT, VERB_FAIL, VERB_TIMEOUT, VERB_EXIT };

static const char *const verbs[] = {"send", "line", "key", "expect", "fail", "timeout", "exit"};

/* Prefix of the first four verbs: use the keyboard and the screen (screen.h). */
static const char on_screen[] = "screen-";

struct step {
	enum verb verb;
	bool screen;
	unsigned line; /* line number in the file */
	const char *text;
	long number; /* for timeout and exit; for key its byte (-1: a break) */
};

struct script {
	const char *name;
	size_t count, fails;
	struct step steps[STEPS_MAX];
	const char *fail[FAILS_MAX]; /* the `fail` expressions so far */
	long timeout_s;
	bool quiet;
	struct watch watch;
	struct script_report report;
	char text[SCRIPT_MAX];
};

static bool wrong(const struct script *s, const struct step *step, const char *what,
		  struct error *err)
{
	return error_set(err, EXIT_BAD_USAGE, "docs/automation.md has all steps", "%s:%u: %s: %s",
			 s->name, step->line, what, step->text);
}

static bool number(struct step *step, long most)
{
	char *end;

	step->number = strtol(step->text, &end, 10);
	return step->text[0] >= '0' && step->text[0] <= '9' && !*end && step->number <= most;
}

static bool regex_right(const char *regex, char *why, size_t size)
{
	struct pattern_set *set = pattern_set_new();
	bool right = set && pattern_set_add(set, regex, strlen(regex), why, size) >= 0;

	pattern_set_free(set);
	return right;
}

/* Is the step's argument valid for its verb? */
static bool check(struct script *s, struct step *step, struct error *err)
{
	char out[4096];
	char why[128] = "no memory";
	unsigned char bad;
	int n;

	switch (step->verb) {
	case VERB_SEND:
	case VERB_LINE:
		n = send_unescape(step->text, out, sizeof out);
		if (n < 0)
			return wrong(s, step, "unknown escape, or too long", err);
		return !step->screen || screen_can_type(out, (size_t)n, &bad) ||
		       wrong(s, step, "no US keyboard has a key for all of this", err);
	case VERB_KEY:
		if (step->screen)
			return key_chord(step->text, out) || wrong(s, step, "no such key", err);
		step->number = key_byte(step->text);
		return step->number >= 0 || strcmp(step->text, "break") == 0 ||
		       wrong(s, step, "no such key", err);
	case VERB_FAIL:
		if (s->fails++ == FAILS_MAX)
			return wrong(s, step, "too many fails", err);
		return regex_right(step->text, why, sizeof why) || wrong(s, step, why, err);
	case VERB_EXPECT:
		return regex_right(step->text, why, sizeof why) || wrong(s, step, why, err);
	case VERB_TIMEOUT:
		return number(step, 10000000) || wrong(s, step, "timeout takes seconds", err);
	case VERB_EXIT: break;
	}
	return number(step, 255) || wrong(s, step, "exit takes a status from 0 to 255", err);
}

/* Parse one line of the file. The line is modified. */
static bool parse_line(struct script *s, char *line, unsigned at, struct error *err)
{
	struct step *step = &s->steps[s->count];

	line += strspn(line, " \t");
	if (!*line || *line == '#')
		return true;
	size_t n = strcspn(line, " \t");

	*step = (struct step){.line = at, .text = line};
	if (s->count + 1 == STEPS_MAX)
		return wrong(s, step, "too many steps", err);
	size_t skip = strncmp(line, on_screen, strlen(on_screen)) == 0 ? strlen(on_screen) : 0;

	for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
		if (strlen(verbs[v]) != n - skip || memcmp(verbs[v], line + skip, n - skip) != 0 ||
		    (skip && v > VERB_EXPECT))
			continue;
		step->verb = (enum verb)v;
		step->screen = skip;
		step->text = line + n + strspn(line + n, " \t");
		s->count++;
		return check(s, step, err);
	}
	return wrong(s, step, "unknown step", err);
}

static bool parse(struct script *s, struct error *err)
{
	unsigned at = 1;

	for (char *line = s->text, *next; *line; line = next, at++) {
		size_t n = strcspn(line, "\n");

		next = line + n + (line[n] == '\n');
		line[n] = '\0';
		if (n > 0 && line[n - 1] == '\r')
			line[n - 1] = '\0';
		if (!parse_line(s, line, at, err))
			return false;
	}
	s->fails = 0;
	return true;
}

/* The step's expression, followed by those that end the script. NULL: no memory. */
static struct pattern_set *step_patterns(const struct script *s, const struct step *step)
{
	char why[128];
	struct pattern_set *set = pattern_set_new();

	if (!set)
		return NULL;
	(void)pattern_set_add(set, step->text, strlen(step->text), why, sizeof why);
	for (size_t i = 0; i < s->fails; i++)
		(void)pattern_set_add(set, s->fail[i], strlen(s->fail[i]), why, sizeof why);
	return set;
}

static int fails(struct script *s, const struct step *step, int fired, const char *line)
{
	log_error("%s:%u: it failed (%s): %s", s->name, step->line, s->fail[fired - 1], line);
	log_line(LOG_ERROR,
		 "  fix: ", "correct what the guest reports, or the fail step of the script");
	steps_failed(&s->report, REPORT_FAILURE, "it failed (%s): %s", s->fail[fired - 1], line);
	return EXIT_NOT_READY;
}

/* Wait for the step's expression, or one of those that end the script. Returns the exit status. */
static int expect(struct script *s, const struct step *step, char **envp)
{
	struct pattern_set *set = step_patterns(s, step);

	if (!set)
		return EXIT_INTERNAL;
	int fired = watch_wait(&s->watch, set, clock_now() + (uint64_t)s->timeout_s * SECOND);

	pattern_set_free(set);
	if (fired == 0)
		return EXIT_CLEAN;
	if (!s->quiet)
		(void)printf("\n");
	(void)fflush(stdout);
	struct error err = {.status = EXIT_NOT_READY, .message = "not in time"};

	if (fired == WATCH_ENDED)
		(void)control_stream_ended(envp, &err);
	if (fired > 0)
		return fails(s, step, fired, watch_line(&s->watch));
	log_error("%s:%u: %s: expect %s; the last line: %s", s->name, step->line, err.message,
		  step->text, s->watch.line);
	log_line(LOG_ERROR, "  fix: ", "%s", err.fix[0] ? err.fix : EXPECT_LATE_FIX);
	steps_failed(&s->report, fired == WATCH_ENDED ? REPORT_ERROR : REPORT_FAILURE,
		     "%s: expect %s; the last line: %s", err.message, step->text, s->watch.line);
	return err.status;
}

/* The same, on the screen. */
static int expect_screen(struct script *s, const struct step *step, char **envp)
{
	char line[SCREEN_COLUMNS + 1];
	struct error err = {0};
	struct pattern_set *set = step_patterns(s, step);
	int fired = -1;

	if (!set)
		return EXIT_INTERNAL;
	fired = screen_wait(envp, set, clock_now() + (uint64_t)s->timeout_s * SECOND, line, &err);
	pattern_set_free(set);
	if (fired > 0)
		return fails(s, step, fired, line);
	if (fired < 0) {
		log_error("%s:%u: screen-expect %s: %s", s->name, step->line, step->text,
			  err.message);
		log_line(LOG_ERROR, "  fix: ", "%s", err.fix[0] ? err.fix : EXPECT_LATE_FIX);
		steps_failed(&s->report,
			     err.status == EXIT_NOT_READY ? REPORT_FAILURE : REPORT_ERROR,
			     "screen-expect %s: %s", step->text, err.message);
	}
	return fired < 0 ? err.status : EXIT_CLEAN;
}

static int type_screen(const struct step *step, char **envp)
{
	char text[4097];
	char chord[KEY_CHORD];
	struct error err = {0};
	bool ok;

	if (step->verb == VERB_KEY) {
		ok = key_chord(step->text, chord) && screen_press(envp, chord, &err);
	} else {
		int n = send_unescape(step->text, text, sizeof text - 1);

		if (step->verb == VERB_LINE)
			text[n++] = '\r';
		ok = screen_type(envp, text, (size_t)n, &err);
	}
	return ok ? EXIT_CLEAN : cmd_fail(&err);
}

static int type(struct script *s, const struct step *step, char **envp)
{
	char text[4097];
	int n = 1;

	if (step->verb == VERB_KEY && step->number < 0)
		return control_exchange(envp, "break", 5, 0);
	if (step->verb == VERB_KEY)
		text[0] = (char)step->number;
	else
		n = send_unescape(step->text, text, sizeof text - 1);
	if (step->verb == VERB_LINE)
		text[n++] = '\r';
	return write_all(s->watch.fd, text, (size_t)n) ? EXIT_CLEAN : EXIT_QEMU_FAILED;
}

/* Is the step a test case of a report, and not a directive for later steps? */
static bool is_case(const struct step *step)
{
	return step->verb != VERB_FAIL && step->verb != VERB_TIMEOUT;
}

static int do_step(struct script *s, const struct step *step, char **envp)
{
	switch (step->verb) {
	case VERB_EXPECT:
		return step->screen ? expect_screen(s, step, envp) : expect(s, step, envp);
	case VERB_FAIL: s->fail[s->fails++] = step->text; return EXIT_CLEAN;
	case VERB_TIMEOUT: s->timeout_s = step->number; return EXIT_CLEAN;
	case VERB_EXIT: return (int)step->number;
	default: return step->screen ? type_screen(step, envp) : type(s, step, envp);
	}
}

static int run(struct script *s, char **envp)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct step *step = &s->steps[i];

		steps_next(&s->report);
		int status = do_step(s, step, envp);

		if (status != EXIT_CLEAN) {
			steps_failed(&s->report,
				     step->verb == VERB_EXIT ? REPORT_FAILURE : REPORT_ERROR,
				     step->verb == VERB_EXIT
					     ? "the script ends with status %d"
					     : "the step cannot be carried out (status %d)",
				     status);
			return status;
		}
		if (is_case(step))
			steps_passed(&s->report);
		if (step->verb == VERB_EXIT)
			break;
	}
	return EXIT_CLEAN;
}

static void feed_report(void *arg, const uint8_t *buf, size_t n)
{
	steps_feed(arg, buf, n);
}

static bool begin_report(struct script *s, struct error *err)
{
	char verb[32];

	if (!s->report.junit && !s->report.tap)
		return true;
	for (size_t i = 0; i < s->count; i++) {
		const struct step *step = &s->steps[i];

		(void)snprintf(verb, sizeof verb, "%s%s", step->screen ? on_screen : "",
			       verbs[step->verb]);
		if (is_case(step))
			steps_add(&s->report, step->line, verb, step->text);
	}
	s->report.script = s->name;
	s->watch.take = feed_report;
	s->watch.take_arg = &s->report;
	return steps_begin(&s->report, err);
}

/* STATUS, or the status of a failure to write the report. */
static int end_report(struct script *s, int status)
{
	struct error err = {0};

	if (!s->report.junit && !s->report.tap)
		return status;
	if (status != EXIT_CLEAN)
		steps_failed(&s->report, REPORT_ERROR,
			     "the guest's console is not available (status %d)", status);
	if (steps_finish(&s->report, &err))
		return status;
	error_report(&err);
	return status != EXIT_CLEAN ? status : (int)err.status;
}

/* Read and check the file NAME and create the reports. False with ERR. */
static bool prepare(struct script *s, const char *name, struct error *err)
{
	bool stdin_ = strcmp(name, "-") == 0;

	s->name = stdin_ ? "standard input" : name;
	_cleanup_fd_ int in = open(stdin_ ? "/dev/stdin" : name, O_RDONLY | O_CLOEXEC);
	ssize_t n = in < 0 ? -1 : read_full(in, s->text, sizeof s->text - 1);

	if (n < 0 || n == sizeof s->text - 1)
		return error_set(err, EXIT_NO_IMAGE,
				 n < 0 ? "check its name and its mode" : "split it", "%s: %s",
				 s->name, n < 0 ? strerror(errno) : "the file is too large");
	size_t len = (size_t)n;
	const char *why = plain_text(s->text, &len);

	if (why)
		return error_set(err, EXIT_BAD_USAGE, plain_text_fix, "%s %s", s->name, why);
	return parse(s, err) && begin_report(s, err);
}

int cmd_script(const struct command *self, int argc, char **argv, char **envp)
{
	static struct script s; /* with an initialiser it would take 95 kB of the program's file */
	struct script_guest guest = {0};
	struct error err = {0};
	bool boot = false;
	int status;
	int i = 1;

	s.timeout_s = TIMEOUT_S;
	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++)
		if (strcmp(argv[i], "--quiet") == 0)
			s.quiet = true;
		else if (strcmp(argv[i], "--boot") == 0)
			boot = true;
		else if (strcmp(argv[i], "--tap") == 0)
			s.report.tap = s.quiet = true;
		else if (strcmp(argv[i], "--junit") == 0 && i + 1 < argc)
			s.report.junit = argv[++i];
		else
			return cmd_usage(self, "unknown option", argv[i]);
	if (i + 1 != argc)
		return cmd_usage(self, "one file is needed", NULL);
	if (!prepare(&s, argv[i], &err)) {
		(void)cmd_fail(&err);
		return boot ? SCRIPT_NOT_STARTED : (int)err.status;
	}
	if (boot && !script_boot(&guest, envp, &err)) {
		steps_failed(&s.report, REPORT_ERROR, "%s", err.message);
		return end_report(&s, cmd_fail(&err));
	}
	if (!boot)
		guest_await_logout(control_settings(envp));
	_cleanup_fd_ int fd =
		control_stream_patient(envp, boot ? "console all" : "console live", &status);

	s.watch.fd = fd;
	s.watch.show = !s.quiet;
	if (fd >= 0)
		status = run(&s, envp);
	return end_report(&s, boot ? script_boot_end(&guest, envp, status) : status);
}
