/* scrollback.c - see scrollback.h. */
#include "vm/scrollback.h"

#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "vm/cmd.h"

#define MS	 UINT64_C(1000000)
#define QUIET_NS (50 * MS)
#define MOST_NS	 (1000 * MS)

bool scrollback_read(char **envp, void (*take)(void *arg, uint8_t *buf, size_t n), void *arg,
		     int *status)
{
	_cleanup_fd_ int fd = control_stream(envp, "console all readonly", status);
	uint64_t end = clock_now() + MOST_NS;
	uint8_t buf[16384];

	if (fd < 0)
		return false;
	while (clock_now() < end) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (clock_poll(&p, 1, clock_now() + QUIET_NS) <= 0)
			break;
		ssize_t n = read(fd, buf, sizeof buf);

		if (n <= 0)
			break;
		take(arg, buf, (size_t)n);
	}
	return true;
}
