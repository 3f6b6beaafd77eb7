/* port_probe.h - does a server in the guest answer on a forwarded port?
 *
 * QEMU's NAT (slirp) accepts a connection before the guest does, so an open port proves nothing.
 * What counts is the first line of the answer: `SSH-...` (RFC 4253, 4.2) or, after a request, a
 * status line `HTTP/...` (RFC 9112, 4). A probe is repeated every PROBE_AGAIN_NS until it
 * succeeds, and only while something waits for the result.
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
	uint16_t port;	 /* on our side; 0: the guest's port is not forwarded */
	bool wanted;	 /* repeat until there is an answer */
	bool answered;	 /* since the guest's last start */
	bool writing;	 /* connect(2) is under way */
	int fd;		 /* -1: no attempt */
	uint64_t end_ns; /* of the attempt, or of the pause after it; 0: neither */
	size_t len;
	char line[64]; /* the answer so far */
};

struct port_probes {
	const struct env *env;
	bool published; /* VM_PORTS=ready: the forwards are open on VM_BIND */
	struct probe list[PROBE_COUNT];
};

/* Find the forwards of ports 22 and 80. */
void probes_init(struct port_probes *all, const struct env *env);

/* Whether WHICH is forwarded; whether it has answered since the guest's last start. */
bool probe_possible(const struct port_probes *all, enum probe_id which);
bool probe_answered(const struct port_probes *all, enum probe_id which);

/* Try now, and again until there is an answer; then post NOTICE_PORT_ANSWERED. */
void probe_want(struct port_probes *all, enum probe_id which);

/* Forget all results: the guest starts again, or has ended. */
void probes_reset(struct port_probes *all);

/* The descriptor of WHICH has EVENTS; TIMER_PROBES. */
void probe_event(struct port_probes *all, enum probe_id which, int fd, uint32_t events);
void probes_timer(struct port_probes *all);

/* VM_PORTS=ready: the forwards are open on VM_BIND now, or, with another QEMU, on the loopback
 * address only. */
void probes_published(struct port_probes *all, bool yes);

#endif
