/* cmd_expect.c - vm expect: wait until the guest's serial console shows a regular expression. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/io.h"
#include "base/log.h"
#include "vm/cmd.h"
#include "vm/expect_match.h"
#include "vm/screen.h"

#define SECOND UINT64_C(1000000000)

static int expect_screen(char **envp, struct pattern_set *set, uint64_t end)
{
	char line[SCREEN_COLUMNS + 1];
	struct error err = {0};

	if (screen_wait(envp, set, end, line, &err) < 0)
		return cmd_fail(&err);
	(void)puts(line);
	return EXIT_CLEAN;
}

int cmd_expect(const struct command *self, int argc, char **argv, char **envp)
{
	static struct watch w;
	struct pattern_set *set = pattern_set_new();
	const char *regex = NULL;
	bool all = false;
	bool screen = false;
	bool options = true; /* until -- */
	long timeout = -1;
	char why[128];
	int status;

	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		char *end;

		if (options && strcmp(argv[i], "--") == 0) {
			options = false;
		} else if (options && strcmp(argv[i], "--from") == 0) {
			all = strcmp(value, "start") == 0;
			if (!all && strcmp(value, "now") != 0)
				return cmd_usage(self, "--from takes start or now, not", value);
			i++;
		} else if (options && strcmp(argv[i], "--timeout") == 0) {
			timeout = strtol(value, &end, 10);
			if (value[0] < '0' || value[0] > '9' || *end || timeout > 10000000)
				return cmd_usage(self, "--timeout takes seconds, not", value);
			i++;
		} else if (options && strcmp(argv[i], "--screen") == 0) {
			screen = true;
		} else if (!regex) {
			regex = argv[i];
		} else {
			return cmd_usage(self, "one expression, not", argv[i]);
		}
	}
	if (!regex)
		return cmd_usage(self, "the expression is missing", NULL);
	if (!set || pattern_set_add(set, regex, strlen(regex), why, sizeof why) < 0)
		return cmd_usage(self, set ? why : "no memory", NULL);
	uint64_t end = timeout < 0 ? 0 : clock_now() + (uint64_t)timeout * SECOND;
	if (screen)
		return expect_screen(envp, set, end);
	_cleanup_fd_ int fd = control_stream_patient(
		envp, all ? "console all readonly" : "console live readonly", &status);

	if (fd < 0)
		return status;
	w.fd = fd;
	int fired = watch_wait(&w, set, end);

	if (fired >= 0) {
		escape_print(stdout, watch_line(&w));
		(void)putchar('\n');
		return EXIT_CLEAN;
	}
	struct error err = {.status = EXIT_NOT_READY, .message = "not in time"};

	if (fired == WATCH_ENDED)
		(void)control_stream_ended(envp, &err);
	log_error("%s; the last line: %s", err.message, w.line);
	log_line(LOG_ERROR, "  fix: ", "%s", err.fix[0] ? err.fix : EXPECT_LATE_FIX);
	return err.status;
}
