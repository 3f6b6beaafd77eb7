/* listen.h - the sockets that people connect to. */
#ifndef VM_HOST_LISTEN_H
#define VM_HOST_LISTEN_H

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* A listening, non-blocking, CLOEXEC TCP socket on ADDRESS:PORT (SO_REUSEADDR). SETTING is the
 * name the error gives ("SERIAL_PORT"). Returns the fd, or -1 (EXIT_QEMU_FAILED: the port is in
 * use; EXIT_NO_PERMISSION; EXIT_BAD_SETTING: no such address here). */
int listen_tcp(const char *address, uint16_t port, const char *setting, struct error *err);

/* The same on a unix socket at PATH with MODE; a stale socket of a former run is removed, one that
 * answers is an error. */
int listen_unix(const char *path, mode_t mode, struct error *err);

/* Connect to a unix socket; -1 with errno. Blocking. */
int connect_unix(const char *path);

#endif
