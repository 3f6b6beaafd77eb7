/* hostfwd.c - see hostfwd.h. */
#include "pid1/hostfwd.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/netaddr.h"
#include "pid1/env.h"

static void open_next(struct hostfwd *h);

/* hostfwd_add prints nothing on success (QEMU: net/slirp.c, hmp_hostfwd_add()). */
static void on_added(struct qmp *q, const struct json *doc, const struct json_value *result,
		     const char *error, void *arg)
{
	const char *said = result && result->text ? result->text : error;

	(void)doc;
	if (said && *said) {
		log_error("VM_PORTS=ready: a port cannot be opened: %.*s",
			  (int)strcspn(said, "\r\n"), said);
		log_line(LOG_ERROR,
			 "  fix: ", "free the port, or forward another one in QEMU_HOSTFWDS");
	}
	if (q->state == QMP_READY)
		open_next(arg);
}

static bool command(struct hostfwd *h, qmp_reply *reply, const char *text)
{
	char arguments[256];

	(void)json_write(arguments, sizeof arguments, JSON_LIST(J_TEXT("command-line", text)));
	return qmp_send(h->env->qmp, "human-monitor-command", arguments, reply, h);
}

/* One at a time: QMP's queue of commands is short. */
static void open_next(struct hostfwd *h)
{
	const struct settings *s = &h->env->plan->s;
	struct forward f[FORWARDS_MAX];
	char text[128];
	int n = settings_forwards(s, f);
	int i = h->next - 1;

	if (i >= n) {
		log_info("the forwarded ports are open");
		return;
	}
	h->next++;
	const char *proto = f[i].udp ? "udp" : "tcp";

	(void)snprintf(text, sizeof text, "hostfwd_remove net0 %s:127.0.0.1:%u", proto,
		       (unsigned)f[i].port);
	(void)command(h, NULL, text);
	(void)snprintf(text, sizeof text, "hostfwd_add net0 %s:%s:%u-:%u", proto,
		       settings_forward_address(s), (unsigned)f[i].port, (unsigned)f[i].guest_port);
	(void)command(h, on_added, text);
}

void hostfwd_init(struct hostfwd *h, const struct env *env, struct port_probes *probes)
{
	*h = (struct hostfwd){.env = env, .probes = probes};
}

void hostfwd_restart(struct hostfwd *h)
{
	h->next = 0;
	probes_published(h->probes, false);
}

void hostfwd_publish(struct hostfwd *h)
{
	const struct settings *s = env_settings(h->env);
	const char *address = settings_forward_address(s);

	if (s->ports != PORTS_READY || h->next || s->net != NET_USER || !address ||
	    strcmp(address, "127.0.0.1") == 0)
		return;
	h->next = 1;
	probes_published(h->probes, true);
	open_next(h);
}
