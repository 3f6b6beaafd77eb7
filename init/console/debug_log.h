/* debug_log.h - QEMU's log (QEMU_DEBUG, its -d) and trace (VM_TRACE): guest-errors.log.
 *
 * `-d int,in_asm` writes hundreds of MB a minute, and QEMU does not limit its log. So QEMU gets a
 * pipe as its log file (-D), and its content is written to files that are rotated by
 * QEMU_DEBUG_LOG_SIZE and QEMU_DEBUG_LOG_KEEP (console/log_file.h). If QEMU logs faster than the
 * files are written, it blocks: nothing is lost, and the guest is slower.
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
	uint8_t ref_type; /* loop_ref.type of the pipe */
	int pipe;	  /* our end, non-blocking; -1: none */
	int epoll;
	size_t held; /* bytes of BUF in an incomplete line */
	bool logged; /* the first drop of an old file was logged */
	uint64_t bytes;
	struct fault_text fault;  /* the guest's last triple fault */
	struct fault_text latest; /* the fault being parsed */
	uint8_t buf[65536];
};

/* Open the file, if S asks for one. S must stay valid. The pipe is registered as REF_TYPE in
 * EPOLL. */
void debug_log_open(struct debug_log *l, const struct settings *s, int epoll, uint8_t ref_type);

/* A new QEMU has the other end of PIPE. L takes PIPE over. */
void debug_log_attach(struct debug_log *l, int pipe);

/* The pipe is readable: read a limited amount, so that other descriptors get their turn. */
void debug_log_read(struct debug_log *l);

/* Read everything that QEMU has written until now, up to the size of a pipe. */
void debug_log_drain(struct debug_log *l);

/* QEMU has ended: read the rest, and close the pipe. */
void debug_log_detach(struct debug_log *l);

/* The last triple fault has been reported: forget it. */
void debug_log_forget_fault(struct debug_log *l);

/* SIGHUP: reopen the file. */
void debug_log_reopen(struct debug_log *l);

void debug_log_close(struct debug_log *l);

#endif
