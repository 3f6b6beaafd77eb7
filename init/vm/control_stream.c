/* control_stream.c - connections to PID 1 that last for more than one answer (proto/control.h). */
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

#define NO_ANSWER_FIX "vm status shows how the guest is; if it has ended, start it again"

int control_connect(char **envp, const char *request)
{
	char path[RUN_PATH_MAX];
	_cleanup_fd_ int fd = control_open(envp, 0, path);

	if (fd < 0) {
		log_error("no guest runs here: %s: %s", path, strerror(errno));
		log_line(LOG_ERROR, "  fix: ", NO_GUEST_FIX);
		return -1;
	}
	if (!control_send(fd, request)) {
		log_error("PID 1 does not accept the request: %s", strerror(errno));
		log_line(LOG_ERROR, "  fix: ", NO_ANSWER_FIX);
		return -1;
	}
	return fd_take(&fd);
}

/* The stream's number, by which PID 1 knows why the stream ended. */
static unsigned long number;

/* Read a line without its end, byte by byte, because the stream may begin right after it. -1 with
 * errno (ETIMEDOUT), or if the line is incomplete. */
static int read_line(int fd, uint64_t end_ns, char *line, size_t size)
{
	size_t len = 0;
	char c;

	line[0] = '\0';
	for (;;) {
		errno = 0;
		if (read_until(fd, -1, end_ns, &c, 1) <= 0)
			return -1;
		if (c == '\n')
			return (int)len;
		if (len < size - 1)
			line[len++] = c;
		line[len] = '\0';
	}
}

/* -1: no complete line arrived. */
static int read_status(int fd, uint64_t end_ns)
{
	char line[32];
	char *end;

	if (read_line(fd, end_ns, line, sizeof line) < 0)
		return -1;
	int status = (int)strtol(line, &end, 10);

	number = strtoul(end, NULL, 10);
	return status;
}

int control_stream(char **envp, const char *request, int *status)
{
	_cleanup_fd_ int fd = control_connect(envp, request);
	char text[256];

	*status = EXIT_NOT_READY;
	if (fd < 0)
		return -1;
	int answered = read_status(fd, 0);

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

	(void)error_set(&err, EXIT_NOT_READY, answered == EXIT_NO_SLOT ? CLIENT_NO_PLACE_FIX : "",
			"%.*s", n > 0 ? (int)n : 0, text);
	if (n > 0) {
		(void)cmd_fail(&err);
	} else {
		log_error("PID 1 ended without an answer");
		log_line(LOG_ERROR, "  fix: ", NO_ANSWER_FIX);
	}
	return -1;
}

static int pump(char **envp, int fd)
{
	const struct settings *s = control_settings(envp);
	static const char *dirs[4];

	dirs[0] = s->tmp_dir;
	dirs[1] = "/tmp";
	dirs[2] = s->run_dir;
	return fd < 0 ? fd : pump_start(fd, dirs);
}

int control_stream_patient(char **envp, const char *request, int *status)
{
	return pump(envp, control_stream(envp, request, status));
}

static bool read_head(int fd, uint64_t end_ns, struct shell_head *head)
{
	static const char *const states[] = {
		[HEAD_PROMPT] = "prompt ", [HEAD_BUSY] = "busy ", [HEAD_SILENT] = "silent "};
	char line[sizeof head->line + 16];

	if (read_line(fd, end_ns, head->guest, sizeof head->guest) < 0 ||
	    read_line(fd, end_ns, head->clock, sizeof head->clock) < 0 ||
	    read_line(fd, end_ns, line, sizeof line) < 0)
		return false;
	for (int i = HEAD_PROMPT; i <= HEAD_SILENT; i++) {
		size_t n = strlen(states[i]);

		if (strncmp(line, states[i], n) != 0)
			continue;
		head->state = i;
		(void)snprintf(head->line, sizeof head->line, "%s", line + n);
		return true;
	}
	return false;
}

int control_shell(char **envp, const char *request, uint64_t end_ns, long patience_ms,
		  struct shell_head *head, int *status, char *why, size_t size)
{
	uint64_t patience = clock_now() + (uint64_t)patience_ms * 1000000u;
	char path[RUN_PATH_MAX];
	_cleanup_fd_ int fd = -1;
	int answered = -1;

	*status = EXIT_NOT_READY;
	why[0] = '\0';
	/* As in control_await(): between an image and a guest PID 1 has another socket. */
	do {
		fd_close(&fd);
		fd = control_open(envp, patience_ms, path);
		if (fd < 0) {
			(void)snprintf(why, size, "no guest runs here: %s: %s", path,
				       strerror(errno));
			return -1;
		}
		if (control_send(fd, request))
			answered = read_status(fd, end_ns);
	} while (answered < 0 && errno != ETIMEDOUT && clock_now() < patience);
	if (answered == EXIT_CLEAN && read_head(fd, end_ns, head)) {
		*status = EXIT_CLEAN;
		return pump(envp, fd_take(&fd));
	}
	if (answered < 0 && errno == ETIMEDOUT) {
		(void)snprintf(why, size, "not within the time");
	} else if (answered > 0) {
		*status = answered;
		(void)read_line(fd, end_ns, why, size);
	} else {
		(void)snprintf(why, size, "PID 1 ended without an answer");
	}
	return -1;
}

/* PID 1's reason for the end of the stream, into BUF; "" if there is none. */
static void ask_why(char **envp, char *buf, size_t size)
{
	char path[RUN_PATH_MAX];
	char request[48];
	char answer[64];

	buf[0] = '\0';
	(void)snprintf(request, sizeof request, "console-end %lu", number);
	_cleanup_fd_ int fd = control_open(envp, 0, path);

	if (fd < 0 || !control_send(fd, request) || read_status(fd, 0) != EXIT_CLEAN)
		return;
	ssize_t n = read_full(fd, answer, sizeof answer - 1);

	if (n > 0)
		(void)snprintf(buf, size, "%.*s", (int)strcspn(answer, "\n"), answer);
}

int control_stream_ended(char **envp, struct error *err)
{
	char why[32];

	ask_why(envp, why, sizeof why);
	if (strcmp(why, "dropped") == 0)
		(void)error_set(err, EXIT_FELL_BEHIND,
				"read its output faster, or raise SERIAL_SCROLLBACK",
				"this program's connection to the console was closed, because it "
				"fell too far behind; the guest runs on");
	else if (strcmp(why, "evicted") == 0)
		(void)error_set(
			err, EXIT_NO_SLOT, "start it again",
			"disconnected from the console in favour of another client, because this "
			"one was idle for the longest time; the guest runs on");
	else
		(void)error_set(err, EXIT_QEMU_FAILED,
				"start it again; the container's log says why it ended",
				"the guest has ended");
	return err->status;
}
