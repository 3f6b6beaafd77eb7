/* sample_probe.h - has the guest's sshd or web server answered? The boot profiler's own look at a
 * forwarded port: pid1/port_probe.h says what counts; this one is polled, and asks again sooner. */
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
	int fd;	       /* -1: none is connected or connecting */
	bool asked;
	bool refused;	   /* once: the guest has a network, and nobody listened */
	uint64_t began_ns; /* the first attempt; 0: none yet */
	uint64_t next_ns;  /* the attempt's end, or the next one's beginning */
	size_t len;
	char line[8];
};

void probe_init(struct port_probe *p, uint16_t port, enum port_kind kind);
/* What to poll for (fd -1: nothing), no longer than to *UNTIL_NS (lowered). */
struct pollfd probe_poll(const struct port_probe *p, uint64_t *until_ns);
/* FD came back at NOW. True: the guest has answered. */
bool probe_events(struct port_probe *p, const struct pollfd *fd, uint64_t now);
void probe_close(struct port_probe *p);

/* A port that nobody has now, on 127.0.0.1; 0: none. */
uint16_t probe_free_port(void);

#endif
