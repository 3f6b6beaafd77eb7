/* shell_stream.h - a stream of bytes into and out of a guest over its serial console, exact.
 *
 * A command in the guest gets the stream on its standard input, or writes it to its standard
 * output; a loop of the guest's shell stands between it and the terminal. The stream goes in
 * pieces, one at a time, each with its place and a checksum: what the kernel or a person puts in
 * between, and what an input queue drops, costs a repetition and nothing else. Lines that are typed
 * begin short and grow for as long as the guest takes them whole, up to what a terminal's canonical
 * line has room for (4096 bytes on Linux, less elsewhere).
 *
 * The guest needs sh and rm; for a pull dd, tr, sha256sum or cksum, and base64 or od, too. base64
 * and sha256sum or cksum make a push faster.
 */
#ifndef VM_VM_SHELL_STREAM_H
#define VM_VM_SHELL_STREAM_H

#include "format/serial_text.h"
#include "vm/shell.h"

struct session_stream {
	int fd;		       /* push: read to its end; pull: written to. May block */
	enum serial_code code; /* encoding that the guest supports */
	enum serial_sum
		sum; /* checksum that it supports; SUM_SHELL only for a push with CODE_DIGITS */
	void (*progress)(void *arg, size_t n); /* N more bytes were transferred */
	void *arg;
	char said[512]; /* result: the last lines of COMMAND's standard error */
};

/* Run COMMAND (one line for sh) with what T->fd gives as its standard input. SESSION_DONE: it has
 * ended, with *STATUS. SESSION_FAILED: see ERR (a line that the guest does not take, no answer,
 * SESSION_WISHES.stop); the command was ended by ^C then. */
enum session_result session_push(struct session *s, const char *command, struct session_stream *t,
				 int *status, struct error *err);

/* The same, with what it writes to its standard output going to T->fd. When that cannot be written,
 * the command is ended and the result is SESSION_TIMEOUT. */
enum session_result session_pull(struct session *s, const char *command, struct session_stream *t,
				 int *status, struct error *err);

#endif
