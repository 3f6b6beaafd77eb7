/* screenshot.c - vm screenshot: QEMU writes the PNG into VM_RUN_DIR, we take it from there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "cmd/cmd.h"

#define TIMEOUT_S 10

/* FROM to the new file TO, which appears whole or not at all. */
static bool copy(const char *from, const char *to)
{
	char temporary[4200];
	char buf[16384];
	ssize_t got = -1;
	_cleanup_fd_ int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (snprintf(temporary, sizeof temporary, "%s.part", to) >= (int)sizeof temporary) {
		errno = ENAMETOOLONG;
		return false;
	}
	_cleanup_fd_ int out =
		in < 0 ? -1 : open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	while (out >= 0 && (got = read(in, buf, sizeof buf)) > 0)
		if (!write_all(out, buf, (size_t)got)) {
			got = -1;
			break;
		}
	if (out >= 0 && got == 0 && fsync(out) == 0 && rename(temporary, to) == 0)
		return true;
	int why = errno;

	if (out >= 0)
		(void)unlink(temporary);
	errno = why;
	return false;
}

int cmd_screenshot(const struct command *self, int argc, char **argv, char **envp)
{
	char answer[4300];

	if (argc != 2 || argv[1][0] == '-')
		return cmd_usage(self, argc < 2 ? "the file is missing" : "one file, not",
				 argc < 2 ? NULL : argv[argc - 1]);
	int status = client_ask(envp, "screenshot", TIMEOUT_S, answer, sizeof answer);

	if (status != EXIT_CLEAN) {
		(void)fprintf(stderr, "vm: error: no screenshot: %s\n", answer);
		return status;
	}
	bool ok = copy(answer, argv[1]);
	int why = errno;

	(void)unlink(answer);
	if (ok)
		return EXIT_CLEAN;
	(void)fprintf(stderr, "vm: error: %s: %s\n", argv[1], strerror(why));
	return EXIT_NO_PERMISSION;
}
