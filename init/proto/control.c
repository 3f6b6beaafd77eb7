/* control.c - see control.h.
 *
 * An answer is written at once, after SO_SNDBUF was made large enough for it. If a client does not
 * read, the rest of its answer is dropped; PID 1 does not wait for it.
 */
#include "proto/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/io.h"
#include "base/log.h"

#define FAREWELL_NS UINT64_C(500000000)

/* loop_ref.slot of the listener; clients have their index. */
#define SLOT_LISTENER 0xffff

bool control_init(struct control *c, int epoll, int listener, uint8_t ref_type,
		  control_request *handler, void *arg)
{
	c->epoll = epoll;
	c->listener = listener;
	c->ref_type = ref_type;
	c->handler = handler;
	c->arg = arg;
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		c->clients[i].fd = -1;
	return loop_add(epoll, listener, EPOLLIN,
			(struct loop_ref){.type = ref_type, .slot = SLOT_LISTENER});
}

static void let_go(struct control *c, int slot)
{
	loop_remove(c->epoll, c->clients[slot].fd);
	fd_close(&c->clients[slot].fd);
}

/* QEMU is refused: if it runs as PID 1's user (docker run --user), the mode of the socket's file
 * does not protect against a guest that has taken QEMU over. It cannot start another process
 * (-sandbox). */
static bool is_refused(const struct control *c, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	return c->refused && *c->refused > 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == *c->refused;
}

/* A free slot. If there is none, that of the oldest client that has not sent a complete request,
 * which our own clients send at once. -1: none either. */
static int find_slot(struct control *c)
{
	int silent = -1;

	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		const struct control_client *client = &c->clients[i];

		if (client->fd < 0)
			return i;
		if (!client->asked && (silent < 0 || client->number < c->clients[silent].number))
			silent = i;
	}
	if (silent >= 0)
		let_go(c, silent);
	return silent;
}

static void accept_client(struct control *c)
{
	static const char busy[] = "69\ntoo many requests are under way; try again\n";
	_cleanup_fd_ int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0 && is_refused(c, fd)) {
		log_warning("a connection of QEMU to control.sock was refused: it must not "
			    "connect there");
		return;
	}
	int place = fd < 0 ? -1 : find_slot(c);

	if (fd >= 0 && place < 0)
		(void)send(fd, busy, sizeof busy - 1, MSG_NOSIGNAL);
	if (place < 0 || !loop_add(c->epoll, fd, EPOLLIN,
				   (struct loop_ref){.type = c->ref_type, .slot = (uint16_t)place}))
		return;
	c->clients[place] = (struct control_client){.fd = fd_take(&fd), .number = ++c->numbers};
}

bool control_wait(struct control *c, int slot, int what)
{
	static const char full[] = "too many clients wait already (vm wait): end some of them\n";
	int waiting = 0;

	for (int i = 0; i < CONTROL_CLIENTS; i++)
		waiting += c->clients[i].fd >= 0 && c->clients[i].waiting;
	if (waiting >= CONTROL_WAITING) {
		control_answer(c, slot, EXIT_QEMU_FAILED, full);
		return false;
	}
	c->clients[slot].waits_for = what;
	c->clients[slot].waiting = true;
	return true;
}

void control_answer(struct control *c, int slot, int status, const char *text)
{
	size_t n = strlen(text);
	char head[16];
	int head_len = snprintf(head, sizeof head, "%d\n", status);
	int fd = c->clients[slot].fd;
	int room = (int)n + 4096;

	if (fd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	if (send(fd, head, (size_t)head_len, MSG_NOSIGNAL) == head_len)
		while (n > 0) {
			ssize_t done = send(fd, text, n, MSG_NOSIGNAL);

			if (done < 0 && errno == EINTR)
				continue;
			if (done <= 0)
				break;
			text += done;
			n -= (size_t)done;
		}
	let_go(c, slot);
}

void control_answer_error(struct control *c, int slot, const struct error *err)
{
	char line[sizeof err->message + sizeof err->fix + 8];

	(void)snprintf(line, sizeof line, "%s%s%s\n", err->message, err->fix[0] ? "; " : "",
		       err->fix);
	control_answer(c, slot, err->status, line);
}

void control_farewell(struct control *c, int (*status_of)(const struct control_client *, int),
		      int status, const char *text)
{
	struct pollfd gone[CONTROL_CLIENTS];
	uint64_t end = clock_now() + FAREWELL_NS;
	size_t n = 0;

	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		struct control_client *client = &c->clients[i];

		if (client->fd < 0)
			continue;
		int fd = getpid() == 1 ? fcntl(client->fd, F_DUPFD_CLOEXEC, 0) : -1;

		control_answer(c, i, status_of(client, status), text);
		if (fd < 0)
			continue;
		(void)shutdown(fd, SHUT_WR); /* the client reads to the end */
		gone[n++] = (struct pollfd){.fd = fd};
	}
	for (size_t i = 0; i < n; i++) {
		/* POLLHUP, which need not be requested: both sides are shut down. */
		(void)clock_poll(&gone[i], 1, end);
		(void)close(gone[i].fd);
	}
}

int control_release(struct control *c, int slot)
{
	int fd = c->clients[slot].fd;

	loop_remove(c->epoll, fd);
	c->clients[slot].fd = -1;
	return fd;
}

int control_take(struct control *c, int slot, const char *text)
{
	char line[32 + CONTROL_TAKE];
	int n = snprintf(line, sizeof line, "0 %llu\n%.*s",
			 (unsigned long long)c->clients[slot].number, CONTROL_TAKE, text);

	/* Its first answer, so the socket has room for it. */
	(void)send(c->clients[slot].fd, line, (size_t)n, MSG_NOSIGNAL);
	return control_release(c, slot);
}

static void read_client(struct control *c, int slot)
{
	struct control_client *client = &c->clients[slot];
	char *request = c->requests[slot];
	char ignored[64];
	size_t room = client->asked ? sizeof ignored : CONTROL_REQUEST - client->len;
	ssize_t got = recv(client->fd, client->asked ? ignored : request + client->len, room, 0);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0) { /* the client has disconnected */
		let_go(c, slot);
		return;
	}
	if (client->asked)
		return;
	client->len += (size_t)got;
	char *end = memchr(request, '\n', client->len);

	if (end) {
		*end = '\0';
		client->asked = true;
		c->handler(c, slot, request, c->arg);
	} else if (client->len == CONTROL_REQUEST) {
		control_answer(c, slot, EXIT_BAD_USAGE, "the request is too long\n");
	}
}

void control_event(struct control *c, struct loop_ref ref, uint32_t events)
{
	(void)events;
	if (ref.slot == SLOT_LISTENER)
		accept_client(c);
	else if (ref.slot < CONTROL_CLIENTS && c->clients[ref.slot].fd == ref.fd)
		read_client(c, ref.slot);
}
