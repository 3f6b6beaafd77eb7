/* hostfwd.c - VM_PORTS=ready: the forwards are open to PID 1's own probes from the start, on the
 * loopback address, and to everybody else when the guest is ready. (readiness.h)
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/netaddr.h"
#include "pid1/supervisor.h"

static void open_next(struct supervisor *v);

/* The monitor's command says nothing when it has worked (QEMU: net/slirp.c, hmp_hostfwd_add()). */
static void on_added(struct qmp *q, const struct json *doc, const struct json_value *result,
		     const char *error, void *arg)
{
	const char *said = result && result->text ? result->text : error;

	(void)doc;
	if (said && *said)
		log_error("VM_PORTS=ready: a port cannot be opened: %.*s",
			  (int)strcspn(said, "\r\n"), said);
	if (q->state == QMP_READY)
		open_next(arg);
}

static bool command(struct supervisor *v, qmp_reply *reply, const char *text)
{
	char arguments[256];

	(void)snprintf(arguments, sizeof arguments, "{\"command-line\":\"%s\"}", text);
	return qmp_send(&v->qmp, "human-monitor-command", arguments, reply, v);
}

/* One after the other: the queue of commands is short. */
static void open_next(struct supervisor *v)
{
	const struct settings *s = &v->plan->s;
	struct forward f[FORWARDS_MAX];
	char text[128];
	int n = settings_forwards(s, f);
	int i = v->ports_open - 1;

	if (i >= n) {
		log_info("the forwarded ports are open");
		return;
	}
	v->ports_open++;
	const char *proto = f[i].udp ? "udp" : "tcp";

	(void)snprintf(text, sizeof text, "hostfwd_remove net0 %s:127.0.0.1:%u", proto,
		       (unsigned)f[i].port);
	(void)command(v, NULL, text);
	(void)snprintf(text, sizeof text, "hostfwd_add net0 %s:%s:%u-:%u", proto, s->bind,
		       (unsigned)f[i].port, (unsigned)f[i].guest);
	(void)command(v, on_added, text);
}

void ports_open(struct supervisor *v)
{
	const struct settings *s = &v->plan->s;

	if (s->ports != PORTS_READY || v->ports_open || s->net != NET_USER ||
	    strcmp(s->bind, "127.0.0.1") == 0)
		return;
	v->ports_open = 1;
	open_next(v);
}
