/* control.h - the socket on which `vm status`, `vm stop` and the others talk to PID 1.
 *
 * VM_RUN_DIR/control.sock, a stream. The client sends one line, NAME[ ARGUMENTS]; the answer is one
 * line with the exit status for the client, then text, then the end of the stream. A request that
 * waits for an event (wait login, stop) is answered when that has happened.
 *
 * `shell` is for clients that use the guest's shell on its serial console. PROMPT is a known end of
 * that shell's prompt.
 *
 *   shell open WHEN CLOCK [PROMPT]
 *     A stream like that of `console live`, with three lines after `0 NUMBER`: the kind of guest;
 *     the command that sets its clock, if CLOCK is `clock` and that is necessary, else an empty
 *     line (`clock-set` reports that it was run); prompt, busy or silent, followed by the last line
 *     of the console. WHEN: `wait`, when a shell can be reached; `now`, at once or not at all;
 *     `stop`, in every phase of the guest.
 *   shell await WHEN
 *     Answered when a shell can be reached (`wait`), at once (`now`), or at once with 0 unless
 *     there never will be a shell (`ever`).
 *   shell line [PROMPT]
 *     The last line of the console. 0: it is a prompt; 1: it is not; EXIT_ASK_AGAIN: there has been
 *     no possible prompt yet.
 *   shell seen PROMPT
 *     The same. The client has seen PROMPT after the end of its command, so it is a prompt if it is
 *     still the whole last line.
 *
 * `console live|all [marked] [readonly] [terminal]` turns the connection into one to the serial
 * console. After the line `0 NUMBER` it carries the guest's output (live: new output; all: the
 * scrollback first, and then, with `marked`, the byte REPLAY_MARK), and its input is sent to the
 * guest; input before that line is lost. `terminal`: a person uses it; if all slots for terminals
 * are taken, the longest idle one is evicted. `console-end NUMBER` says why that connection was
 * closed: dropped (it did not keep up), evicted, or unknown.
 */
#ifndef VM_PROTO_CONTROL_H
#define VM_PROTO_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/loop.h"

/* The number of clients, and how many of them may wait for an event that may never come
 * (control_wait()): the other slots are for requests that are answered soon, such as health and
 * stop. */
#define CONTROL_CLIENTS 128
#define CONTROL_WAITING 96
#define CONTROL_REQUEST 4096

struct control;

/* Client SLOT has sent a complete request. The handler answers with control_answer(), at once or
 * later. */
typedef void control_request(struct control *c, int slot, char *request, void *arg);

struct control_client {
	int fd;		 /* -1: free */
	uint64_t number; /* unique, so that a late answer cannot reach another client */
	int waits_for;	 /* set by control_wait(); initially 0 */
	bool asked;	 /* its request is complete; further input is ignored */
	bool waiting;	 /* in control_wait() */
	size_t len;	 /* of its incomplete request */
};

struct control {
	int epoll;
	int listener;
	uint8_t ref_type;
	control_request *handler;
	void *arg;
	uint64_t numbers;
	struct control_client clients[CONTROL_CLIENTS];
	const pid_t *refused; /* a process that is refused, > 0; NULL: none */
	char requests[CONTROL_CLIENTS][CONTROL_REQUEST];
};

/* LISTENER is a non-blocking listening socket and is taken over. */
bool control_init(struct control *c, int epoll, int listener, uint8_t ref_type,
		  control_request *handler, void *arg);

void control_event(struct control *c, struct loop_ref ref, uint32_t events);

/* Take client SLOT's connection out of the control socket, after sending the line `0 NUMBER` (its
 * number) and TEXT (at most CONTROL_TAKE bytes). Returns the descriptor. */
#define CONTROL_TAKE 512
int control_take(struct control *c, int slot, const char *text);

/* The same without sending anything: the new owner answers. */
int control_release(struct control *c, int slot);

/* Let client SLOT wait for WHAT, which becomes its waits_for. False if CONTROL_WAITING clients
 * already wait: it is told so and disconnected. */
bool control_wait(struct control *c, int slot, int what);

/* Send client SLOT the exit status STATUS and TEXT, and disconnect it. */
void control_answer(struct control *c, int slot, int status, const char *text);
/* The same with ERR's status, message and fix, on one line. */
void control_answer_error(struct control *c, int slot, const struct error *err);

/* Answer all clients that still wait with STATUS_OF(client, STATUS), before this process ends. The
 * end of PID 1 would kill them, so it waits for a moment until they have read their answers and
 * disconnected. */
void control_farewell(struct control *c, int (*status_of)(const struct control_client *, int),
		      int status, const char *text);

#endif
