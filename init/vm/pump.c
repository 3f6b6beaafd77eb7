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
#define FDS_MOST  1024 /* closed one by one if the kernel has no close_range(2) */
/* After the sub-command has ended, input that PID 1 does not accept is dropped after this time. */
#define LAST_NS UINT64_C(5000000000)

/* A queue of bytes: first those in memory, then those in the file. */
struct queue {
	const char *const *dirs;
	uint8_t *memory;
	size_t at, end;	  /* offsets in memory */
	int file;	  /* -1: not needed yet */
	off_t head, tail; /* offsets in the file */
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
	if (!write_all_at(q->file, buf, n, q->tail)) /* disk full: the caller keeps these bytes */
		return false;
	q->tail += (off_t)n;
	return true;
}

/* Move the first bytes of the file into memory. False: it has none. */
static bool queue_load(struct queue *q)
{
	if (q->at < q->end)
		return true;
	q->at = q->end = 0;
	if (q->head == q->tail)
		return false;
	size_t most = q->tail - q->head < PIECE ? (size_t)(q->tail - q->head) : PIECE;
	ssize_t n = pread(q->file, q->memory, most, q->head);

	if (n <= 0) { /* the file cannot be read: its contents are lost */
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

static void read_output(struct pump *p)
{
	static uint8_t buf[PIECE];
	static size_t held; /* bytes that were read but did not fit */

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

static void send_output(struct pump *p)
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
			read_output(p);
	}
}

static void read_input(struct pump *p)
{
	ssize_t n = recv(p->ours, p->typed + p->typed_len, sizeof p->typed - p->typed_len,
			 MSG_DONTWAIT);

	if (n < 0 && try_again())
		return;
	p->ours_ended = n <= 0;
	if (n > 0)
		p->typed_len += (size_t)n;
}

static void send_input(struct pump *p)
{
	ssize_t n = send(p->console, p->typed, p->typed_len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && try_again())
		return;
	if (n < 0) /* PID 1 is gone, but its last output can still be read */
		n = (ssize_t)p->typed_len;
	p->typed_len -= (size_t)n;
	memmove(p->typed, p->typed + n, p->typed_len);
}

/* Run until both ends are closed, or the sub-command has ended and its input has been passed on. */
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
			read_input(p);
		if (p->typed_len > 0)
			send_input(p);
		if (!p->full && (fds[0].revents & (POLLIN | POLLHUP | POLLERR)))
			read_output(p);
		gone = gone || (fds[1].revents & (POLLHUP | POLLERR));
		if (gone)
			p->queue.at = p->queue.end = 0, p->queue.head = p->queue.tail = 0;
		else if (fds[1].revents & POLLOUT)
			send_output(p);
	}
}

/* ---- the process ------------------------------------------------------------------------- */

/* Close all descriptors of the sub-command: a reader of its output waits until they are closed. */
static void keep_only(struct pump *p)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null, fd);
	/* First move both descriptors out of the way, then both numbers are free. */
	p->console = fcntl(p->console, F_DUPFD, 5);
	p->ours = fcntl(p->ours, F_DUPFD, 5);
	p->console = dup2(p->console, 3);
	p->ours = dup2(p->ours, 4);
	if (syscall(SYS_close_range, 5U, ~0U, 0U) != 0)
		for (int fd = 5; fd < FDS_MOST; fd++)
			(void)close(fd);
}

static pid_t pump_pid;

/* The last input (a logout) must reach PID 1 before the end of the sub-command is noticed. */
static void wait_for_pump(void)
{
	int fd = pump_pid ? (int)syscall(SYS_pidfd_open, pump_pid, 0) : -1;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (fd >= 0 && poll(&p, 1, (int)(LAST_NS / 1000000)) > 0)
		(void)waitpid(pump_pid, NULL, 0);
}

void pump_leave(void)
{
	pump_pid = 0;
}

int pump_start(int console, const char *const *dirs)
{
	static struct pump p;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return console;
	pid_t pid = fork();

	if (pid == 0) {
		/* Leave the terminal's foreground process group, whose keys stop and end the
		 * sub-command. */
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
