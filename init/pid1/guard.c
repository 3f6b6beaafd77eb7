/* guard.c - see guard.h. */
#include "pid1/guard.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "host/netlink.h"
#include "host/peer.h"
#include "pid1/env.h"
#include "pid1/helper.h"

#define SECOND UINT64_C(1000000000)

/* The name in messages, and the setting of the password that admits clients from every address. */
static const struct {
	const char *name, *password_setting;
} ports[GUARD_PORTS] = {
	[GUARD_SERIAL] = {"serial console", "SERIAL_PASSWORD_FILE"},
	[GUARD_MONITOR] = {"monitor", "MONITOR_PASSWORD_FILE"},
	[GUARD_GDB] = {"GDB", NULL},
	[GUARD_VNC] = {"VNC", "VNC_PASSWORD_FILE"},
};

const char *guard_port_name(enum guard_port port)
{
	return ports[port].name;
}

static bool has_password(const struct plan *plan, enum guard_port port)
{
	switch (port) {
	case GUARD_SERIAL: return plan->serial_password[0];
	case GUARD_MONITOR: return plan->monitor_password[0];
	case GUARD_VNC: return plan->vnc_password[0];
	case GUARD_GDB:
	case GUARD_PORTS: break;
	}
	return false;
}

/* The setting that admits every address to PORT, into BUF. */
static const char *opened_by(enum guard_port port, char *buf, size_t size)
{
	const char *setting = ports[port].password_setting;

	(void)snprintf(buf, size, "%s%sVM_OPEN=1", setting ? setting : "", setting ? " or " : "");
	return buf;
}

/* ---- refusals ---------------------------------------------------------------------------- */

/* A guest can connect as often as it likes, so log lines are limited. */
static bool may_log(struct guard *g, enum guard_refusal why, char *more, size_t size)
{
	uint64_t now = clock_now();
	uint64_t unsaid = ++g->refused[why] - g->logged_count[why] - 1;

	more[0] = '\0';
	if (g->logged_ns[why] && now - g->logged_ns[why] < GUARD_QUIET_S * SECOND)
		return false;
	if (unsaid)
		(void)snprintf(more, size, " (and %llu more before)", (unsigned long long)unsaid);
	g->logged_ns[why] = now;
	g->logged_count[why] = g->refused[why];
	return true;
}

static void refuse_guest(struct guard *g, enum guard_port port, const char *peer)
{
	char more[48];

	if (!may_log(g, REFUSED_GUEST, more, sizeof more))
		return;
	log_warning("%s: refused a connection of the guest's own (%s)%s", ports[port].name, peer,
		    more);
	event("refused", J_TEXT("port", ports[port].name), J_TEXT("peer", "guest"));
}

/* Send the reason to the client, if the protocol of PORT allows that. */
static void send_reason(enum guard_port port, int fd, const char *text)
{
	char message[300];
	uint32_t length = htonl((uint32_t)strlen(text));
	int n = 0;

	/* RFC 6143, 7.1.1 and 7.1.2: version 3.3, no security type, and the reason. */
	if (port == GUARD_VNC) {
		n = snprintf(message, sizeof message, "RFB 003.003\n........%s", text);
		memset(message + 12, 0, 4);
		memcpy(message + 16, &length, 4);
	} else if (port != GUARD_GDB) {
		n = snprintf(message, sizeof message, "[%s: %s]\r\n", ports[port].name, text);
	}
	if (n > 0 && (size_t)n < sizeof message)
		(void)send(fd, message, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	/* With unread input, close(2) resets the connection, and the client may lose our text. */
	(void)recv(fd, message, sizeof message, MSG_DONTWAIT);
}

static void refuse_address(struct guard *g, enum guard_port port, int fd, const char *peer)
{
	char text[200];
	char way[64];
	char more[48];

	(void)opened_by(port, way, sizeof way);
	(void)snprintf(text, sizeof text, "connections from %.*s are refused; %s accepts them",
		       (int)(strrchr(peer, ':') ? strrchr(peer, ':') - peer : 0), peer, way);
	send_reason(port, fd, text);
	if (!may_log(g, REFUSED_ADDRESS, more, sizeof more))
		return;
	log_warning("%s: refused a connection from %s%s", ports[port].name, peer, more);
	log_line(LOG_WARNING, "  fix: ",
		 "publish the port on 127.0.0.1 and connect there, or set %s to accept every "
		 "address (docs/console.md)",
		 way);
	event("refused", J_TEXT("port", ports[port].name), J_TEXT("peer", peer));
}

bool guard_admits(struct guard *g, enum guard_port port, int fd)
{
	const struct settings *s = &g->env->plan->s;
	const struct emulator_peers e = {
		.uid = g->env->plan->identity.uid,
		.pids = {g->env->life->qemu, helper_pid(g->env->helpers, HELPER_PASST)},
		.nat = s->net == NET_USER || s->net == NET_PASST || s->extra_args,
		.tap = s->net == NET_TAP ? s->tap : NULL,
	};
	char peer[PEER_TEXT];

	switch (peer_kind(fd, &e, peer)) {
	case PEER_LOCAL:
	case PEER_GATEWAY: return true;
	case PEER_EMULATOR: refuse_guest(g, port, peer); return false;
	case PEER_REMOTE: break;
	}
	if (s->open || has_password(g->env->plan, port))
		return true;
	refuse_address(g, port, fd, peer);
	return false;
}

void guard_init(struct guard *g, const struct env *env)
{
	*g = (struct guard){.env = env};
}

bool guard_admits_to_relay(uint8_t index, int fd, void *arg)
{
	return guard_admits(arg, (enum guard_port)index, fd);
}

/* ---- log lines and status ---------------------------------------------------------------- */

void guard_describe(const struct guard *g)
{
	const struct settings *s = &g->env->plan->s;
	const bool on[GUARD_PORTS] = {[GUARD_SERIAL] = s->serial_port || s->serial_raw_port ||
						       s->serial_rfc2217_port,
				      [GUARD_MONITOR] = s->monitor_port,
				      [GUARD_GDB] = s->gdb,
				      [GUARD_VNC] = s->vnc};
	char interface[IF_NAMESIZE];
	char open[64] = "";
	bool any = false;

	for (int i = 0; i < GUARD_PORTS; i++) {
		any |= on[i];
		if (on[i] && !has_password(g->env->plan, (enum guard_port)i))
			(void)snprintf(open + strlen(open), sizeof open - strlen(open), "%s%s",
				       open[0] ? ", " : "", ports[i].name);
	}
	if (settings_bind_is_loopback(s))
		return;
	if (s->open && open[0]) {
		log_warning("VM_OPEN=1: open to every address without a password: %s", open);
		log_line(LOG_WARNING,
			 "  fix: ", "set passwords, or VM_BIND=127.0.0.1 (docs/console.md)");
	}
	if (any && netlink_host_interface(interface) == ANSWER_YES) {
		log_warning("this is the network of a host (it has the interface %s), and the "
			    "ports are on "
			    "its address %s",
			    interface, s->bind);
		log_line(LOG_WARNING, "  fix: ", "VM_BIND=127.0.0.1 keeps them on this machine");
	}
}

const char *guard_text(const struct guard *g, char buf[GUARD_TEXT])
{
	buf[0] = '\0';
	if (g->refused[REFUSED_GUEST] || g->refused[REFUSED_ADDRESS])
		(void)snprintf(buf, GUARD_TEXT,
			       "refused      %llu connections of the guest's own, %llu from other "
			       "addresses\n",
			       (unsigned long long)g->refused[REFUSED_GUEST],
			       (unsigned long long)g->refused[REFUSED_ADDRESS]);
	return buf;
}
