/* listen.h - listening sockets for clients. */
#ifndef VM_HOST_LISTEN_H
#define VM_HOST_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* Create a listening, non-blocking, CLOEXEC TCP socket on ADDRESS:PORT (SO_REUSEADDR); on :: it
 * accepts IPv4, too. SETTING is the name used in errors ("SERIAL_PORT"). Returns the fd, or -1
 * (EXIT_QEMU_FAILED: the port is in use; EXIT_NO_PERMISSION; EXIT_BAD_SETTING: no such address
 * here). */
int listen_tcp(const char *address, uint16_t port, const char *setting, struct error *err);

/* Would listening on ADDRESS:PORT, as QEMU's user network does, succeed? 0, or an errno of
 * socket(2), bind(2) and listen(2); EINVAL for an invalid address. */
int listen_probe(const char *address, uint16_t port, bool udp);

/* Set options of an accepted interactive connection: no delay, keep-alive probes, and urgent data
 * in line, because telnet sends "data mark" as urgent data that belongs after the preceding IAC. */
void tcp_set_options(int fd);

/* Create a listening unix socket at PATH with MODE. A stale socket of an earlier run is removed; a
 * live one is an error. */
int listen_unix(const char *path, mode_t mode, struct error *err);

/* Connect to a unix socket; blocking; -1 with errno. */
int connect_unix(const char *path);

#endif
