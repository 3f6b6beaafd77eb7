/* network.c - see network.h; passt(1). */
#include "pid1/network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "base/netaddr.h"
#include "pid1/env.h"
#include "pid1/helper.h"
#include "pid1/start_cause.h"

/* passt's end of the socket pair has this number. */
#define PASST_FD 3

/* Where the guest sends its name queries if it cannot reach the container's name server; podman
 * uses the same address. */
#define PASST_DNS "169.254.1.1"

#define NAMESERVER "nameserver" /* resolv.conf(5) */

/* While QEMU runs, the end of passt is an error. */
static void on_passt_ended(void *arg, int status, const char *line)
{
	struct network *n = arg;
	char how[64];
	char fix[512];

	if (n->env->life->qemu_ended || n->env->life->phase == LIFE_DOWN)
		return;
	(void)snprintf(how, sizeof how, WIFSIGNALED(status) ? "by signal %d" : "with status %d",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	log_error("passt has ended %s%s%s: the guest has no network", how, line[0] ? ": " : "",
		  line);
	env_condition(n->env, COND_NO_NETWORK, true);
	event("network-lost", J_INT("status", status));
	if (!n->env->life->ran) {
		bool known = cause_port(n->env->plan, fix, sizeof fix) ||
			     cause_namespace(&n->env->plan->identity, fix, sizeof fix);

		log_line(LOG_ERROR, "  fix: ",
			 known ? fix : "see passt's message above, or use QEMU_NET=user");
		post(n->env, NOTICE_GAVE_UP);
	}
	post(n->env, NOTICE_PROBLEM);
}

/* One option for each forward: passt's -t and -u take ADDRESS/PORT:GUESTPORT, and without an
 * address both families. */
static void add_forwards(const struct settings *s, struct args *a)
{
	struct forward f[FORWARDS_MAX];
	int n = settings_forwards(s, f);
	bool all = strchr(s->bind, ':') && !settings_bind_is_loopback(s);

	for (int i = 0; i < n; i++)
		args_option(a, f[i].udp ? "-u" : "-t", "%s%s%u:%u",
			    all ? "" : settings_forward_address(s), all ? "" : "/",
			    (unsigned)f[i].port, (unsigned)f[i].guest_port);
}

/* Whether the first name server is on our loopback interface, as with Docker's user-defined
 * networks (127.0.0.11). The guest cannot reach it there; passt then forwards queries to the
 * address PASST_DNS. */
static bool resolver_is_local(void)
{
	char text[4096];
	char address[64];
	uint32_t ip;

	if (read_small("/etc/resolv.conf", text, sizeof text) <= 0)
		return false;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, NAMESERVER, sizeof NAMESERVER - 1) != 0)
			continue;
		line += sizeof NAMESERVER - 1;
		line += strspn(line, " \t");
		(void)snprintf(address, sizeof address, "%.*s", (int)strcspn(line, " \t\r\n"),
			       line);
		return ipv4_parse(address, &ip) && ip >> 24 == 127;
	}
	return false;
}

static bool start_passt(struct network *n, struct error *err)
{
	static struct args args;
	struct plan *plan = n->env->plan;
	char path[4096];
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
	struct child c = {.path = path, .envp = envp, .identity = &plan->identity, .no_core = true};
	int fds[2];

	if (!find_program(getenv("PATH"), "passt", path, sizeof path) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return error_set(err, EXIT_QEMU_FAILED, "install passt, or use QEMU_NET=user",
				 "passt: %s", strerror(errno));
	_cleanup_fd_ int theirs = fds[0];

	plan->net_fd = fds[1];
	args.count = args.used = 0;
	args_add(&args, "passt");
	args_add(&args, "--foreground");
	args_add(&args, "--quiet");
	args_option(&args, "--fd", "%d", PASST_FD);
	/* Without it the gateway's address leads to every port of our loopback interface. */
	args_add(&args, "--no-map-gw");
	if (resolver_is_local())
		args_option(&args, "--dns-forward", "%s", PASST_DNS);
	add_forwards(&plan->s, &args);
	c.argv = args.argv;
	c.fds[c.fd_count++] = (struct child_fd){.from = theirs, .to = PASST_FD};
	return helper_start(n->env->helpers, HELPER_PASST, "passt", &c, on_passt_ended, n, err);
}

bool network_start(struct network *n, struct error *err)
{
	env_condition(n->env, COND_NO_NETWORK, false);
	return n->env->plan->s.net != NET_PASST || start_passt(n, err);
}

void network_handed_over(struct network *n)
{
	struct plan *plan = n->env->plan;

	if (plan->s.net ==
	    NET_PASST) /* passt ends when QEMU's copy is the last one and is closed */
		fd_close(&plan->net_fd);
}

void network_end(struct network *n)
{
	helper_kill(n->env->helpers, HELPER_PASST);
}

void network_init(struct network *n, const struct env *env)
{
	n->env = env;
}
