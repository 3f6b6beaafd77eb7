/* sample_probe.c - see sample_probe.h. */
#include "profile/sample_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "proto/between.h"

/* While the guest has no network, attempts hang, and slirp repeats its SYN at growing intervals;
 * once it has one, connections are refused at once, and a slow sshd needs seconds to send its
 * banner. So attempts are short (a 32nd of the elapsed time) until one was refused, and unlimited
 * afterwards. The pause between them determines the resolution of the measurement. */
#define SHORT_NS UINT64_C(250000000)
#define LONG_NS	 UINT64_C(5000000000)
#define PAUSE_NS UINT64_C(20000000)

static const struct {
	const char *request, *answer;
} kinds[] = {
	[PORT_SSH] = {PROBE_SSH_REQUEST, "SSH-"},
	[PORT_HTTP] = {PROBE_HTTP_REQUEST, "HTTP/"},
};

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

void probe_init(struct port_probe *p, uint16_t port, enum port_kind kind)
{
	*p = (struct port_probe){.kind = kind, .port = port, .fd = -1};
}

struct pollfd probe_poll(const struct port_probe *p, uint64_t *until_ns)
{
	if (p->kind != PORT_NONE && p->next_ns < *until_ns)
		*until_ns = p->next_ns;
	return (struct pollfd){.fd = p->fd, .events = p->asked ? POLLIN : POLLOUT};
}

static void give_up(struct port_probe *p, uint64_t now)
{
	fd_close(&p->fd);
	p->next_ns = now + PAUSE_NS;
}

static uint64_t patience(const struct port_probe *p, uint64_t now)
{
	uint64_t part = (now - p->began_ns) / 32;

	return p->refused || part > LONG_NS ? LONG_NS : part < SHORT_NS ? SHORT_NS : part;
}

static void attempt(struct port_probe *p, uint64_t now)
{
	struct sockaddr_in to = loopback(p->port);

	if (p->began_ns == 0)
		p->began_ns = now;
	p->len = 0;
	p->asked = false;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	p->next_ns = now + patience(p, now);
	if (p->fd < 0 ||
	    (connect(p->fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS))
		give_up(p, now);
}

/* Data, end of file or an error. True: it is the answer. */
static bool take(struct port_probe *p, uint64_t now)
{
	const char *answer = kinds[p->kind].answer;
	size_t n = strlen(answer);
	ssize_t got = recv(p->fd, p->line + p->len, n - p->len, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got > 0 && memcmp(p->line, answer, p->len + (size_t)got) == 0) {
		p->len += (size_t)got;
		return p->len == n;
	}
	p->refused = true;
	give_up(p, now);
	return false;
}

bool probe_events(struct port_probe *p, const struct pollfd *fd, uint64_t now)
{
	if (p->kind == PORT_NONE)
		return false;
	if (p->fd >= 0 && fd->fd == p->fd && fd->revents) {
		if (p->asked)
			return take(p, now);
		const char *request = kinds[p->kind].request;

		p->asked = true;
		if (fd->revents & (POLLERR | POLLHUP) ||
		    send(p->fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
			give_up(p, now);
		return false;
	}
	if (now < p->next_ns)
		return false;
	fd_close(&p->fd);
	attempt(p, now);
	return false;
}

void probe_close(struct port_probe *p)
{
	fd_close(&p->fd);
}

uint16_t probe_free_port(void)
{
	struct sockaddr_in a = loopback(0);
	socklen_t n = sizeof a;
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		return 0;
	return ntohs(a.sin_port);
}
