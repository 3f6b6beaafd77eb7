/* shell_stream.h - transfers a stream of bytes into and out of a guest over its serial console,
 * without errors.
 *
 * A command in the guest receives the stream on its standard input, or writes it to its standard
 * output; a loop of the guest's shell connects it to the terminal. The stream is sent in pieces,
 * one at a time, each with its position and a checksum: kernel messages or a user's input in
 * between, and losses of an input queue, cost a repetition and nothing else. Typed lines begin
 * short and grow as long as the guest receives them whole, up to the capacity of a terminal in
 * canonical mode (4096 bytes on Linux, less elsewhere).
 *
 * The guest needs sh and rm; for a pull also dd, tr, sha256sum or cksum, and base64 or od. base64
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

/* Run COMMAND (one line for sh) with the contents of T->fd as its standard input. SESSION_DONE: it
 * has ended, with *STATUS. SESSION_FAILED: see ERR (the guest does not accept a line or does not
 * answer, or session_options.stop); the command was then ended with ^C. */
enum session_result session_push(struct session *s, const char *command, struct session_stream *t,
				 int *status, struct error *err);

/* The same, with the command's standard output written to T->fd. If that fails, the command is
 * ended and the result is SESSION_TIMEOUT. */
enum session_result session_pull(struct session *s, const char *command, struct session_stream *t,
				 int *status, struct error *err);

#endif
