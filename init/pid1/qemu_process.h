/* qemu_process.h - the process QEMU: its start, its output, its end. */
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
	struct line line; /* the line being read, for the log */
	struct tail tail; /* QEMU's last output, for an error */
};

void qemu_process_init(struct qemu_process *p, const struct env *env);

/* Start QEMU with the plan's argument vector. Returns its process, with our ends of the channels
 * in W, or -1 with ERR. QEMU itself listens on the users' QMP socket and, with GDB, on the
 * gdbstub's, and unlinks both when it ends, so each QEMU gets new ones. */
pid_t qemu_process_start(struct qemu_process *p, struct channels *w, struct error *err);

/* FD is readable: log QEMU's output and keep its end. */
void qemu_process_output(struct qemu_process *p, int fd);
/* QEMU has ended: read the rest of its output, and close. */
void qemu_process_drain(struct qemu_process *p);
/* Its last line, which usually has the cause of its end, into BUF; "" if it printed nothing. */
const char *qemu_process_words(const struct qemu_process *p, char *buf, size_t size);

#endif
