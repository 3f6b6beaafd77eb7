/* scrollback.c - see scrollback.h. */
#include "vm/scrollback.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "format/replay.h"
#include "vm/cmd.h"

/* PID 1 writes all of it at once; without a byte for this long it does not run. */
#define SILENCE_NS (5 * UINT64_C(1000000000))

static bool failed(char **envp, bool silent, int *status)
{
	struct error err = {0};

	if (silent)
		(void)error_set(&err, EXIT_NOT_READY, "unpause the container, or try again",
				"PID 1 does not send the console's output");
	else
		(void)control_stream_ended(envp, &err);
	*status = cmd_fail(&err);
	return false;
}

bool scrollback_read(char **envp, void (*take)(void *arg, uint8_t *buf, size_t n), void *arg,
		     int *status)
{
	_cleanup_fd_ int fd = control_stream(envp, "console all marked readonly", status);
	const uint8_t *mark = NULL;
	uint8_t buf[16384];

	if (fd < 0)
		return false;
	while (!mark) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int ready = clock_poll(&p, 1, clock_now() + SILENCE_NS);
		ssize_t n = ready > 0 ? read(fd, buf, sizeof buf) : ready;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return failed(envp, ready == 0, status);
		mark = memchr(buf, REPLAY_MARK, (size_t)n);
		take(arg, buf, mark ? (size_t)(mark - buf) : (size_t)n);
	}
	return true;
}
