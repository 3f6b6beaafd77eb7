/* scrollback.c - see scrollback.h. */
#include "vm/scrollback.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "format/replay.h"
#include "vm/cmd.h"

bool scrollback_read(char **envp, void (*take)(void *arg, uint8_t *buf, size_t n), void *arg,
		     int *status)
{
	_cleanup_fd_ int fd = control_stream(envp, "console all marked readonly", status);
	const uint8_t *mark = NULL;
	uint8_t buf[16384];

	if (fd < 0)
		return false;
	while (!mark) {
		ssize_t n = read(fd, buf, sizeof buf);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		mark = memchr(buf, REPLAY_MARK, (size_t)n);
		take(arg, buf, mark ? (size_t)(mark - buf) : (size_t)n);
	}
	return true;
}
