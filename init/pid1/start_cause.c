/* start_cause.c - see start_cause.h; unshare(2), mmap(2), ip(7), X(7). */
#include "pid1/start_cause.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/netaddr.h"
#include "host/image.h"
#include "host/listen.h"
#include "host/privileges.h"

/* What QEMU maps beside the guest's memory: libraries, stacks, TCG's buffer (qemu/args.c). */
#define QEMU_OWN (UINT64_C(1) << 30)

/* Ports below this need CAP_NET_BIND_SERVICE, which QEMU and passt do not have as another user. */
static unsigned first_free_port(const struct plan *plan)
{
	char text[32];

	if (!plan->identity.change ||
	    read_small("/proc/sys/net/ipv4/ip_unprivileged_port_start", text, sizeof text) <= 0)
		return 0;
	return (unsigned)strtoul(text, NULL, 10);
}

bool cause_image(const struct disk *disk)
{
	pid_t pid;

	for (int i = 0; i < disk->count; i++)
		if (image_is_locked(disk->layers[i].fd, i == 0, &pid))
			return true;
	return false;
}

bool cause_port(const struct plan *plan, char *fix, size_t size)
{
	const struct settings *s = &plan->s;
	const char *address = s->ports == PORTS_READY && s->net == NET_USER
				      ? "127.0.0.1"
				      : settings_forward_address(s);
	unsigned first = first_free_port(plan);
	struct forward f[FORWARDS_MAX];
	int n = settings_forwards(s, f);

	for (int i = 0; i < n; i++) {
		unsigned port = f[i].port;
		int why = port < first ? EACCES : listen_probe(address, f[i].port, f[i].udp);

		if (why == EADDRINUSE)
			(void)snprintf(fix, size,
				       "port %u of QEMU_HOSTFWDS=%s is in use: choose another "
				       "port, or end what has it (ss -ltnup shows it)",
				       port, s->hostfwds);
		else if (why == EACCES)
			(void)snprintf(fix, size,
				       "port %u of QEMU_HOSTFWDS=%s may be opened by root only: "
				       "choose one from %u on",
				       port, s->hostfwds, first ? first : 1024);
		else if (why == EADDRNOTAVAIL)
			(void)snprintf(fix, size,
				       "VM_BIND=%s is no address of this machine: set one, or "
				       "0.0.0.0",
				       address);
		else
			continue;
		return true;
	}
	return false;
}

bool cause_memory(const struct settings *s, char *fix, size_t size)
{
	const size_t parts[] = {(size_t)s->ram_mb << 20, QEMU_OWN};
	void *got[2];
	bool room = true;

	/* The pages are not touched, so no memory is used. Mapped one by one, because the kernel
	 * checks each mapping. */
	for (int i = 0; i < 2; i++) {
		got[i] = mmap(NULL, parts[i], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0);
		room = room && got[i] != MAP_FAILED;
	}
	for (int i = 0; i < 2; i++)
		if (got[i] != MAP_FAILED)
			(void)munmap(got[i], parts[i]);
	if (!room)
		(void)snprintf(fix, size,
			       "lower QEMU_RAM=%ld, or raise the limit (docker --memory, ulimit "
			       "-v): QEMU takes up to 1 GiB beside the guest's memory",
			       s->ram_mb);
	return !room;
}

/* Whether a server listens where DISPLAY points. True also for a display on another machine, which
 * is not tried. */
static bool display_listens(const char *display)
{
	char path[64];
	const char *colon = display ? strrchr(display, ':') : NULL;

	if (!colon || (colon > display && strncmp(display, "unix:", 5) != 0))
		return colon != NULL;
	(void)snprintf(path, sizeof path, "/tmp/.X11-unix/X%.*s", (int)strcspn(colon + 1, "."),
		       colon + 1);
	_cleanup_fd_ int fd = connect_unix(path);

	return fd >= 0;
}

bool cause_display(const struct settings *s, char *fix, size_t size)
{
	if (!s->display)
		return false;
	bool listens = display_listens(getenv("DISPLAY"));

	(void)snprintf(fix, size,
		       "%s must let QEMU's user in (xhost, or XAUTHORITY)%s; else VM_DISPLAY=none",
		       listens ? "the X11 display"
			       : "DISPLAY must name an X11 display whose socket is in "
				 "/tmp/.X11-unix (mount it); it",
		       listens ? ", and the image be built with UI=1 (docs/lab.md)" : "");
	return true;
}

bool cause_namespace(const struct identity *id, char *fix, size_t size)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(identity_assume(id) &&
		      (unshare(CLONE_NEWUSER) != 0 ||
		       unshare(CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWUTS) != 0));
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0 || status == 0)
		return false;
	(void)snprintf(fix, size,
		       "passt confines itself in a user namespace: allow that (docker run "
		       "--security-opt seccomp=unconfined), or use QEMU_NET=user");
	return true;
}
