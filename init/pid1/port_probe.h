/* port_probe.h - does something in the guest answer behind a forwarded port?
 *
 * QEMU's NAT accepts a connection before the guest does (slirp), so an open port proves nothing:
 * what counts is the first line that comes back, `SSH-...` (RFC 4253, 4.2) or, after a request, a
 * status line `HTTP/...` (RFC 9112, 4). A probe tries again every PROBE_AGAIN_NS until it has it,
 * and only while somebody wants to know.
 */
#ifndef VM_PID1_PORT_PROBE_H
#define VM_PID1_PORT_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env;

/* loop_ref.index */
enum probe_id { PROBE_SSH, PROBE_HTTP, PROBE_COUNT };

struct probe {
	uint16_t port;	 /* on our side; 0: this guest port is not forwarded */
	bool wanted;	 /* goes on until it has an answer */
	bool answered;	 /* ever, since the guest's last start */
	bool writing;	 /* the connection is not there yet */
	int fd;		 /* -1: no attempt is under way */
	uint64_t end_ns; /* of the attempt, or of the pause behind it; 0: neither */
	size_t len;
	char line[64]; /* what came */
};

struct port_probes {
	const struct env *env;
	bool published; /* VM_PORTS=ready: the forwards are on VM_BIND by now */
	struct probe list[PROBE_COUNT];
};

/* Find the forwards of ports 22 and 80. */
void probes_init(struct port_probes *all, const struct env *env);

/* Is WHICH forwarded? Has it answered since the guest's last start? */
bool probe_possible(const struct port_probes *all, enum probe_id which);
bool probe_answered(const struct port_probes *all, enum probe_id which);

/* Try now, and again until there is an answer; then NOTICE_PORT_ANSWERED is posted. */
void probe_want(struct port_probes *all, enum probe_id which);

/* Forget what is known: the guest starts again, or is gone. */
void probes_reset(struct port_probes *all);

/* The descriptor of WHICH has EVENTS; the probes' timer went off. */
void probe_event(struct port_probes *all, enum probe_id which, int fd, uint32_t events);
void probes_timer(struct port_probes *all);

/* VM_PORTS=ready: the forwards move from the loopback address to VM_BIND now; or, with another
 * QEMU, are not there yet. */
void probes_published(struct port_probes *all, bool yes);

#endif
