/* sample_probe.h - has the guest's sshd or web server answered? The boot profiler's own probe of a
 * forwarded port. pid1/port_probe.h defines a valid answer; this one is polled and retries faster.
 */
#ifndef VM_PROFILE_SAMPLE_PROBE_H
#define VM_PROFILE_SAMPLE_PROBE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum port_kind { PORT_NONE, PORT_SSH, PORT_HTTP };

struct port_probe {
	enum port_kind kind;
	uint16_t port; /* on 127.0.0.1 */
	int fd;	       /* -1: not connected or connecting */
	bool asked;
	bool refused;	   /* was refused once: the guest has a network, but no listener */
	uint64_t began_ns; /* the first attempt; 0: none yet */
	uint64_t next_ns;  /* end of this attempt, or begin of the next */
	size_t len;
	char line[8];
};

void probe_init(struct port_probe *p, uint16_t port, enum port_kind kind);
/* The descriptor to poll (fd -1: none); *UNTIL_NS is lowered to the next deadline. */
struct pollfd probe_poll(const struct port_probe *p, uint64_t *until_ns);
/* Handle the result for FD at NOW. True: the guest has answered. */
bool probe_events(struct port_probe *p, const struct pollfd *fd, uint64_t now);
void probe_close(struct port_probe *p);

/* A port on 127.0.0.1 that is free now; 0: none. */
uint16_t probe_free_port(void);

#endif
