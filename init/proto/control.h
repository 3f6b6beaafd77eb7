/* control.h - the socket on which `vm status`, `vm stop` and the others talk to PID 1.
 *
 * VM_RUN_DIR/control.sock, a stream. The client sends one line, NAME[ ARGUMENTS]; the answer is one
 * line with the exit status the client should end with, then text, then the end of the stream.
 * A request that has to wait (wait login, stop) is answered when what it waits for has happened.
 *
 * `shell` is for clients that want the guest's shell on its serial console. A PROMPT is what a
 * shell's prompt is known to end in.
 *
 *	shell open WHEN CLOCK [PROMPT]	a stream as that of `console live`, with three lines behind
 *			`0 NUMBER`: the name of the guest's profile; a command that sets its clock,
 *			if CLOCK is `clock` and that is due, else nothing (`clock-set` tells that it
 *			was run); and prompt, busy or silent with the last line of the console
 *			behind it. WHEN: `wait`, when a shell can be reached; `now`, at once or not
 *			at all; `stop`, whatever the guest is at.
 *	shell await WHEN		answered when a shell can be reached (`wait`), at once
 *(`now`), or at once with 0 unless there never will be one (`ever`)
 *	shell line [PROMPT]		the last line of the console: 0, it is a prompt; 1, it is
 *not; EXIT_ASK_AGAIN, nothing that could have been a prompt has come yet
 *
 * `console live|all [readonly|terminal]` turns the connection into one to the serial console: after
 * the line `0 NUMBER` everything that comes is the guest's (live: from now on; all: the scrollback
 * first), and what is sent is typed. What was sent before that line has come is lost. `terminal`:
 * for a person; when all places are taken, it may be evicted for another one. `console-end
 * NUMBER` says why that connection was closed: dropped (it did not keep up), evicted (for another
 * one), or unknown.
 */
#ifndef VM_PROTO_CONTROL_H
#define VM_PROTO_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/loop.h"

/* Clients, and how many of them may be waiting for what a guest may never do (control_wait()): the
 * others' places are for requests that are answered soon, such as health and stop. */
#define CONTROL_CLIENTS 128
#define CONTROL_WAITING 96
#define CONTROL_REQUEST 4096

struct control;

/* A whole request has come from client SLOT. The handler answers with control_answer(), at once or
 * later. */
typedef void control_request(struct control *c, int slot, char *request, void *arg);

struct control_client {
	int fd;		 /* -1: free */
	uint64_t number; /* of this client, so that a late answer cannot reach another one */
	int waits_for;	 /* the caller's business; 0 at the start */
	bool asked;	 /* its request is whole: what it still sends is ignored */
	bool waiting;	 /* control_wait() */
	size_t len;	 /* of its request so far */
};

struct control {
	int epoll;
	int listener;
	uint8_t ref_type;
	control_request *handler;
	void *arg;
	uint64_t numbers;
	struct control_client clients[CONTROL_CLIENTS];
	const pid_t *refused; /* the process that is not let in, > 0; NULL: none */
	char requests[CONTROL_CLIENTS][CONTROL_REQUEST];
};

/* LISTENER is a non-blocking listening socket and becomes the control's. */
bool control_init(struct control *c, int epoll, int listener, uint8_t ref_type,
		  control_request *handler, void *arg);

void control_event(struct control *c, struct loop_ref ref, uint32_t events);

/* Client SLOT is no longer the control's: its connection, after the line `0 NUMBER` (that of the
 * client) and the TEXT (at most CONTROL_TAKE bytes), is the caller's. */
#define CONTROL_TAKE 512
int control_take(struct control *c, int slot, const char *text);

/* The same, and nothing is sent: the new owner of the connection answers. */
int control_release(struct control *c, int slot);

/* Client SLOT waits for WHAT, which becomes its waits_for, for as long as that takes. When
 * CONTROL_WAITING do so already, it is told, and let go: false. */
bool control_wait(struct control *c, int slot, int what);

/* Answer client SLOT with exit status STATUS and TEXT, and let it go. */
void control_answer(struct control *c, int slot, int status, const char *text);
/* The same with ERR's status, message and fix, on one line. */
void control_answer_error(struct control *c, int slot, const struct error *err);

/* The same for all that still wait, with STATUS_OF(client, STATUS), before this process ends. As
 * PID 1 it would kill them with it: it waits, for a moment, until they have gone with what they
 * were told. */
void control_farewell(struct control *c, int (*status_of)(const struct control_client *, int),
		      int status, const char *text);

#endif
