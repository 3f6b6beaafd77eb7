/* port_probe.c - see port_probe.h. */
#include "pid1/port_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/netaddr.h"
#include "pid1/supervisor.h"

/* An attempt may take as long as a slow sshd needs to say its name; a guest that is not there yet
 * resets the connection at once or lets it hang (slirp sends the SYN again). */
#define PROBE_TAKES_NS UINT64_C(5000000000)
#define PROBE_AGAIN_NS UINT64_C(250000000)

static const struct {
	uint16_t guest_port;
	const char *request, *answer;
} kinds[PROBE_COUNT] = {
	[PROBE_SSH] = {22, PROBE_SSH_REQUEST, "SSH-"},
	[PROBE_HTTP] = {80, PROBE_HTTP_REQUEST, "HTTP/"},
};

void probes_init(struct supervisor *v)
{
	const struct settings *s = &v->plan->s;
	struct forward f[FORWARDS_MAX];
	int n = settings_forwards(s, f);

	for (int p = 0; p < PROBE_COUNT; p++) {
		v->probes[p].fd = -1;
		for (int i = 0; i < n; i++)
			if (!f[i].udp && f[i].guest == kinds[p].guest_port)
				v->probes[p].port = f[i].port;
	}
}

/* One timer for all: the earliest of their ends. */
static void arm(struct supervisor *v)
{
	uint64_t first = 0;

	for (int p = 0; p < PROBE_COUNT; p++) {
		uint64_t at = v->probes[p].end_ns;

		if (at && (first == 0 || at < first))
			first = at;
	}
	timers_set(&v->timers, TIMER_PROBES, first);
}

static void hang_up(struct supervisor *v, struct probe *p)
{
	if (p->fd >= 0)
		loop_remove(v->epoll, p->fd);
	fd_close(&p->fd);
	p->end_ns = 0;
}

/* This attempt brought nothing. */
static void pause_it(struct supervisor *v, struct probe *p)
{
	hang_up(v, p);
	p->end_ns = clock_now() + PROBE_AGAIN_NS;
	arm(v);
}

static bool connect_to(const struct supervisor *v, struct probe *p)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(p->port)};
	uint32_t address;

	/* All addresses of ours include the loopback one. */
	if (!ipv4_parse(v->plan->s.bind, &address) || address == INADDR_ANY ||
	    (v->plan->s.ports == PORTS_READY && !v->ports_open))
		address = INADDR_LOOPBACK;
	to.sin_addr.s_addr = htonl(address);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return p->fd >= 0 &&
	       (connect(p->fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS);
}

static void attempt(struct supervisor *v, enum probe_id which)
{
	struct probe *p = &v->probes[which];

	p->len = 0;
	p->writing = true;
	if (!connect_to(v, p) ||
	    !loop_add(v->epoll, p->fd, EPOLLOUT,
		      (struct loop_ref){.type = REF_PROBE, .index = (uint8_t)which})) {
		pause_it(v, p);
		return;
	}
	p->end_ns = clock_now() + PROBE_TAKES_NS;
	arm(v);
}

void probe_want(struct supervisor *v, enum probe_id which)
{
	struct probe *p = &v->probes[which];

	if (p->port == 0)
		return;
	p->wanted = true;
	if (p->fd < 0 && p->end_ns == 0)
		attempt(v, which);
}

void probes_reset(struct supervisor *v)
{
	for (int i = 0; i < PROBE_COUNT; i++) {
		hang_up(v, &v->probes[i]);
		v->probes[i].wanted = v->probes[i].answered = false;
	}
	arm(v);
}

static void on_line(struct supervisor *v, enum probe_id which)
{
	struct probe *p = &v->probes[which];
	size_t n = strlen(kinds[which].answer);

	if (p->len < n)
		return;
	if (memcmp(p->line, kinds[which].answer, n) != 0) {
		pause_it(v, p);
		return;
	}
	hang_up(v, p);
	arm(v);
	p->wanted = false;
	p->answered = true;
	supervisor_on_probe(v, which);
}

void probe_event(struct supervisor *v, enum probe_id which, int fd, uint32_t events)
{
	struct probe *p = &v->probes[which];
	const char *request = kinds[which].request;
	size_t n = strlen(request);

	if (fd != p->fd)
		return;
	if (p->writing && !(events & (EPOLLERR | EPOLLHUP))) {
		p->writing = false;
		if (send(fd, request, n, MSG_NOSIGNAL) != (ssize_t)n ||
		    !loop_modify(v->epoll, fd, EPOLLIN,
				 (struct loop_ref){.type = REF_PROBE, .index = (uint8_t)which}))
			pause_it(v, p);
		return;
	}
	ssize_t got = recv(fd, p->line + p->len, sizeof p->line - p->len, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		pause_it(v, p);
		return;
	}
	p->len += (size_t)got;
	on_line(v, which);
}

void probes_timer(struct supervisor *v)
{
	uint64_t now = clock_now();

	for (int i = 0; i < PROBE_COUNT; i++) {
		struct probe *p = &v->probes[i];

		if (p->end_ns == 0 || p->end_ns > now)
			continue;
		hang_up(v, p);
		if (p->wanted)
			attempt(v, (enum probe_id)i);
	}
	arm(v);
}
