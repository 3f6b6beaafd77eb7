/* settings_network.c - checks the settings of the group Network: syntax and combinations. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/netaddr.h"
#include "config/settings_internal.h"

#define bad  settings_error
#define only settings_consists_of

int settings_forwards(const struct settings *s, struct forward out[FORWARDS_MAX])
{
	const char *where;
	const char *why;
	bool has = s->net == NET_USER || s->net == NET_PASST || s->net == NET_AUTO;
	int n = has ? forwards_parse(s->hostfwds, out, &where, &why) : 0;

	return n > 0 ? n : 0;
}

const char *settings_forward_address(const struct settings *s)
{
	struct sockaddr_storage a;
	const struct sockaddr_in6 *v6 = (const void *)&a;

	if (!s->bind || address_parse(s->bind, 0, &a) == 0)
		return NULL;
	if (a.ss_family == AF_INET)
		return s->bind;
	if (IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr))
		return "127.0.0.1";
	return IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) ? "0.0.0.0" : NULL;
}

bool settings_bind_is_loopback(const struct settings *s)
{
	const char *text = settings_forward_address(s);
	uint32_t address;

	return text && ipv4_parse(text, &address) && address >> 24 == 127;
}

static void check_bind(const struct settings *s, struct errors *errs)
{
	struct sockaddr_storage a;
	const struct sockaddr_in6 *v6 = (const void *)&a;
	struct forward forwards[FORWARDS_MAX];

	if (!s->bind || address_parse(s->bind, 0, &a) == 0)
		bad(errs, "VM_BIND", s->bind ? s->bind : "", "is not an IP address",
		    "set VM_BIND to 127.0.0.1, to 0.0.0.0 or ::, or to an address of this machine");
	else if (a.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		bad(errs, "VM_BIND", s->bind, "is an IPv4 address in IPv6's notation",
		    "write it in dotted decimal");
	else if (!settings_forward_address(s) && settings_forwards(s, forwards) > 0)
		bad(errs, "VM_BIND", s->bind,
		    "with QEMU_HOSTFWDS: QEMU cannot forward ports of an IPv6 address",
		    "set VM_BIND to ::, or QEMU_HOSTFWDS=none");
}

static void check_forwards(const struct settings *s, struct errors *errs)
{
	struct forward forwards[FORWARDS_MAX];
	const char *where;
	const char *why;

	if (forwards_parse(s->hostfwds, forwards, &where, &why) < 0)
		(void)errors_add(errs, EXIT_BAD_SETTING,
				 "write forwards as "
				 "tcp:2222:22,udp:60000:60000,6000-6003:6000-6003, or none",
				 "QEMU_HOSTFWDS: in %.*s, %s", (int)strcspn(where, ","), where,
				 why);
	if (s->ports == PORTS_READY && s->net == NET_PASST)
		bad(errs, "VM_PORTS", "ready",
		    "with QEMU_NET=passt: passt opens its ports when it starts",
		    "use QEMU_NET=user with it, or leave VM_PORTS unset");
}

static void check_slirp(const struct settings *s, struct errors *errs)
{
	uint32_t network = 0x0a000200; /* 10.0.2.0/24, slirp's own default */
	uint32_t mask = 0xffffff00;
	const struct {
		const char *name, *value;
	} inside[] = {{"QEMU_SLIRP_DHCPSTART", s->slirp_dhcpstart},
		      {"QEMU_SLIRP_DNS", s->slirp_dns}};

	if (s->slirp_net && !cidr_parse(s->slirp_net, &network, &mask)) {
		bad(errs, "QEMU_SLIRP_NET", s->slirp_net, "is not a network",
		    "write it as address/bits with zeros behind the bits, such as 192.168.76.0/24");
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		uint32_t a;

		if (!inside[i].value)
			continue;
		bool is_address = ipv4_parse(inside[i].value, &a) && a != 0;

		if (i == 1 && is_address && (a & mask) != network)
			continue; /* slirp answers at any address (libslirp: src/socket.c) */
		if (!is_address || (a & mask) != network || (a & ~mask) == 0 ||
		    (a & ~mask) == ~mask)
			bad(errs, inside[i].name, inside[i].value,
			    "is not an address of the NAT's network",
			    "choose an address inside QEMU_SLIRP_NET (10.0.2.0/24 if unset)");
	}
	if (s->slirp_dnssearch && !only(s->slirp_dnssearch, "-.,"))
		bad(errs, "QEMU_SLIRP_DNSSEARCH", s->slirp_dnssearch, "is not a list of domains",
		    "write it as example.com,example.org");
}

static void check_tap(const struct settings *s, struct errors *errs)
{
	const struct {
		const char *name, *value;
		bool given;
	} names[] = {{"QEMU_TAP", s->tap, s->given[SETTING_QEMU_TAP]},
		     {"QEMU_TAP_BRIDGE", s->tap_bridge, s->given[SETTING_QEMU_TAP_BRIDGE]},
		     {"QEMU_TAP_ADDRESS", s->tap_address, s->given[SETTING_QEMU_TAP_ADDRESS]}};
	uint32_t address;
	uint32_t mask;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (names[i].given && s->net != NET_TAP)
			bad(errs, names[i].name, names[i].value, "is for QEMU_NET=tap only",
			    "set QEMU_NET=tap, or leave it unset");
		if (i < 2 && names[i].value && !only(names[i].value, "-_."))
			bad(errs, names[i].name, names[i].value,
			    "is not the name of a network interface", "use letters, digits, - _ .");
	}
	if (s->tap_address && !interface_address_parse(s->tap_address, &address, &mask))
		bad(errs, "QEMU_TAP_ADDRESS", s->tap_address, "is not an address with its network",
		    "write it as address/bits, such as 192.168.77.1/24");
}

static void check_socket(const struct settings *s, struct errors *errs)
{
	static const char fix[] = "write mcast:230.0.0.1:5000, udp:OWN-ADDRESS:PORT,ADDRESS:PORT "
				  "or unix:/own/path,/other/path";
	struct net_socket parsed;
	const char *why;

	if (s->net == NET_SOCKET && !s->net_socket)
		(void)errors_add(errs, EXIT_BAD_SETTING, fix,
				 "QEMU_NET=socket without QEMU_NET_SOCKET, the addresses of the "
				 "other machines");
	if (s->net_socket && s->net != NET_SOCKET)
		bad(errs, "QEMU_NET_SOCKET", s->net_socket, "is for QEMU_NET=socket only",
		    "set QEMU_NET=socket, or leave it unset");
	if (s->net_socket && !net_socket_parse(s->net_socket, &parsed, &why))
		(void)errors_add(errs, EXIT_BAD_SETTING, fix, "QEMU_NET_SOCKET=%s: %s",
				 s->net_socket, why);
}

void settings_check_network(const struct settings *s, struct errors *errs)
{
	check_bind(s, errs);
	check_forwards(s, errs);
	check_slirp(s, errs);
	check_tap(s, errs);
	check_socket(s, errs);
	if (s->mac && !mac_valid(s->mac))
		bad(errs, "QEMU_MAC", s->mac, "is not the address of one network card",
		    "set QEMU_MAC to six hexadecimal pairs such as 52:54:00:12:34:56");
}
