/* cmd_screenshot.c - vm screenshot: QEMU writes the PNG into VM_RUN_DIR; it is copied from there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "vm/cmd.h"
#include "vm/screen.h"

#define TIMEOUT_S 10

/* Copy FROM to the new file TO, atomically. */
static bool copy(const char *from, const char *to)
{
	char part[4200];
	_cleanup_fd_ int in = open_regular(AT_FDCWD, from, O_RDONLY | O_NOFOLLOW, false, NULL);

	if (in < 0)
		return false;
	_cleanup_fd_ int out = file_begin(to, 0644, part, sizeof part);

	if (out < 0)
		return false;
	if (file_copy(in, out))
		return file_commit(out, part, to);
	int why = errno;

	(void)unlink(part);
	errno = why;
	return false;
}

/* vm screenshot --text. */
static int print_text(char **envp)
{
	static char lines[SCREEN_ROWS][SCREEN_COLUMNS + 1];
	struct error err = {0};

	if (!screen_read(envp, lines, &err))
		return cmd_fail(&err);
	for (unsigned i = 0; i < SCREEN_ROWS; i++)
		(void)puts(lines[i]);
	return EXIT_CLEAN;
}

int cmd_screenshot(const struct command *self, int argc, char **argv, char **envp)
{
	char answer[4300];

	if (argc == 2 && strcmp(argv[1], "--text") == 0)
		return print_text(envp);
	if (argc != 2 || argv[1][0] == '-')
		return cmd_usage(self, argc < 2 ? "the file is missing" : "one file, not",
				 argc < 2 ? NULL : argv[argc - 1]);
	int status = control_ask(envp, "screenshot", TIMEOUT_S, answer, sizeof answer);

	if (status != EXIT_CLEAN) {
		log_error("no screenshot: %s", answer);
		if (status == EXIT_NOT_READY)
			log_line(LOG_ERROR, "  fix: ", NO_GUEST_FIX);
		else if (status !=
			 EXIT_BAD_SETTING) /* EXIT_BAD_SETTING: the error names the setting */
			log_line(LOG_ERROR,
				 "  fix: ", "vm status shows how the guest is; try again");
		return status;
	}
	bool ok = copy(answer, argv[1]);
	int why = errno;

	(void)unlink(answer);
	if (ok)
		return EXIT_CLEAN;
	log_error("%s: %s", argv[1], strerror(why));
	return EXIT_NO_PERMISSION;
}
