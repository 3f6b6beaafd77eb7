/* args_network.c - the network of QEMU's argument vector (args.h). */
#include <string.h>

#include "base/netaddr.h"
#include "qemu/args_parts.h"

static void add_domains(struct args *a, const char *list)
{
	while (*list) {
		int len = (int)strcspn(list, ",");

		if (len > 0)
			args_more(a, ",dnssearch=%.*s", len, list);
		list += len + (list[len] == ',');
	}
}

static void add_user_network(const struct builder *b)
{
	const struct settings *s = b->s;
	struct forward forwards[FORWARDS_MAX];
	int n = settings_forwards(s, forwards);

	args_option(b->out, "-netdev", "user,id=net0");
	if (!s->slirp_ipv6)
		args_more(b->out, ",ipv6=off");
	if (s->slirp_net)
		args_more(b->out, ",net=%s", s->slirp_net);
	if (s->slirp_dhcpstart)
		args_more(b->out, ",dhcpstart=%s", s->slirp_dhcpstart);
	if (s->slirp_dns)
		args_more(b->out, ",dns=%s", s->slirp_dns);
	if (s->slirp_dnssearch)
		add_domains(b->out, s->slirp_dnssearch);
	for (int i = 0; i < n; i++)
		args_more(b->out, ",hostfwd=%s:%s:%u-:%u", forwards[i].udp ? "udp" : "tcp",
			  s->ports == PORTS_READY ? "127.0.0.1" : settings_forward_address(s),
			  (unsigned)forwards[i].port, (unsigned)forwards[i].guest_port);
}

static void add_end(struct args *a, const char *which, bool path, const struct net_end *end)
{
	args_more(a, ",%s.type=%s,%s.%s=", which, path ? "unix" : "inet", which,
		  path ? "path" : "host");
	args_more_escaped(a, end->where);
	if (!path)
		args_more(a, ",%s.port=%u", which, (unsigned)end->port);
}

/* Datagrams, so that the machines can start and stop in any order. */
static void add_socket_network(const struct builder *b)
{
	struct net_socket sock;
	const char *why;

	if (!net_socket_parse(b->s->net_socket, &sock, &why))
		return;
	args_option(b->out, "-netdev", "dgram,id=net0");
	if (sock.kind != NET_SOCKET_MCAST)
		add_end(b->out, "local", sock.kind == NET_SOCKET_UNIX, &sock.own);
	add_end(b->out, "remote", sock.kind == NET_SOCKET_UNIX, &sock.other);
}

void args_network(const struct builder *b)
{
	const struct settings *s = b->s;

	switch ((enum net)s->net) {
	case NET_AUTO:
	case NET_NONE: return;
	case NET_USER: add_user_network(b); break;
	case NET_TAP: args_option(b->out, "-netdev", "tap,id=net0,fd=%d", QEMU_FD_NET); break;
	case NET_PASST:
		args_option(b->out, "-netdev", "stream,id=net0,server=off,addr.type=fd,addr.str=%d",
			    QEMU_FD_NET);
		break;
	case NET_SOCKET: add_socket_network(b); break;
	}
	args_option(b->out, "-device", "%s,netdev=net0",
		    CHOICE(SETTING_QEMU_NET_MODEL, s->net_model));
	if (s->mac)
		args_more(b->out, ",mac=%s", s->mac);
	/* The card's boot ROM is for network boot only; an ISA card has none. */
	if (s->net_model != NET_MODEL_NE2K_ISA && (!s->boot_order || !strchr(s->boot_order, 'n')))
		args_more(b->out, ",romfile=");
}
