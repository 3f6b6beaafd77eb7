/* screenshot.c - vm screenshot: QEMU writes the PNG into VM_RUN_DIR, we take it from there. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/io.h"
#include "cmd/cmd.h"

#define TIMEOUT_S 10

/* FROM to the new file TO, which appears whole or not at all. */
static bool copy(const char *from, const char *to)
{
	char part[4200];
	_cleanup_fd_ int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (in < 0)
		return false;
	if (snprintf(part, sizeof part, "%s.part", to) >= (int)sizeof part) {
		errno = ENAMETOOLONG;
		return false;
	}
	_cleanup_fd_ int out = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (out < 0)
		return false;
	if (file_copy(in, out))
		return file_commit(out, part, to);
	int why = errno;

	(void)unlink(part);
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
