/* tap.c - see tap.h; tun(4) of the kernel's documentation, netdevice(7). */
#include "host/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "base/netaddr.h"
#include "host/privileges.h"

#define DEVICE "/dev/net/tun"

static bool no_device(struct error *err)
{
	return error_set(
		err, EXIT_NO_PERMISSION,
		"add the device to the container (compose: devices: [/dev/net/tun], docker "
		"run --device /dev/net/tun)",
		"QEMU_NET=tap needs " DEVICE ": %s", strerror(errno));
}

static bool no_capability(const struct settings *s, struct error *err)
{
	return error_set(err, EXIT_NO_PERMISSION,
			 "add it to the container (compose: cap_add: [NET_ADMIN], docker run "
			 "--cap-add NET_ADMIN)",
			 "QEMU_NET=tap needs the capability NET_ADMIN for the interface "
			 "QEMU_TAP=%s",
			 s->tap);
}

static bool no_bridge(const struct settings *s, const char *why, struct error *err)
{
	return error_set(err, EXIT_BAD_SETTING,
			 "name a bridge of the container's network (ip link add NAME type bridge "
			 "makes one)",
			 "QEMU_TAP_BRIDGE=%s: %s cannot join it: %s", s->tap_bridge, s->tap, why);
}

bool tap_check(const struct settings *s, struct error *err)
{
	_cleanup_fd_ int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return no_device(err);
	if (if_nametoindex(s->tap) == 0 && !privileges_have(CAP_NET_ADMIN))
		return no_capability(s, err);
	return !s->tap_bridge || if_nametoindex(s->tap_bridge) != 0 ||
	       no_bridge(s, strerror(ENODEV), err);
}

static void set_name(struct ifreq *request, const char *name)
{
	memset(request, 0, sizeof *request);
	(void)snprintf(request->ifr_name, sizeof request->ifr_name, "%s", name);
}

/* Set an IPv4 address by the ioctl COMMAND. */
static bool set_address(int sock, const char *name, int command, uint32_t address)
{
	const struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(address)}};
	struct ifreq request;

	set_name(&request, name);
	memcpy(&request.ifr_addr, &in, sizeof in);
	return ioctl(sock, command, &request) == 0;
}

static bool set_up(int sock, const char *name)
{
	struct ifreq request;

	set_name(&request, name);
	if (ioctl(sock, SIOCGIFFLAGS, &request) != 0)
		return false;
	if (request.ifr_flags & IFF_UP)
		return true;
	request.ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, &request) == 0;
}

/* Is it already on that bridge? (sysfs-class-net: master) */
static bool on_bridge(const char *name, const char *bridge)
{
	char path[64];
	char target[256];
	ssize_t n;

	(void)snprintf(path, sizeof path, "/sys/class/net/%s/master", name);
	n = readlink(path, target, sizeof target - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	const char *slash = strrchr(target, '/');

	return strcmp(slash ? slash + 1 : target, bridge) == 0;
}

static bool join_bridge(int sock, const char *name, const char *bridge)
{
	struct ifreq request;

	if (on_bridge(name, bridge))
		return true;
	set_name(&request, bridge);
	request.ifr_ifindex = (int)if_nametoindex(name);
	return ioctl(sock, SIOCBRADDIF, &request) == 0;
}

static bool configure(const struct settings *s, struct error *err)
{
	_cleanup_fd_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint32_t address;
	uint32_t mask;

	if (sock < 0 || !set_up(sock, s->tap))
		return errno == EPERM ? no_capability(s, err)
				      : error_set(err, EXIT_NO_PERMISSION,
						  "remove the interface of that name (ip link del "
						  "NAME), or choose another name",
						  "QEMU_TAP=%s cannot be set up: %s", s->tap,
						  strerror(errno));
	if (s->tap_address && interface_address_parse(s->tap_address, &address, &mask) &&
	    (!set_address(sock, s->tap, SIOCSIFADDR, address) ||
	     !set_address(sock, s->tap, SIOCSIFNETMASK, mask)))
		return errno == EPERM ? no_capability(s, err)
				      : error_set(err, EXIT_BAD_SETTING, "choose another address",
						  "QEMU_TAP_ADDRESS=%s cannot be set: %s",
						  s->tap_address, strerror(errno));
	if (s->tap_bridge && !join_bridge(sock, s->tap, s->tap_bridge))
		return errno == EPERM ? no_capability(s, err) : no_bridge(s, strerror(errno), err);
	return true;
}

int tap_open(const struct settings *s, struct error *err)
{
	_cleanup_fd_ int fd = open(DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	unsigned features = 0;
	struct ifreq request;

	if (fd < 0) {
		(void)no_device(err);
		return -1;
	}
	set_name(&request, s->tap);
	/* The features that QEMU itself requests (net/tap-linux.c, tap_open()); of a descriptor
	 * that
	 *  it receives, it only queries whether it has the header.
	 */
	request.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (ioctl(fd, (int)TUNGETFEATURES, &features) == 0)
		request.ifr_flags |= (short)(features & IFF_VNET_HDR);
	if (ioctl(fd, (int)TUNSETIFF, &request) != 0) {
		if (errno == EPERM)
			(void)no_capability(s, err);
		else
			(void)error_set(err, EXIT_BAD_SETTING,
					errno == EBUSY ? "end the machine that has it, or choose "
							 "another name"
						       : "choose the name of a TAP interface, or "
							 "one that does not exist yet",
					"QEMU_TAP=%s cannot be used: %s", s->tap, strerror(errno));
		return -1;
	}
	return configure(s, err) ? fd_take(&fd) : -1;
}
