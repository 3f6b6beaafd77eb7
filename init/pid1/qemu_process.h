/* qemu_process.h - the process QEMU: it is started, listened to, and has ended. */
#ifndef VM_PID1_QEMU_PROCESS_H
#define VM_PID1_QEMU_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/lines.h"
#include "qemu/launch.h"

struct env;

struct qemu_process {
	const struct env *env;
	int output;	  /* QEMU's standard error; -1: none */
	struct line line; /* of it, for the log */
	struct tail tail; /* QEMU's last words, for an error */
};

void qemu_process_init(struct qemu_process *p, const struct env *env);

/* Start QEMU with the plan's vector. Its process, with our ends of the channels in W; or -1 with
 * ERR. QEMU itself listens on the user's QMP socket and, with GDB, the stub's: it unlinks them when
 * it ends, so each QEMU gets new ones. */
pid_t qemu_process_start(struct qemu_process *p, struct channels *w, struct error *err);

/* FD is readable: what QEMU says goes to the log, and its end is kept. */
void qemu_process_output(struct qemu_process *p, int fd);
/* QEMU has ended: take what it still said, and close. */
void qemu_process_drain(struct qemu_process *p);
/* Its last line, which is what it died of, into BUF; "" when it said nothing. */
const char *qemu_process_words(const struct qemu_process *p, char *buf, size_t size);

#endif
