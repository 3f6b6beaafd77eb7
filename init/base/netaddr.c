/* netaddr.c - see netaddr.h. */
#include "base/netaddr.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

/* Parse a port number at *P, and advance *P. */
static bool port_parse(const char **p, uint16_t *out)
{
	unsigned long n = 0;
	const char *s = *p;

	while (*s >= '0' && *s <= '9' && n <= 65535)
		n = n * 10 + (unsigned long)(*s++ - '0');
	if (s == *p || n == 0 || n > 65535)
		return false;
	*p = s;
	*out = (uint16_t)n;
	return true;
}

/* Parse a port or FIRST-LAST at *P, and advance *P; a `-` without a number after it is not
 * consumed. */
static bool range_parse(const char **p, uint16_t *first, uint16_t *last)
{
	if (!port_parse(p, first))
		return false;
	*last = *first;
	if (**p != '-' || (*p)[1] < '0' || (*p)[1] > '9')
		return true;
	++*p;
	return port_parse(p, last) && *last >= *first;
}

/* Parse one item at *P up to the comma or the end: F is its first forward, *COUNT their number.
 * Returns NULL, or what is wrong. */
static const char *forward_parse(const char **p, struct forward *f, int *count)
{
	static const char twice[] = "its protocol is given twice, or is neither tcp nor udp";
	bool qemu_style = false;
	bool said = strncmp(*p, "tcp:", 4) == 0 || strncmp(*p, "udp:", 4) == 0;
	uint16_t last;
	uint16_t guest_last;

	if (said) {
		f->udp = **p == 'u';
		*p += 4;
		qemu_style = **p == ':';
		*p += qemu_style;
	}
	if (!range_parse(p, &f->port, &last))
		return "its first port is not a number from 1 to 65535";
	f->guest_port = f->port;
	guest_last = last;
	if (qemu_style || **p != '/') {
		if (qemu_style ? strncmp(*p, "-:", 2) != 0 : **p != ':')
			return "a colon and the guest's port must follow its first port";
		*p += qemu_style ? 2 : 1;
		if (!range_parse(p, &f->guest_port, &guest_last))
			return "its guest port is not a number from 1 to 65535";
	}
	if (**p == '/') {
		if (said || (strncmp(*p, "/tcp", 4) != 0 && strncmp(*p, "/udp", 4) != 0))
			return twice;
		f->udp = (*p)[1] == 'u';
		*p += 4;
	}
	if (**p && **p != ',')
		return "its guest port is not a number from 1 to 65535";
	*count = last - f->port + 1;
	return guest_last - f->guest_port == last - f->port ? NULL
							    : "its two ranges differ in length";
}

static bool is_there(const struct forward *list, int n, const struct forward *f)
{
	for (int i = 0; i < n; i++)
		if (list[i].udp == f->udp && list[i].port == f->port)
			return true;
	return false;
}

int forwards_parse(const char *text, struct forward out[FORWARDS_MAX], const char **bad,
		   const char **why)
{
	int n = 0;
	int count = 0;

	if (!text || !text[0] || strcmp(text, "none") == 0)
		return 0;
	for (const char *p = text;; p++) {
		struct forward f = {0};

		*bad = p;
		*why = forward_parse(&p, &f, &count);
		for (; !*why && count > 0; count--, f.port++, f.guest_port++) {
			if (is_there(out, n, &f))
				*why = "its first port is forwarded twice";
			else if (n == FORWARDS_MAX)
				*why = "there are more than 64 forwards";
			else
				out[n++] = f;
		}
		if (*why)
			return -1;
		if (!*p)
			return n;
	}
}

unsigned address_parse(const char *text, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;

	*out = (struct sockaddr_storage){.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};
	v4->sin_port = htons(port); /* the port has the same offset in both structs */
	if (out->ss_family == AF_INET)
		return inet_pton(AF_INET, text, &v4->sin_addr) == 1 ? sizeof *v4 : 0;
	return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1 ? sizeof *v6 : 0;
}

bool ipv4_parse(const char *text, uint32_t *out)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		return false;
	*out = ntohl(a.s_addr);
	return true;
}

bool interface_address_parse(const char *text, uint32_t *out, uint32_t *mask)
{
	char address[INET_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	uint32_t bits = 0;

	if (!slash || (size_t)(slash - text) >= sizeof address)
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (!slash[1] || strlen(slash + 1) > 2)
		return false;
	for (const char *p = slash + 1; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		bits = bits * 10 + (uint32_t)(*p - '0');
	}
	if (bits < 8 || bits > 30 || !ipv4_parse(address, out))
		return false;
	*mask = ~0u << (32 - bits);
	return true;
}

bool cidr_parse(const char *text, uint32_t *network, uint32_t *mask)
{
	return interface_address_parse(text, network, mask) && (*network & ~*mask) == 0;
}

/* Parse HOST:PORT, or with LOCAL a path, of LEN bytes at TEXT. */
static bool end_parse(const char *text, size_t len, bool local, struct net_end *out)
{
	const char *colon = local ? NULL : memchr(text, ':', len);
	const char *port = colon ? colon + 1 : NULL;
	size_t n = colon ? (size_t)(colon - text) : len;

	if (n == 0 || n >= sizeof out->where || (local ? text[0] != '/' : !colon))
		return false;
	memcpy(out->where, text, n);
	out->where[n] = '\0';
	return local || (port_parse(&port, &out->port) && port == text + len);
}

bool net_socket_parse(const char *text, struct net_socket *out, const char **why)
{
	static const char *const kinds[] = {"mcast:", "udp:", "unix:"};
	size_t kind = 0;
	uint32_t address;

	*out = (struct net_socket){0};
	while (kind < 3 && strncmp(text, kinds[kind], strlen(kinds[kind])) != 0)
		kind++;
	*why = "it begins with none of mcast:, udp: and unix:";
	if (kind == 3)
		return false;
	out->kind = kind;
	text += strlen(kinds[kind]);
	if (kind == NET_SOCKET_MCAST) {
		*why = "this is not the address of a multicast group (224.0.0.0 to "
		       "239.255.255.255) and a port";
		return end_parse(text, strlen(text), false, &out->other) &&
		       ipv4_parse(out->other.where, &address) && address >> 28 == 14;
	}
	size_t len = strcspn(text, ",");

	*why = kind == NET_SOCKET_UDP ? "this is not ADDRESS:PORT,ADDRESS:PORT"
				      : "these are not two absolute paths below 108 bytes";
	return text[len] == ',' && !strchr(text + len + 1, ',') &&
	       end_parse(text, len, kind == NET_SOCKET_UNIX, &out->own) &&
	       end_parse(text + len + 1, strlen(text + len + 1), kind == NET_SOCKET_UNIX,
			 &out->other);
}

bool mac_valid(const char *text)
{
	if (strlen(text) != 17)
		return false;
	for (int i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':' : !strchr("0123456789abcdefABCDEF", text[i]))
			return false;
	return strchr("02468aceACE", text[1]) != NULL;
}
