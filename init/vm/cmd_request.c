/* cmd_request.c - vm status, monitor, stop, reset, warm: sent to PID 1 as typed. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "vm/cmd.h"
#include "vm/guest_shell.h"

#define PATIENCE_MS 10000
#define REQUEST_MAX 4000
#define STATUS_MAX  65536

/* vm monitor without a command: each line of standard input is one, until it ends. The prompt is
 * QEMU's. Returns the last non-zero status. */
static int monitor_lines(const struct command *self, char **envp)
{
	static const char request[] = "monitor ";
	char line[REQUEST_MAX];
	bool ask = isatty(STDIN_FILENO);
	const size_t start = strlen(request);
	int worst = EXIT_CLEAN;

	memcpy(line, request, sizeof request);
	for (;;) {
		if (ask) {
			(void)fputs("(qemu) ", stdout);
			(void)fflush(stdout);
		}
		if (!fgets(line + start, (int)(sizeof line - start), stdin))
			break;
		size_t n = strcspn(line, "\r\n");

		if (n == sizeof line - 1)
			return cmd_usage(self, "a line is too long", NULL);
		line[n] = '\0';
		if (!line[start + strspn(line + start, " \t")])
			continue;
		int status = control_exchange(envp, line, -1, 0);

		if (status != EXIT_CLEAN)
			worst = status;
		/* Without PID 1 no later line would be answered either. */
		if (status == EXIT_NOT_READY)
			break;
	}
	if (ask)
		(void)putchar('\n');
	return worst;
}

int cmd_request(const struct command *self, int argc, char **argv, char **envp)
{
	char line[REQUEST_MAX];
	size_t used = (size_t)snprintf(line, sizeof line, "%s", self->name);
	bool words = strcmp(self->name, "monitor") == 0;
	bool warm = strcmp(self->name, "warm") ==
		    0; /* vm warm waits for a guest that is just starting */

	if (words && argc < 2)
		return monitor_lines(self, envp);
	for (int i = 1; i < argc; i++) {
		/* An argument that is not free text must be the one option of the synopsis. */
		if (!words &&
		    (i > 1 || self->synopsis[0] != '[' ||
		     strncmp(argv[i], self->synopsis + 1, strlen(self->synopsis) - 2) != 0 ||
		     strlen(argv[i]) != strlen(self->synopsis) - 2))
			return cmd_usage(self, "unknown argument", argv[i]);
		if (strchr(argv[i], '\n') || used + strlen(argv[i]) + 2 > sizeof line)
			return cmd_usage(self, "an argument has a line end or is too long", NULL);
		used += (size_t)snprintf(line + used, sizeof line - used, " %s", argv[i]);
	}
	if (strcmp(line, "status") == 0) {
		static char text[STATUS_MAX];
		int status = control_ask(envp, line, -1, text, sizeof text);

		status_print(text);
		return status;
	}
	if (warm)
		guest_await_logout(control_settings(envp));
	return control_exchange(envp, line, -1, warm ? PATIENCE_MS : 0);
}
