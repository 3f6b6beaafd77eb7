/* cmd_wait.c - vm wait: PID 1 answers when the event happens; nothing is polled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "vm/cmd.h"
#include "vm/guest_shell.h"

int cmd_wait(const struct command *self, int argc, char **argv, char **envp)
{
	static const char *const events[] = {"ready", "login", "ssh", "http", "exit"};
	const char *what = "ready";
	long timeout = -1;
	char line[32];
	char text[4096];

	for (int i = 1; i < argc; i++) {
		if (i + 1 == argc)
			return cmd_usage(self,
					 "unknown argument, or its value is missing:", argv[i]);
		if (strcmp(argv[i], "--for") == 0) {
			what = argv[++i];
			size_t e = 0;

			while (e < sizeof events / sizeof *events && strcmp(what, events[e]) != 0)
				e++;
			if (e == sizeof events / sizeof *events)
				return cmd_usage(
					self, "--for knows ready, login, ssh, http and exit, not",
					what);
		} else if (strcmp(argv[i], "--timeout") == 0) {
			char *end;

			timeout = strtol(argv[++i], &end, 10);
			if (argv[i][0] < '0' || argv[i][0] > '9' || *end || timeout > 10000000)
				return cmd_usage(self, "--timeout takes seconds, not", argv[i]);
		} else {
			return cmd_usage(self, "unknown argument", argv[i]);
		}
	}
	(void)snprintf(line, sizeof line, "wait %s", what);
	uint64_t end = clock_now() + (uint64_t)(timeout < 0 ? 0 : timeout) * 1000000000u;
	int status;

	/* While an image is being fetched there is no guest to wait for; PID 1 reports when it is
	 * there. */
	while ((status = control_await(envp, line, timeout, GUEST_START_MS, text, sizeof text)) ==
	       EXIT_ASK_AGAIN) {
		uint64_t now = clock_now();

		if (timeout >= 0)
			timeout = now < end ? (long)((end - now) / 1000000000u) : 0;
	}
	status_print_health(text, status);
	return status;
}
