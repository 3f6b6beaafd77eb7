/* tap.h - a TAP interface (Linux: Documentation/networking/tuntap.rst), whose other end is QEMU's.
 *
 * QEMU gets the open descriptor: it may not open /dev/net/tun itself, being nobody, and its sandbox
 * lets it run no script that would set the interface up.
 */
#ifndef VM_HOST_TAP_H
#define VM_HOST_TAP_H

#include <stdbool.h>

#include "base/error.h"
#include "config/settings.h"

/* Can tap_open() work here? It needs /dev/net/tun, NET_ADMIN for an interface that is not there
 * yet, and the bridge if one is set. False: ERR (EXIT_NO_PERMISSION, EXIT_BAD_SETTING) says what is
 * missing. Nothing is made. */
bool tap_possible(const struct settings *s, struct error *err);

/* The interface QEMU_TAP, made if it is not there (it then goes with the descriptor), set up, with
 * the address QEMU_TAP_ADDRESS and on the bridge QEMU_TAP_BRIDGE if these are set. Returns the
 * descriptor, -1 with ERR (EXIT_NO_PERMISSION, EXIT_BAD_SETTING). */
int tap_open(const struct settings *s, struct error *err);

#endif
