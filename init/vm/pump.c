/* pump.c - see pump.h. */
#include "vm/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"

#define PIECE	  (64 * 1024)
#define TYPED_MAX 4096
#define FDS_MOST  1024 /* closed one by one where the kernel has no close_range(2) */
/* What was typed and PID 1 does not take is given up so long after the sub-command has gone. */
#define LAST_NS UINT64_C(5000000000)

/* Bytes in their order: first those in memory, then those in the file. */
struct queue {
	const char *const *dirs;
	uint8_t *memory;
	size_t at, end;	  /* in memory */
	int file;	  /* -1: not needed yet */
	off_t head, tail; /* in the file */
};

struct pump {
	int console, ours;
	bool console_ended, ours_ended, full;
	struct queue queue;
	size_t typed_len;
	uint8_t typed[TYPED_MAX];
};

static int open_nameless(const char *const *dirs)
{
	int fd = -1;

	for (; *dirs && fd < 0; dirs++)
		fd = open(*dirs, O_RDWR | O_TMPFILE | O_EXCL | O_CLOEXEC, 0600);
	return fd;
}

/* Append N bytes. False: there is no room for them. */
static bool queue_put(struct queue *q, const uint8_t *buf, size_t n)
{
	if (q->head == q->tail && PUMP_MEMORY - (q->end - q->at) >= n) {
		memmove(q->memory, q->memory + q->at, q->end - q->at);
		q->end -= q->at;
		q->at = 0;
		memcpy(q->memory + q->end, buf, n);
		q->end += n;
		return true;
	}
	if (q->file < 0)
		q->file = open_nameless(q->dirs);
	if (q->file < 0)
		return false;
	for (size_t done = 0; done < n;) {
		ssize_t got = pwrite(q->file, buf + done, n - done, q->tail + (off_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) /* a full disk: these bytes are still the caller's */
			return false;
		done += (size_t)got;
	}
	q->tail += (off_t)n;
	return true;
}

/* The first bytes, into memory. False: there are none. */
static bool queue_load(struct queue *q)
{
	if (q->at < q->end)
		return true;
	q->at = q->end = 0;
	if (q->head == q->tail)
		return false;
	size_t most = q->tail - q->head < PIECE ? (size_t)(q->tail - q->head) : PIECE;
	ssize_t n = pread(q->file, q->memory, most, q->head);

	if (n <= 0) { /* a file that cannot be read any more is lost, whatever is in it */
		q->head = q->tail = 0;
		return false;
	}
	q->end = (size_t)n;
	q->head += n;
	(void)fallocate(q->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, q->head);
	if (q->head == q->tail) {
		(void)ftruncate(q->file, 0);
		q->head = q->tail = 0;
	}
	return true;
}

/* ---- moving bytes ------------------------------------------------------------------------ */

static bool try_again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static void take_console(struct pump *p)
{
	static uint8_t buf[PIECE];
	static size_t held; /* read, and there was no room */

	if (held == 0) {
		ssize_t n = recv(p->console, buf, sizeof buf, MSG_DONTWAIT);

		if (n < 0 && try_again())
			return;
		p->console_ended = n <= 0;
		held = n > 0 ? (size_t)n : 0;
	}
	p->full = held > 0 && !queue_put(&p->queue, buf, held);
	if (!p->full)
		held = 0;
}

static void give_ours(struct pump *p)
{
	struct queue *q = &p->queue;

	while (queue_load(q)) {
		ssize_t n = send(p->ours, q->memory + q->at, q->end - q->at,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			q->at = q->end = 0;
			q->head = q->tail = 0;
			return;
		}
		if (n <= 0)
			return;
		q->at += (size_t)n;
		if (p->full)
			take_console(p);
	}
}

static void take_ours(struct pump *p)
{
	ssize_t n = recv(p->ours, p->typed + p->typed_len, sizeof p->typed - p->typed_len,
			 MSG_DONTWAIT);

	if (n < 0 && try_again())
		return;
	p->ours_ended = n <= 0;
	if (n > 0)
		p->typed_len += (size_t)n;
}

static void give_console(struct pump *p)
{
	ssize_t n = send(p->console, p->typed, p->typed_len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && try_again())
		return;
	if (n < 0) /* PID 1 is gone; its last words are still to be read */
		n = (ssize_t)p->typed_len;
	p->typed_len -= (size_t)n;
	memmove(p->typed, p->typed + n, p->typed_len);
}

/* Until both are gone, or the sub-command is and what it typed is handed on. */
static void run(struct pump *p)
{
	bool gone = false, shut = false;
	uint64_t end = 0;

	for (;;) {
		bool have = queue_load(&p->queue);

		if ((p->console_ended && !have && !p->full) ||
		    (gone && p->ours_ended && !p->typed_len))
			return;
		if (p->ours_ended && !p->typed_len && !shut)
			shut = shutdown(p->console, SHUT_WR) == 0;
		struct pollfd fds[] = {
			{.fd = p->console_ended ? -1 : p->console,
			 .events = (short)((p->full ? 0 : POLLIN) | (p->typed_len ? POLLOUT : 0))},
			{.fd = gone ? -1 : p->ours,
			 .events = (short)((have ? POLLOUT : 0) |
					   (p->ours_ended || p->typed_len == sizeof p->typed
						    ? 0
						    : POLLIN))}};

		if (gone && end == 0)
			end = clock_now() + LAST_NS;
		if (poll(fds, 2, gone ? clock_left_ms(end) : -1) == 0)
			return;
		if (!p->ours_ended && p->typed_len < sizeof p->typed &&
		    (gone || (fds[1].revents & (POLLIN | POLLHUP | POLLERR))))
			take_ours(p);
		if (p->typed_len > 0)
			give_console(p);
		if (!p->full && (fds[0].revents & (POLLIN | POLLHUP | POLLERR)))
			take_console(p);
		gone = gone || (fds[1].revents & (POLLHUP | POLLERR));
		if (gone)
			p->queue.at = p->queue.end = 0, p->queue.head = p->queue.tail = 0;
		else if (fds[1].revents & POLLOUT)
			give_ours(p);
	}
}

/* ---- the process ------------------------------------------------------------------------- */

/* Keep no descriptor of the sub-command open: a reader of its output waits for its end. */
static void keep_only(struct pump *p)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null, fd);
	/* Both numbers are free to be used once both descriptors are out of the way. */
	p->console = fcntl(p->console, F_DUPFD, 5);
	p->ours = fcntl(p->ours, F_DUPFD, 5);
	p->console = dup2(p->console, 3);
	p->ours = dup2(p->ours, 4);
	if (syscall(SYS_close_range, 5U, ~0U, 0U) != 0)
		for (int fd = 5; fd < FDS_MOST; fd++)
			(void)close(fd);
}

static pid_t pump_pid;

/* What was typed last (a logout) reaches PID 1 before the sub-command's end is seen. */
static void wait_for_pump(void)
{
	int fd = (int)syscall(SYS_pidfd_open, pump_pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (fd >= 0 && poll(&p, 1, (int)(LAST_NS / 1000000)) > 0)
		(void)waitpid(pump_pid, NULL, 0);
}

int pump_start(int console, const char *const *dirs)
{
	static struct pump p;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return console;
	pid_t pid = fork();

	if (pid == 0) {
		/* Not of a terminal's foreground, whose keys stop and end the sub-command. */
		(void)setsid();
		(void)signal(SIGPIPE, SIG_IGN);
		p = (struct pump){
			.console = console,
			.ours = fds[1],
			.queue = {.dirs = dirs, .memory = malloc(PUMP_MEMORY), .file = -1}};
		if (!p.queue.memory)
			_exit(1);
		keep_only(&p);
		run(&p);
		_exit(0);
	}
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return console;
	}
	(void)close(console);
	if (!pump_pid)
		(void)atexit(wait_for_pump);
	pump_pid = pid;
	return fds[0];
}
