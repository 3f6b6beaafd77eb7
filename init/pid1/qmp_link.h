/* qmp_link.h - the QMP connection in the loop: its descriptor, and its events as notices. */
#ifndef VM_PID1_QMP_LINK_H
#define VM_PID1_QMP_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu/qmp.h"

struct env;

struct qmp_link {
	const struct env *env;
	struct qmp *qmp; /* the link owns its descriptor */
	bool armed;	 /* EPOLLOUT is registered */
};

void qmp_link_init(struct qmp_link *l, const struct env *env);
/* FD, a non-blocking socket connected to a new QEMU, becomes the link's. */
void qmp_link_open(struct qmp_link *l, int fd);
/* FD has EVENTS (epoll). */
void qmp_link_io(struct qmp_link *l, int fd, uint32_t events);
/* Before the loop sleeps: register EPOLLOUT only while output is queued. */
void qmp_link_arm(struct qmp_link *l);
/* QEMU has ended: read the rest of its messages, and close. */
void qmp_link_drain(struct qmp_link *l);

#endif
