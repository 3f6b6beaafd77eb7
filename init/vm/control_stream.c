/* control_stream.c - connections to PID 1 that outlive one answer (pid1/control.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "config/settings.h"
#include "host/listen.h"
#include "vm/cmd.h"
#include "vm/pump.h"

int client_connect(char **envp, const char *request)
{
	static struct settings s;
	static struct errors ignored; /* PID 1 has reported them; VM_RUN_DIR is all we need */
	char path[RUN_PATH_MAX];

	(void)settings_parse(envp, &s, &ignored);
	(void)run_path(&s, "control.sock", path);
	_cleanup_fd_ int fd = connect_unix(path);

	if (fd < 0) {
		log_error("no guest runs here: %s: %s", path, strerror(errno));
		return -1;
	}
	if (!client_send(fd, request)) {
		log_error("PID 1 does not take the request: %s", strerror(errno));
		return -1;
	}
	return fd_take(&fd);
}

/* The stream's number, by which PID 1 knows why it ended. */
static unsigned long number;

/* The status line, byte by byte, as what stands behind it is the stream's. -1: it did not come. */
static int read_status(int fd)
{
	char line[32];
	char *end;
	size_t len = 0;

	while (len < sizeof line - 1 && (len == 0 || line[len - 1] != '\n')) {
		ssize_t got = read(fd, line + len, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		len++;
	}
	line[len] = '\0';
	int status = (int)strtol(line, &end, 10);

	number = strtoul(end, NULL, 10);
	return status;
}

int client_stream(char **envp, const char *request, int *status)
{
	_cleanup_fd_ int fd = client_connect(envp, request);
	char text[256];

	*status = EXIT_NOT_READY;
	if (fd < 0)
		return -1;
	int answered = read_status(fd);

	if (answered == EXIT_CLEAN) {
		*status = EXIT_CLEAN;
		return fd_take(&fd);
	}
	ssize_t n = answered < 0 ? -1 : read(fd, text, sizeof text);

	if (n > 0)
		*status = answered;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	struct error err = {0};

	(void)error_set(
		&err, EXIT_NOT_READY,
		answered == EXIT_NO_PLACE
			? "end vm exec, expect, script, send or pull of this container that "
			  "nobody needs any more"
			: "",
		"%.*s", n > 0 ? (int)n : 0, text);
	if (n > 0)
		(void)cmd_fail(&err);
	else
		log_error("PID 1 went away without an answer");
	return -1;
}

int client_stream_patient(char **envp, const char *request, int *status)
{
	static struct settings s;
	static struct errors ignored;
	static const char *dirs[4];
	int fd = client_stream(envp, request, status);

	if (fd < 0)
		return fd;
	(void)settings_parse(envp, &s, &ignored);
	dirs[0] = s.tmp_dir;
	dirs[1] = "/tmp";
	dirs[2] = s.run_dir;
	return pump_start(fd, dirs);
}

/* What PID 1 says of the stream's end, into BUF; "" when it says nothing. */
static void ask_why(char **envp, char *buf, size_t size)
{
	static struct settings s;
	static struct errors ignored;
	char path[RUN_PATH_MAX];
	char request[48];
	char answer[64];

	buf[0] = '\0';
	(void)settings_parse(envp, &s, &ignored);
	(void)snprintf(request, sizeof request, "console-end %lu", number);
	_cleanup_fd_ int fd = connect_unix(run_path(&s, "control.sock", path));

	if (fd < 0 || !client_send(fd, request) || read_status(fd) != EXIT_CLEAN)
		return;
	ssize_t n = read_full(fd, answer, sizeof answer - 1);

	if (n > 0)
		(void)snprintf(buf, size, "%.*s", (int)strcspn(answer, "\n"), answer);
}

int client_stream_ended(char **envp, struct error *err)
{
	char why[32];

	ask_why(envp, why, sizeof why);
	if (strcmp(why, "dropped") == 0)
		(void)error_set(err, EXIT_FELL_BEHIND,
				"read its output faster, or raise SERIAL_SCROLLBACK",
				"this program's connection to the console was closed, because it "
				"fell too far behind; the guest runs on");
	else if (strcmp(why, "evicted") == 0)
		(void)error_set(err, EXIT_NO_PLACE, "start it again",
				"this program's place on the console was given to another one, as "
				"nothing was typed here for the longest time; the guest runs on");
	else
		(void)error_set(err, EXIT_QEMU_FAILED, "", "the guest has ended meanwhile");
	return err->status;
}
