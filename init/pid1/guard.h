/* guard.h - which connections to a console, the monitor, GDB and VNC are accepted.
 *
 * Connections from the guest itself (host/peer.h) are refused, with or without a password: the
 * guest would control its own machine. Connections from the container and from the engine's host
 * are accepted. From other addresses they are accepted only if the port asks for a password, or
 * with VM_OPEN=1.
 */
#ifndef VM_PID1_GUARD_H
#define VM_PID1_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct env;

/* The first two have the numbers of their relays (enum relay_id). */
enum guard_port { GUARD_SERIAL, GUARD_MONITOR, GUARD_GDB, GUARD_VNC, GUARD_PORTS };

/* Refused connections: why, and when the log last had one. */
enum guard_refusal { REFUSED_GUEST, REFUSED_ADDRESS, GUARD_REFUSALS };

struct guard {
	const struct env *env;
	uint64_t refused[GUARD_REFUSALS];
	uint64_t logged_ns[GUARD_REFUSALS];    /* last log line; 0: never */
	uint64_t logged_count[GUARD_REFUSALS]; /* refused[] at that time */
};

void guard_init(struct guard *g, const struct env *env);

/* Whether the accepted TCP connection FD to PORT may be served. If not, it is logged, at most
 * every GUARD_QUIET_S seconds for each reason, and the reason is sent to the client unless that is
 * the guest. The caller closes FD. */
#define GUARD_QUIET_S 10
bool guard_admits(struct guard *g, enum guard_port port, int fd);

/* guard_admits() as a relay_admit. */
bool guard_admits_to_relay(uint8_t index, int fd, void *arg);

/* The name of PORT in messages. */
const char *guard_port_name(enum guard_port port);

/* At the start: log which ports accept clients from where, if that differs from the default. */
void guard_describe(const struct guard *g);

/* Lines of `vm status` (each ends with a newline, or is ""). */
#define GUARD_TEXT 256
const char *guard_text(const struct guard *g, char buf[GUARD_TEXT]);

#endif
