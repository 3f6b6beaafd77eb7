/* peer.c - see peer.h. proc(5), proc_net_tcp (Documentation/networking/proc_net_tcp.rst). */
#include "host/peer.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/route.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "host/netlink.h"

#define _cleanup_dir_ __attribute__((cleanup(close_dir)))

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* Treat ::ffff:1.2.3.4 as 1.2.3.4. */
static void unmap(struct sockaddr_storage *a)
{
	const struct sockaddr_in6 mapped = *(const struct sockaddr_in6 *)(const void *)a;
	struct sockaddr_in *v4 = (void *)a;

	if (a->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&mapped.sin6_addr))
		return;
	memset(a, 0, sizeof *a);
	v4->sin_family = AF_INET;
	v4->sin_port = mapped.sin6_port;
	memcpy(&v4->sin_addr, mapped.sin6_addr.s6_addr + 12, sizeof v4->sin_addr);
}

/* The port of A, whose offset is the same in both families; the IPv4 or IPv6 address. */
static uint16_t port_of(const struct sockaddr_storage *a)
{
	uint16_t port;

	memcpy(&port, (const char *)a + offsetof(struct sockaddr_in, sin_port), sizeof port);
	return ntohs(port);
}

static struct in_addr ipv4_of(const struct sockaddr_storage *a)
{
	struct in_addr address;

	memcpy(&address, (const char *)a + offsetof(struct sockaddr_in, sin_addr), sizeof address);
	return address;
}

static struct in6_addr ipv6_of(const struct sockaddr_storage *a)
{
	struct in6_addr address;

	memcpy(&address, (const char *)a + offsetof(struct sockaddr_in6, sin6_addr),
	       sizeof address);
	return address;
}

static void describe(const struct sockaddr_storage *a, char text[PEER_TEXT])
{
	const struct in_addr v4 = ipv4_of(a);
	const struct in6_addr v6 = ipv6_of(a);
	bool is_v6 = a->ss_family == AF_INET6;
	char address[INET6_ADDRSTRLEN] = "?";

	(void)inet_ntop(is_v6 ? AF_INET6 : AF_INET, is_v6 ? (const void *)&v6 : &v4, address,
			sizeof address);
	(void)snprintf(text, PEER_TEXT, is_v6 ? "[%s]:%u" : "%s:%u", address, (unsigned)port_of(a));
}

/* Reader of a kernel table in /proc. */
struct proc_file {
	int fd;
	size_t at, len;
	char buf[1024];
};

/* Read the next line of F, without its end, into LINE, cut to SIZE - 1 bytes. False: there is none.
 */
static bool next_line(struct proc_file *f, char *line, size_t size)
{
	size_t n = 0;

	for (;;) {
		if (f->at == f->len) {
			ssize_t got = read(f->fd, f->buf, sizeof f->buf);

			if (got <= 0)
				return false;
			f->at = 0;
			f->len = (size_t)got;
		}
		char c = f->buf[f->at++];

		if (c == '\n')
			break;
		if (n < size - 1)
			line[n++] = c;
	}
	line[n] = '\0';
	return true;
}

/* Split LINE into words, in place. Returns their number, at most MAX. */
static size_t split(char *line, char *out[], size_t max)
{
	char *rest = NULL;
	size_t n = 0;

	for (char *word = strtok_r(line, " \t\n", &rest); word && n < max;
	     word = strtok_r(NULL, " \t\n", &rest))
		out[n++] = word;
	return n;
}

/* ---- location of the peer ------------------------------------------------------------------- */

/* Without netlink: is it a loopback address, or the address that the connection was made to? */
static bool looks_local(const struct sockaddr_storage *peer, const struct sockaddr_storage *own)
{
	const struct in6_addr from = ipv6_of(peer);
	const struct in6_addr to = ipv6_of(own);

	if (peer->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&from) || memcmp(&from, &to, sizeof from) == 0;
	return ntohl(ipv4_of(peer).s_addr) >> 24 == IN_LOOPBACKNET ||
	       ipv4_of(peer).s_addr == ipv4_of(own).s_addr;
}

/* Is PEER the gateway of a default route through one end of a veth(4) pair? On such a network the
 * gateway is the container engine's host; elsewhere it is a router. */
static bool is_gateway(const struct sockaddr_storage *peer)
{
	bool v6 = peer->ss_family == AF_INET6;
	const struct in6_addr address = ipv6_of(peer);
	_cleanup_fd_ int fd =
		open(v6 ? "/proc/net/ipv6_route" : "/proc/net/route", O_RDONLY | O_CLOEXEC);
	struct proc_file f = {.fd = fd};
	char line[256];
	/* Interface, destination, gateway, flags, three more, mask; with IPv6 destination and its
	 * length, source and its length, gateway, three more, flags, interface. */
	char *word[10];
	char kind[LINK_KIND_MAX];
	char want[INET6_ADDRSTRLEN];

	if (v6)
		for (int i = 0; i < 16; i++)
			(void)snprintf(want + 2 * i, 3, "%02x", address.s6_addr[i]);
	else
		(void)snprintf(want, sizeof want, "%08X", ipv4_of(peer).s_addr);
	while (fd >= 0 && next_line(&f, line, sizeof line))
		if (split(line, word, 10) >= 8 &&
		    strtoul(word[1], NULL, 16) + strtoul(word[v6 ? 3 : 7], NULL, 16) == 0 &&
		    (strtoul(word[v6 ? 8 : 3], NULL, 16) & RTF_GATEWAY) &&
		    strcmp(word[v6 ? 4 : 2], want) == 0 &&
		    netlink_link_kind(word[v6 ? 9 : 0], kind) && strcmp(kind, "veth") == 0)
			return true;
	return false;
}

/* ---- owner of the peer's socket ------------------------------------------------------------- */

/* Format an address as in /proc/net/tcp and tcp6: words in host byte order. */
static void proc_address(const struct sockaddr_storage *a, bool as_v6, char *buf, size_t size)
{
	const struct in6_addr v6 = ipv6_of(a);
	uint32_t word[4] = {0, 0, htonl(0xffff), ipv4_of(a).s_addr};

	if (a->ss_family == AF_INET6)
		memcpy(word, &v6, sizeof word);
	if (as_v6)
		(void)snprintf(buf, size, "%08X%08X%08X%08X:%04X", word[0], word[1], word[2],
			       word[3], (unsigned)port_of(a));
	else
		(void)snprintf(buf, size, "%08X:%04X", word[3], (unsigned)port_of(a));
}

static enum answer proc_owner_in(const char *path, bool v6, const struct sockaddr_storage *local,
				 const struct sockaddr_storage *remote, struct tcp_owner *out)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct proc_file f = {.fd = fd};
	char want[2][48];
	char line[512];
	char *word[10]; /* number, local, remote, state, queues, timer, retries, uid, timeout, inode
			 */

	if (fd < 0)
		return errno == ENOENT ? ANSWER_NO : ANSWER_UNKNOWN;
	proc_address(local, v6, want[0], sizeof want[0]);
	proc_address(remote, v6, want[1], sizeof want[1]);
	while (next_line(&f, line, sizeof line)) {
		if (split(line, word, 10) < 10 || strcmp(word[1], want[0]) != 0 ||
		    strcmp(word[2], want[1]) != 0)
			continue;
		out->uid = (uint32_t)strtoul(word[7], NULL, 10);
		out->inode = (uint32_t)strtoul(word[9], NULL, 10);
		return ANSWER_YES;
	}
	return ANSWER_NO;
}

static enum answer owner_of(const struct sockaddr_storage *local,
			    const struct sockaddr_storage *remote, struct tcp_owner *out)
{
	enum answer found = netlink_tcp_owner(local, remote, out);

	if (found != ANSWER_UNKNOWN)
		return found;
	found = local->ss_family == AF_INET
			? proc_owner_in("/proc/net/tcp", false, local, remote, out)
			: ANSWER_NO;
	/* IPv6 sockets connected to a mapped address are listed there. */
	return found == ANSWER_YES ? found
				   : proc_owner_in("/proc/net/tcp6", true, local, remote, out);
}

/* Does process PID hold the socket INODE? UNKNOWN: its descriptors cannot be read. */
static enum answer holds(const char *pid, uint32_t inode)
{
	char path[64];
	char want[32];
	char target[64];
	const struct dirent *entry;

	(void)snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
	(void)snprintf(want, sizeof want, "socket:[%u]", inode);
	_cleanup_dir_ DIR *dir = opendir(path);

	if (!dir)
		return errno == ENOENT ? ANSWER_NO : ANSWER_UNKNOWN;
	while ((entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);

		if (n < 0 && (errno == EACCES || errno == EPERM))
			return ANSWER_UNKNOWN;
		if (n <= 0)
			continue;
		target[n] = '\0';
		if (strcmp(target, want) == 0)
			return ANSWER_YES;
	}
	return ANSWER_NO;
}

/* Does the socket INODE belong to a process other than the emulator? */
static bool held_by_another(const struct emulator_peers *e, uint32_t inode)
{
	_cleanup_dir_ DIR *dir = opendir("/proc");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0 && pid != e->pids[0] && pid != e->pids[1] &&
		    holds(entry->d_name, inode) == ANSWER_YES)
			return true;
	}
	return false;
}

/* The emulator's user may have other processes: does the socket of OWNER belong to one of them? */
static bool is_other_process(const struct emulator_peers *e, const struct sockaddr_storage *peer,
			     const struct sockaddr_storage *own, const struct tcp_owner *owner)
{
	bool sure = true;
	struct tcp_owner again;

	for (int i = 0; i < 2; i++) {
		char pid[16];

		if (e->pids[i] <= 0)
			continue;
		(void)snprintf(pid, sizeof pid, "%d", (int)e->pids[i]);
		enum answer held = holds(pid, owner->inode);

		if (held == ANSWER_YES)
			return false;
		sure &= held == ANSWER_NO;
	}
	/* passt hides its descriptors (PR_SET_DUMPABLE) */
	if (!sure)
		return held_by_another(e, owner->inode);
	/* Not closed meanwhile. */
	return owner_of(peer, own, &again) == ANSWER_YES && again.inode == owner->inode;
}

/* The kind of a connection from a local address. */
static enum peer_kind local_kind(const struct emulator_peers *e,
				 const struct sockaddr_storage *peer,
				 const struct sockaddr_storage *own)
{
	struct tcp_owner owner = {0};

	/* Closed at the other end; since Linux 6.17 such a socket still has its user. */
	if (owner_of(peer, own, &owner) != ANSWER_YES || owner.inode == 0) {
		if (owner.uid != 0)
			return owner.uid == e->uid ? PEER_EMULATOR : PEER_LOCAL;
		return e->nat ? PEER_EMULATOR : PEER_LOCAL;
	}
	if (owner.uid != e->uid || is_other_process(e, peer, own, &owner))
		return PEER_LOCAL;
	return PEER_EMULATOR;
}

enum peer_kind peer_kind(int fd, const struct emulator_peers *e, char text[PEER_TEXT])
{
	struct sockaddr_storage peer = {0};
	struct sockaddr_storage own = {0};
	socklen_t peer_len = sizeof peer;
	socklen_t own_len = sizeof own;
	unsigned interface = 0;

	(void)snprintf(text, PEER_TEXT, "?");
	/* ENOTCONN: it was reset before it could be examined */
	if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) != 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &own_len) != 0)
		return PEER_EMULATOR;
	unmap(&peer);
	unmap(&own);
	describe(&peer, text);
	enum answer local = netlink_is_local(&peer, &interface);

	if (local == ANSWER_YES || (local == ANSWER_UNKNOWN && looks_local(&peer, &own)))
		return local_kind(e, &peer, &own);
	if (e->tap && interface != 0 && interface == if_nametoindex(e->tap))
		return PEER_EMULATOR;
	return is_gateway(&peer) ? PEER_GATEWAY : PEER_REMOTE;
}
