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
#include "pid1/env.h"
#include "proto/between.h"

/* Limit of an attempt: a slow sshd needs time for its first line. A guest without a server resets
 * the connection at once, or leaves it pending (slirp repeats the SYN). */
#define PROBE_TAKES_NS UINT64_C(5000000000)
#define PROBE_AGAIN_NS UINT64_C(250000000)

static const struct {
	uint16_t guest_port;
	const char *request, *answer;
} kinds[PROBE_COUNT] = {
	[PROBE_SSH] = {22, PROBE_SSH_REQUEST, "SSH-"},
	[PROBE_HTTP] = {80, PROBE_HTTP_REQUEST, "HTTP/"},
};

void probes_init(struct port_probes *all, const struct env *env)
{
	const struct settings *s = env_settings(env);
	struct forward f[FORWARDS_MAX];
	int n = settings_forwards(s, f);

	*all = (struct port_probes){.env = env};
	for (int p = 0; p < PROBE_COUNT; p++) {
		all->list[p].fd = -1;
		for (int i = 0; i < n; i++)
			if (!f[i].udp && f[i].guest_port == kinds[p].guest_port)
				all->list[p].port = f[i].port;
	}
}

/* One timer for all attempts: the earliest end. */
static void arm(struct port_probes *all)
{
	uint64_t first = 0;

	for (int p = 0; p < PROBE_COUNT; p++) {
		uint64_t at = all->list[p].end_ns;

		if (at && (first == 0 || at < first))
			first = at;
	}
	env_timer(all->env, TIMER_PROBES, first);
}

static void hang_up(struct port_probes *all, struct probe *p)
{
	if (p->fd >= 0)
		loop_remove(all->env->epoll, p->fd);
	fd_close(&p->fd);
	p->end_ns = 0;
}

/* The attempt failed: pause before the next one. */
static void pause_it(struct port_probes *all, struct probe *p)
{
	hang_up(all, p);
	p->end_ns = clock_now() + PROBE_AGAIN_NS;
	arm(all);
}

static bool connect_to(const struct port_probes *all, struct probe *p)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(p->port)};
	uint32_t address;

	/* INADDR_ANY includes the loopback address. */
	if (!ipv4_parse(settings_forward_address(&all->env->plan->s), &address) ||
	    address == INADDR_ANY || (all->env->plan->s.ports == PORTS_READY && !all->published))
		address = INADDR_LOOPBACK;
	to.sin_addr.s_addr = htonl(address);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return p->fd >= 0 &&
	       (connect(p->fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS);
}

static void attempt(struct port_probes *all, enum probe_id which)
{
	struct probe *p = &all->list[which];

	p->len = 0;
	p->writing = true;
	if (!connect_to(all, p) ||
	    !loop_add(all->env->epoll, p->fd, EPOLLOUT,
		      (struct loop_ref){.type = REF_PROBE, .index = (uint8_t)which})) {
		pause_it(all, p);
		return;
	}
	p->end_ns = clock_now() + PROBE_TAKES_NS;
	arm(all);
}

void probe_want(struct port_probes *all, enum probe_id which)
{
	struct probe *p = &all->list[which];

	if (p->port == 0)
		return;
	p->wanted = true;
	if (p->fd < 0 && p->end_ns == 0)
		attempt(all, which);
}

void probes_reset(struct port_probes *all)
{
	for (int i = 0; i < PROBE_COUNT; i++) {
		hang_up(all, &all->list[i]);
		all->list[i].wanted = all->list[i].answered = false;
	}
	arm(all);
}

static void on_line(struct port_probes *all, enum probe_id which)
{
	struct probe *p = &all->list[which];
	size_t n = strlen(kinds[which].answer);

	if (p->len < n)
		return;
	if (memcmp(p->line, kinds[which].answer, n) != 0) {
		pause_it(all, p);
		return;
	}
	hang_up(all, p);
	arm(all);
	p->wanted = false;
	p->answered = true;
	post(all->env, NOTICE_PORT_ANSWERED, .value = (int)which);
}

void probe_event(struct port_probes *all, enum probe_id which, int fd, uint32_t events)
{
	struct probe *p = &all->list[which];
	const char *request = kinds[which].request;
	size_t n = strlen(request);

	if (fd != p->fd)
		return;
	if (p->writing && !(events & (EPOLLERR | EPOLLHUP))) {
		p->writing = false;
		if (send(fd, request, n, MSG_NOSIGNAL) != (ssize_t)n ||
		    !loop_modify(all->env->epoll, fd, EPOLLIN,
				 (struct loop_ref){.type = REF_PROBE, .index = (uint8_t)which}))
			pause_it(all, p);
		return;
	}
	ssize_t got = recv(fd, p->line + p->len, sizeof p->line - p->len, 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		pause_it(all, p);
		return;
	}
	p->len += (size_t)got;
	on_line(all, which);
}

void probes_timer(struct port_probes *all)
{
	uint64_t now = clock_now();

	for (int i = 0; i < PROBE_COUNT; i++) {
		struct probe *p = &all->list[i];

		if (p->end_ns == 0 || p->end_ns > now)
			continue;
		hang_up(all, p);
		if (p->wanted)
			attempt(all, (enum probe_id)i);
	}
	arm(all);
}

bool probe_possible(const struct port_probes *all, enum probe_id which)
{
	return all->list[which].port != 0;
}

bool probe_answered(const struct port_probes *all, enum probe_id which)
{
	return all->list[which].answered;
}

void probes_published(struct port_probes *all, bool yes)
{
	all->published = yes;
}
