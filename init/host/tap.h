/* tap.h - a TAP interface (Linux: Documentation/networking/tuntap.rst), connected to QEMU.
 *
 * QEMU receives the open descriptor: it is unprivileged and cannot open /dev/net/tun itself, and
 * its sandbox does not permit running a script that would set up the interface.
 */
#ifndef VM_HOST_TAP_H
#define VM_HOST_TAP_H

#include <stdbool.h>

#include "base/error.h"
#include "config/settings.h"

/* Can tap_open() work here? It needs /dev/net/tun, NET_ADMIN for an interface that does not exist
 * yet, and the bridge if one is set. False: ERR (EXIT_NO_PERMISSION, EXIT_BAD_SETTING) says what is
 * missing. Nothing is created. */
bool tap_check(const struct settings *s, struct error *err);

/* Open the interface QEMU_TAP, which is created if it does not exist (and then removed with the
 * descriptor), bring it up, and set the address QEMU_TAP_ADDRESS and the bridge QEMU_TAP_BRIDGE if
 * given. Returns the descriptor, -1 with ERR (EXIT_NO_PERMISSION, EXIT_BAD_SETTING). */
int tap_open(const struct settings *s, struct error *err);

#endif
