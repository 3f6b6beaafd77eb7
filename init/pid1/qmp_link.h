/* qmp_link.h - QMP's connection in the loop: its descriptor, and its events as notices. */
#ifndef VM_PID1_QMP_LINK_H
#define VM_PID1_QMP_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "qemu/qmp.h"

struct env;

struct qmp_link {
	const struct env *env;
	struct qmp *qmp; /* whose descriptor the link owns */
	bool armed;	 /* EPOLLOUT is asked for */
};

void qmp_link_init(struct qmp_link *l, const struct env *env);
/* FD, a non-blocking socket, is the connection to another QEMU, and becomes the link's. */
void qmp_link_open(struct qmp_link *l, int fd);
/* FD has EVENTS (epoll). */
void qmp_link_io(struct qmp_link *l, int fd, uint32_t events);
/* Before the loop sleeps: EPOLLOUT is armed only while something waits. */
void qmp_link_arm(struct qmp_link *l);
/* QEMU has ended: take what it still said, and close. */
void qmp_link_drain(struct qmp_link *l);

#endif
