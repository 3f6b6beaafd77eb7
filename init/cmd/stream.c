/* stream.c - connections to PID 1 that outlive one answer (guest/control.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/settings.h"
#include "cmd/cmd.h"
#include "host/listen.h"

int client_connect(char **envp, const char *request)
{
	static struct settings s;
	static struct errors ignored; /* PID 1 has reported them; VM_RUN_DIR is all we need */
	char path[RUN_PATH_MAX];

	(void)settings_parse(envp, &s, &ignored);
	(void)run_path(&s, "control.sock", path);
	_cleanup_fd_ int fd = connect_unix(path);

	if (fd < 0) {
		(void)fprintf(stderr, "vm: error: no guest runs here: %s: %s\n", path,
			      strerror(errno));
		return -1;
	}
	if (!client_send(fd, request)) {
		(void)fprintf(stderr, "vm: error: PID 1 does not take the request: %s\n",
			      strerror(errno));
		return -1;
	}
	return fd_take(&fd);
}

/* The status line, byte by byte, as what stands behind it is the stream's. -1: it did not come. */
static int read_status(int fd)
{
	char line[8];
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
	return (int)strtol(line, NULL, 10);
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
	(void)fprintf(stderr, "vm: error: %.*s",
		      n > 0 ? (int)n : (int)sizeof "PID 1 went away without an answer\n" - 1,
		      n > 0 ? text : "PID 1 went away without an answer\n");
	return -1;
}
