/* netlink.c - see netlink.h.
 *
 * Sources: sock_diag(7), rtnetlink(7); Linux net/ipv4/inet_diag.c (inet_diag_dump_one_icsk: an
 * exact look-up matches a listener too, and a socket in TIME-WAIT has uid 0 and inode 0),
 * net/ipv4/route.c (RTM_GETROUTE), net/core/rtnetlink.c (IFLA_LINKINFO).
 */
#include "host/netlink.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

#define REPLY_MAX  32768
#define TCP_LISTEN 10

/* A request with the longest payload and room for one attribute. */
struct request {
	struct nlmsghdr head;
	union {
		struct inet_diag_req_v2 diag;
		struct rtmsg route;
		struct ifinfomsg link;
		char room[128];
	};
};

/* Open a socket of PROTOCOL and send R; -1 on failure. */
static int ask(int protocol, struct request *r, size_t payload)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	r->head.nlmsg_len = (uint32_t)NLMSG_LENGTH(payload);
	r->head.nlmsg_flags |= NLM_F_REQUEST;
	if (fd < 0 || sendto(fd, r, r->head.nlmsg_len, 0, (struct sockaddr *)&kernel,
			     sizeof kernel) != (ssize_t)r->head.nlmsg_len)
		return -1;
	return fd_take(&fd);
}

/* Receive the answer to R, one message, in BUF. NULL with *ERROR, the kernel's errno or EPROTO. */
static const struct nlmsghdr *answer(int protocol, struct request *r, size_t payload, void *buf,
				     int *error)
{
	_cleanup_fd_ int fd = ask(protocol, r, payload);
	ssize_t n = fd < 0 ? -1 : recv(fd, buf, REPLY_MAX, 0);
	const struct nlmsghdr *m = buf;

	*error = EPROTO;
	if (n < (ssize_t)sizeof *m || !NLMSG_OK(m, (uint32_t)n))
		return NULL;
	if (m->nlmsg_type != NLMSG_ERROR)
		return m;
	if (m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)))
		*error = -((const struct nlmsgerr *)NLMSG_DATA(m))->error;
	return NULL;
}

/* An address' bytes, and their number; the port is in network order. */
static const void *address_of(const struct sockaddr_storage *a, size_t *n, uint16_t *port)
{
	const struct sockaddr_in *v4 = (const void *)a;
	const struct sockaddr_in6 *v6 = (const void *)a;
	bool is_v6 = a->ss_family == AF_INET6;

	*n = is_v6 ? sizeof v6->sin6_addr : sizeof v4->sin_addr;
	*port = is_v6 ? v6->sin6_port : v4->sin_port;
	return is_v6 ? (const void *)&v6->sin6_addr : &v4->sin_addr;
}

enum answer netlink_tcp_owner(const struct sockaddr_storage *local,
			      const struct sockaddr_storage *remote, struct tcp_owner *out)
{
	_Alignas(struct nlmsghdr) char buf[REPLY_MAX];
	struct request r = {.head.nlmsg_type = SOCK_DIAG_BY_FAMILY};
	struct inet_diag_sockid *id = &r.diag.id;
	size_t n;
	int error;

	r.diag.sdiag_family = (uint8_t)local->ss_family;
	r.diag.sdiag_protocol = IPPROTO_TCP;
	r.diag.idiag_states = ~0u;
	id->idiag_cookie[0] = id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	const void *address = address_of(local, &n, &id->idiag_sport);

	memcpy(id->idiag_src, address, n);
	address = address_of(remote, &n, &id->idiag_dport);
	memcpy(id->idiag_dst, address, n);
	const struct nlmsghdr *m = answer(NETLINK_SOCK_DIAG, &r, sizeof r.diag, buf, &error);

	if (!m)
		return error == ENOENT ? ANSWER_NO : ANSWER_UNKNOWN;
	if (m->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    m->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
		return ANSWER_UNKNOWN;
	const struct inet_diag_msg *d = NLMSG_DATA(m);

	*out = (struct tcp_owner){.uid = d->idiag_uid, .inode = d->idiag_inode};
	return d->idiag_state == TCP_LISTEN ? ANSWER_NO : ANSWER_YES;
}

/* The attribute TYPE among the N bytes at A; NULL: there is none. */
static const struct rtattr *attribute(const struct rtattr *a, size_t n, unsigned type)
{
	for (; RTA_OK(a, n); a = RTA_NEXT(a, n))
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	return NULL;
}

/* Add an attribute TYPE of N bytes after a payload of *LENGTH bytes in R. */
static void add_attribute(struct request *r, size_t *length, unsigned short type, const void *data,
			  size_t n)
{
	struct rtattr *a = (void *)((char *)&r->diag + NLMSG_ALIGN(*length));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	memcpy(RTA_DATA(a), data, n);
	*length = NLMSG_ALIGN(*length) + RTA_ALIGN(a->rta_len);
}

enum answer netlink_is_local(const struct sockaddr_storage *address, unsigned *interface)
{
	_Alignas(struct nlmsghdr) char buf[REPLY_MAX];
	struct request r = {.head.nlmsg_type = RTM_GETROUTE};
	size_t length = sizeof r.route;
	uint16_t port;
	size_t n;
	int error;
	const void *bytes = address_of(address, &n, &port);

	*interface = 0;
	r.route.rtm_family = (unsigned char)address->ss_family;
	r.route.rtm_dst_len = (unsigned char)(8 * n);
	add_attribute(&r, &length, RTA_DST, bytes, n);
	/* A link-local address is specific to an interface: fe80::1 may be another machine on each.
	 */
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->ss_family == AF_INET6 && v6->sin6_scope_id)
		add_attribute(&r, &length, RTA_OIF, &v6->sin6_scope_id, sizeof v6->sin6_scope_id);
	const struct nlmsghdr *m = answer(NETLINK_ROUTE, &r, length, buf, &error);

	if (!m) /* no route leads there, so it is not local */
		return error == ENETUNREACH || error == EHOSTUNREACH ? ANSWER_NO : ANSWER_UNKNOWN;
	if (m->nlmsg_type != RTM_NEWROUTE || m->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)))
		return ANSWER_UNKNOWN;
	const struct rtmsg *route = NLMSG_DATA(m);
	const struct rtattr *out = attribute(RTM_RTA(route), RTM_PAYLOAD(m), RTA_OIF);

	if (out && RTA_PAYLOAD(out) == sizeof *interface)
		memcpy(interface, RTA_DATA(out), sizeof *interface);
	return route->rtm_type == RTN_LOCAL ? ANSWER_YES : ANSWER_NO;
}

/* The kind of the interface that M describes, "" without one. */
static void read_kind(const struct nlmsghdr *m, char kind[LINK_KIND_MAX])
{
	const struct ifinfomsg *link = NLMSG_DATA(m);
	const struct rtattr *info = attribute(IFLA_RTA(link), IFLA_PAYLOAD(m), IFLA_LINKINFO);
	const struct rtattr *name =
		info ? attribute(RTA_DATA(info), RTA_PAYLOAD(info), IFLA_INFO_KIND) : NULL;
	size_t n = name ? RTA_PAYLOAD(name) : 0;

	kind[0] = '\0';
	if (n == 0 || n >= LINK_KIND_MAX)
		return;
	memcpy(kind, RTA_DATA(name), n);
	kind[n] = '\0';
}

static bool is_link(const struct nlmsghdr *m)
{
	return m->nlmsg_type == RTM_NEWLINK &&
	       m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg));
}

bool netlink_link_kind(const char *name, char kind[LINK_KIND_MAX])
{
	_Alignas(struct nlmsghdr) char buf[REPLY_MAX];
	struct request r = {.head.nlmsg_type = RTM_GETLINK};
	size_t length = sizeof r.link;
	int error;

	r.link.ifi_family = AF_UNSPEC;
	add_attribute(&r, &length, IFLA_IFNAME, name, strnlen(name, IF_NAMESIZE - 1) + 1);
	const struct nlmsghdr *m = answer(NETLINK_ROUTE, &r, length, buf, &error);

	if (!m || !is_link(m))
		return false;
	read_kind(m, kind);
	return true;
}

/* Does M describe an interface that a container's network never has? */
static bool is_host_interface(const struct nlmsghdr *m, char name[IF_NAMESIZE])
{
	const struct ifinfomsg *link = NLMSG_DATA(m);
	const struct rtattr *text = attribute(IFLA_RTA(link), IFLA_PAYLOAD(m), IFLA_IFNAME);
	char kind[LINK_KIND_MAX];

	if (!text || RTA_PAYLOAD(text) > IF_NAMESIZE || link->ifi_type != ARPHRD_ETHER)
		return false;
	memcpy(name, RTA_DATA(text), RTA_PAYLOAD(text));
	read_kind(m, kind);
	return !kind[0] || strcmp(kind, "bridge") == 0;
}

enum answer netlink_host_interface(char name[IF_NAMESIZE])
{
	_Alignas(struct nlmsghdr) char buf[REPLY_MAX];
	struct request r = {.head = {.nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_DUMP}};
	_cleanup_fd_ int fd = ask(NETLINK_ROUTE, &r, sizeof r.link);

	for (;;) {
		ssize_t n = fd < 0 ? -1 : recv(fd, buf, sizeof buf, 0);
		const struct nlmsghdr *m = (const void *)buf;

		if (n <= 0)
			return ANSWER_UNKNOWN;
		for (size_t left = (size_t)n; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
			if (m->nlmsg_type == NLMSG_DONE)
				return ANSWER_NO;
			if (m->nlmsg_type == NLMSG_ERROR)
				return ANSWER_UNKNOWN;
			if (is_link(m) && is_host_interface(m, name))
				return ANSWER_YES;
		}
	}
}
