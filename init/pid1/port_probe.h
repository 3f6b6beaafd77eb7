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

/* What is said first. A client of ssh has to give its name as well; passt of 2023 does not finish
 * the connection to the guest until something is sent. */
#define PROBE_SSH_REQUEST  "SSH-2.0-vm\r\n"
#define PROBE_HTTP_REQUEST "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n"

struct supervisor;

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

/* Find the forwards of ports 22 and 80. */
void probes_init(struct supervisor *v);

/* Try now, and again until there is an answer; then supervisor_on_probe() is called. */
void probe_want(struct supervisor *v, enum probe_id which);

/* Forget what is known: the guest starts again, or is gone. */
void probes_reset(struct supervisor *v);

/* The descriptor of WHICH has EVENTS; the probes' timer went off. */
void probe_event(struct supervisor *v, enum probe_id which, int fd, uint32_t events);
void probes_timer(struct supervisor *v);

#endif
