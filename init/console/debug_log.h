/* debug_log.h - what QEMU logs (QEMU_DEBUG, its -d) and traces (VM_TRACE): guest-errors.log.
 *
 * `-d int,in_asm` writes hundreds of MB a minute, and QEMU's own log has no bound. So QEMU gets a
 * pipe as its log file (-D), and what comes is kept in files that are rotated by
 * QEMU_DEBUG_LOG_SIZE and QEMU_DEBUG_LOG_KEEP (console/log_file.h). A QEMU that logs faster than
 * the files take it waits: nothing is lost, and the guest is slower.
 */
#ifndef VM_CONSOLE_DEBUG_LOG_H
#define VM_CONSOLE_DEBUG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "console/log_file.h"
#include "format/fault_text.h"

struct debug_log {
	struct log_file file;
	uint8_t ref_type; /* loop_ref.type of its pipe */
	int pipe;	  /* our end, not blocking; -1: none */
	int epoll;
	size_t held; /* bytes of BUF: a line that has no end yet */
	bool told;   /* that the oldest is dropped */
	uint64_t bytes;
	struct fault_text fault;  /* the guest's last triple fault */
	struct fault_text latest; /* the one being read */
	uint8_t buf[65536];
};

/* Begin: the file, when S wants one. S is kept. Its pipe is REF_TYPE in the loop of EPOLL. */
void debug_log_open(struct debug_log *l, const struct settings *s, int epoll, uint8_t ref_type);

/* A new QEMU writes to the other end of PIPE, which becomes L's. */
void debug_log_attach(struct debug_log *l, int pipe);

/* The pipe is readable: take some of it, so that others get their turn. */
void debug_log_read(struct debug_log *l);

/* Take all that QEMU has written until now, as far as a pipe can hold it. */
void debug_log_drain(struct debug_log *l);

/* QEMU has ended: take the rest, and close the pipe. */
void debug_log_detach(struct debug_log *l);

/* Forget the last triple fault: it has been reported. */
void debug_log_forget_fault(struct debug_log *l);

/* SIGHUP: open the file again. */
void debug_log_reopen(struct debug_log *l);

void debug_log_close(struct debug_log *l);

#endif
