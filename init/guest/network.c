/* network.c - see network.h; passt(1). */
#include "guest/network.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/log.h"
#include "guest/supervisor.h"
#include "host/tap.h"

/* passt gets its end under this number. */
#define PASST_FD 3

void network_check(struct plan *plan)
{
	const struct settings *s = &plan->s;
	struct error err = {0};
	char path[4096];

	if (plan->facts.unattended && s->net != NET_USER && s->net != NET_NONE)
		(void)errors_add(
			&plan->errors, EXIT_BAD_SETTING, "set QEMU_NET=user or none for it",
			"QEMU_NET: the profiler's machines have no network but QEMU's own");
	else if (s->net == NET_TAP && !tap_possible(s, &err))
		(void)errors_append(&plan->errors, &err);
	else if (s->net == NET_PASST && !find_program(getenv("PATH"), "passt", path, sizeof path))
		(void)errors_add(&plan->errors, EXIT_QEMU_FAILED,
				 "install it (Debian, Alpine: package passt), or use QEMU_NET=user",
				 "QEMU_NET=passt: there is no program passt on PATH");
}

bool network_prepare(struct plan *plan, struct error *err)
{
	if (plan->s.net == NET_TAP)
		plan->net_fd = tap_open(&plan->s, err);
	return plan->s.net != NET_TAP || plan->net_fd >= 0;
}

/* While QEMU runs, passt ends only because something is wrong. */
static void on_passt_ended(struct supervisor *v, int status, const char *line)
{
	char how[64];

	if (v->qemu_ended || v->state == VM_DOWN)
		return;
	(void)snprintf(how, sizeof how, WIFSIGNALED(status) ? "by signal %d" : "with status %d",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	log_error("passt has ended %s%s%s: the guest has no network", how, line[0] ? ": " : "",
		  line);
	v->net_lost = true;
	event("network-lost", "\"status\":%d", status);
	if (!v->ran) {
		log_line(LOG_ERROR, "  fix: ",
			 strstr(line, "user namespace")
				 ? "passt confines itself in a user namespace: allow that (docker "
				   "run --security-opt seccomp=unconfined), or use QEMU_NET=user"
				 : "see passt's own words above, or use QEMU_NET=user");
		v->given_up = true;
		supervisor_climb(v, LADDER_NOW);
	}
	requests_trouble(v);
}

/* One option a forward: passt's -t and -u take ADDRESS/PORT:GUESTPORT. */
static void add_forwards(const struct settings *s, struct args *a)
{
	struct forward f[FORWARDS_MAX];
	int n = settings_forwards(s, f);

	for (int i = 0; i < n; i++)
		args_option(a, f[i].udp ? "-u" : "-t", "%s/%u:%u", s->bind, (unsigned)f[i].port,
			    (unsigned)f[i].guest);
}

static bool start_passt(struct supervisor *v, struct error *err)
{
	static struct args args;
	struct plan *plan = v->plan;
	char path[4096];
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
	struct child c = {.path = path, .envp = envp, .identity = &plan->identity, .no_core = true};
	int fds[2];

	if (!find_program(getenv("PATH"), "passt", path, sizeof path) ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return error_set(err, EXIT_QEMU_FAILED, "", "passt: %s", strerror(errno));
	_cleanup_fd_ int theirs = fds[0];

	plan->net_fd = fds[1];
	args.count = args.used = 0;
	args_add(&args, "passt");
	args_add(&args, "--foreground");
	args_add(&args, "--quiet");
	args_option(&args, "--fd", "%d", PASST_FD);
	add_forwards(&plan->s, &args);
	c.argv = args.argv;
	c.fds[c.fd_count++] = (struct child_fd){.from = theirs, .to = PASST_FD};
	return helper_start(v, HELPER_PASST, "passt", &c, on_passt_ended, err);
}

bool network_start(struct supervisor *v, struct error *err)
{
	v->net_lost = false;
	return v->plan->s.net != NET_PASST || start_passt(v, err);
}

void network_handed_over(struct plan *plan)
{
	if (plan->s.net == NET_PASST) /* else passt would not see QEMU's end */
		fd_close(&plan->net_fd);
}

void network_end(struct supervisor *v)
{
	helper_kill(v, HELPER_PASST);
}

const char *network_trouble(const struct supervisor *v)
{
	return v->net_lost ? "passt has ended: the guest has no network" : NULL;
}

const char *network_describe(const struct settings *s, char buf[NETWORK_TEXT])
{
	char to[NETWORK_TEXT - 32] = "QEMU's own NAT";
	char card[32];

	if (s->net == NET_TAP)
		(void)snprintf(to, sizeof to, "the interface %s%s%s%s%s", s->tap,
			       s->tap_address ? ", here " : "",
			       s->tap_address ? s->tap_address : "",
			       s->tap_bridge ? ", on the bridge " : "",
			       s->tap_bridge ? s->tap_bridge : "");
	else if (s->net == NET_SOCKET)
		(void)snprintf(to, sizeof to, "the other machines of %s", s->net_socket);
	else if (s->net == NET_PASST)
		(void)snprintf(to, sizeof to, "passt");
	if (s->net == NET_NONE)
		(void)snprintf(buf, NETWORK_TEXT, "none");
	else
		(void)snprintf(
			buf, NETWORK_TEXT, "%s to %s",
			setting_choice(SETTING_QEMU_NET_MODEL, s->net_model, card, sizeof card),
			to);
	return buf;
}
