/* listen.h - the sockets that people connect to. */
#ifndef VM_HOST_LISTEN_H
#define VM_HOST_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* A listening, non-blocking, CLOEXEC TCP socket on ADDRESS:PORT (SO_REUSEADDR). SETTING is the
 * name the error gives ("SERIAL_PORT"). Returns the fd, or -1 (EXIT_QEMU_FAILED: the port is in
 * use; EXIT_NO_PERMISSION; EXIT_BAD_SETTING: no such address here). */
int listen_tcp(const char *address, uint16_t port, const char *setting, struct error *err);

/* Could ADDRESS:PORT be listened on as QEMU's user network does? 0, or an errno of socket(2),
 * bind(2) and listen(2); EINVAL for what is no IPv4 address. */
int listen_try(const char *address, uint16_t port, bool udp);

/* Options of an accepted interactive connection: no delay, keep-alive probes, and urgent data in
 * line, because telnet's "data mark" is sent so and belongs behind the IAC before it. */
void tcp_prepare(int fd);

/* A listening unix socket at PATH with MODE; a stale socket of a former run is removed, one that
 * answers is an error. */
int listen_unix(const char *path, mode_t mode, struct error *err);

/* Connect to a unix socket; -1 with errno. Blocking. */
int connect_unix(const char *path);

#endif
