/* listen.c - see listen.h. */
#include "host/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io.h"
#include "base/netaddr.h"

/* Maximum number of connections waiting for accept(2). */
#define BACKLOG 64

/* A vanished peer is detected after two minutes. */
#define KEEP_IDLE_S  60
#define KEEP_EVERY_S 15
#define KEEP_COUNT   4

static int tcp_failed(const char *address, uint16_t port, const char *setting, struct error *err)
{
	int why = errno;
	char fix[256];

	if (why == EADDRINUSE) {
		(void)snprintf(fix, sizeof fix, "stop the other program, or set %s to another port",
			       setting);
		(void)error_set(err, EXIT_QEMU_FAILED, fix, "%s=%u: port %u of %s is in use",
				setting, port, port, address);
	} else if (why == EAFNOSUPPORT) {
		(void)error_set(err, EXIT_BAD_SETTING, "set VM_BIND to an IPv4 address",
				"VM_BIND=%s: this kernel has no IPv6", address);
	} else if (why == EADDRNOTAVAIL) {
		(void)error_set(err, EXIT_BAD_SETTING,
				"set VM_BIND to an address of this machine, or to 0.0.0.0 or ::",
				"VM_BIND=%s is not an address of this machine", address);
	} else if (why == EACCES || why == EPERM) {
		(void)snprintf(fix, sizeof fix, "set %s to a port from 1024 on", setting);
		(void)error_set(err, EXIT_NO_PERMISSION, fix, "%s=%u: %s", setting, port,
				strerror(why));
	} else {
		(void)error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				"%s=%u: no socket: %s", setting, port, strerror(why));
	}
	return -1;
}

int listen_tcp(const char *address, uint16_t port, const char *setting, struct error *err)
{
	struct sockaddr_storage a;
	unsigned length = address_parse(address, port, &a);
	int on = 1;
	int off = 0;

	if (length == 0) {
		(void)error_set(err, EXIT_BAD_SETTING, "set VM_BIND to an IP address",
				"VM_BIND=%s is not an IP address", address);
		return -1;
	}
	_cleanup_fd_ int fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && a.ss_family == AF_INET6) /* net.ipv6.bindv6only may have another default */
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    bind(fd, (struct sockaddr *)&a, length) == 0 && listen(fd, BACKLOG) == 0)
		return fd_take(&fd);
	return tcp_failed(address, port, setting, err);
}

int listen_probe(const char *address, uint16_t port, bool udp)
{
	struct sockaddr_storage a;
	unsigned length = address_parse(address, port, &a);
	int on = 1;

	if (length == 0)
		return EINVAL;
	_cleanup_fd_ int fd = socket(
		a.ss_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* As in libslirp: tcpx_listen() sets it before it binds, udpx_listen() only afterwards. */
	if (fd >= 0 && (udp || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0) &&
	    bind(fd, (struct sockaddr *)&a, length) == 0 && (udp || listen(fd, 1) == 0))
		return 0;
	return errno;
}

void tcp_set_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
		{SOL_SOCKET, SO_OOBINLINE, 1}, {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S},
		{IPPROTO_TCP, TCP_NODELAY, 1}, {IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT},
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
				 sizeof options[i].value);
}

static bool unix_address(const char *path, struct sockaddr_un *a)
{
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof a->sun_path) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(a->sun_path, path, strlen(path) + 1);
	return true;
}

static int try_connect(const char *path, int flags)
{
	struct sockaddr_un a;
	_cleanup_fd_ int fd = -1;

	if (!unix_address(path, &a))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
		return -1;
	return fd_take(&fd);
}

int connect_unix(const char *path)
{
	return try_connect(path, 0);
}

/* A socket file that refuses connections is left from an earlier run. Nothing else is removed. */
static bool remove_stale(const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return true; /* bind(2) reports other problems */
	if (!S_ISSOCK(st.st_mode))
		return error_set(err, EXIT_BAD_SETTING,
				 "remove it, or set VM_RUN_DIR to another directory",
				 "%s exists and is not a socket", path);
	_cleanup_fd_ int fd = try_connect(path, SOCK_NONBLOCK);

	if (fd >= 0 || errno == EAGAIN) /* EAGAIN: there is a listener, whose queue is full */
		return error_set(err, EXIT_BAD_SETTING, "stop it, or give each its own VM_RUN_DIR",
				 "another guest runs with this VM_RUN_DIR: it answers on %s", path);
	if (errno == ECONNREFUSED && (unlink(path) == 0 || errno == ENOENT))
		return true;
	return error_set(err, EXIT_NO_PERMISSION,
			 "remove it, or set VM_RUN_DIR to another directory", "%s is there: %s",
			 path, strerror(errno));
}

int listen_unix(const char *path, mode_t mode, struct error *err)
{
	struct sockaddr_un a;
	_cleanup_fd_ int fd = -1;

	if (!remove_stale(path, err))
		return -1;
	if (unix_address(path, &a))
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* bind(2) creates the file with the mode of the descriptor (unix(7)), so that there is no
	 * moment in which others can connect, and no later change by path. */
	mode_t mask = umask(0);
	bool ok = fd >= 0 && fchmod(fd, mode) == 0 &&
		  bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, BACKLOG) == 0;
	int why = errno;

	(void)umask(mask);
	if (ok)
		return fd_take(&fd);

	if (why == ENAMETOOLONG)
		(void)error_set(err, EXIT_BAD_SETTING, "set VM_RUN_DIR to a shorter path",
				"%s is longer than the %zu bytes of a socket's name", path,
				sizeof a.sun_path - 1);
	else
		(void)error_set(err, EXIT_NO_PERMISSION,
				"give the container a writable /run (docker run --tmpfs /run), or "
				"set VM_RUN_DIR",
				"%s cannot be created: %s", path, strerror(why));
	return -1;
}
