/* network.h - what QEMU's network card is connected to, where PID 1 makes it: a TAP interface or
 * passt's socket. QEMU gets the descriptor plan->net_fd.
 *
 * A TAP interface is opened once, while PID 1 still has the capability, and stays open from one
 * QEMU to the next. passt (https://passt.top) serves one connection and ends with it: each QEMU
 * gets a new one, which runs as QEMU's user and confines itself.
 */
#ifndef VM_GUEST_NETWORK_H
#define VM_GUEST_NETWORK_H

#include <stdbool.h>

#include "base/error.h"
#include "base/settings.h"

struct plan;
struct supervisor;

/* Can QEMU_NET work here? What cannot goes to PLAN's errors. Nothing is made. */
void network_check(struct plan *plan);

/* Before PID 1 gives up its privileges. */
bool network_prepare(struct plan *plan, struct error *err);

/* Before QEMU starts, and when it has got its descriptors (or has not started). */
bool network_start(struct supervisor *v, struct error *err);
void network_handed_over(struct plan *plan);

/* QEMU has ended. */
void network_end(struct supervisor *v);

/* What is wrong with it, NULL for nothing. */
const char *network_trouble(const struct supervisor *v);

/* The card and what it is connected to, for people: "e1000 to QEMU's own NAT", "none". */
#define NETWORK_TEXT 400
const char *network_describe(const struct settings *s, char buf[NETWORK_TEXT]);

#endif
