/* guard.h - which connections to a console, the monitor, GDB and VNC are accepted.
 *
 * None from the guest itself (host/peer.h), password or not: it would control the machine that it
 * runs in. From this machine and from the container engine's host all; from elsewhere only where
 * the port asks for a password, or VM_OPEN=1.
 */
#ifndef VM_PID1_GUARD_H
#define VM_PID1_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env;

/* The first two are the relays of the same number. */
enum guard_port { GUARD_SERIAL, GUARD_MONITOR, GUARD_GDB, GUARD_VNC, GUARD_PORTS };

/* Refused connections: why, and when the log last had one. */
enum guard_refusal { REFUSED_GUEST, REFUSED_ADDRESS, GUARD_REFUSALS };

struct guard {
	const struct env *env;
	uint64_t refused[GUARD_REFUSALS];
	uint64_t said_ns[GUARD_REFUSALS]; /* 0: never */
	uint64_t said_at[GUARD_REFUSALS]; /* what refused[] was then */
};

void guard_init(struct guard *g, const struct env *env);

/* Is the accepted TCP connection FD to PORT to be served? If not, the log says so, at most every
 * GUARD_QUIET_S seconds for each reason, and a client that is not the guest is told why; FD is
 * still to be closed. */
#define GUARD_QUIET_S 10
bool guard_admits(struct guard *g, enum guard_port port, int fd);

/* The same as a relay_admit. */
bool guard_admits_to_relay(uint8_t index, int fd, void *arg);

/* What people call PORT. */
const char *guard_port_name(enum guard_port port);

/* At the start: say what is open to whom where that is not as usual. */
void guard_describe(const struct guard *g);

/* Lines of `vm status` (each with its end, or ""). */
#define GUARD_TEXT 256
const char *guard_text(const struct guard *g, char buf[GUARD_TEXT]);

#endif
