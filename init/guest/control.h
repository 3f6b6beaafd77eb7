/* control.h - the socket on which `vm status`, `vm stop` and the others talk to PID 1.
 *
 * VM_RUN_DIR/control.sock, a stream. The client sends one line, NAME[ ARGUMENTS]; the answer is one
 * line with the exit status the client should end with, then text, then the end of the stream.
 * A request that has to wait (wait login, stop) is answered when what it waits for has happened.
 *
 * `console live|all [readonly]` turns the connection into one to the serial console: after the line
 * `0` everything that comes is the guest's (live: from now on; all: the scrollback first), and what
 * is sent is typed. What was sent before that line has come is lost.
 */
#ifndef VM_GUEST_CONTROL_H
#define VM_GUEST_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"

#define CONTROL_CLIENTS 32
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
	size_t len;
	char request[CONTROL_REQUEST];
};

struct control {
	int epoll;
	int listener;
	uint8_t ref_type;
	control_request *handler;
	void *arg;
	uint64_t numbers;
	struct control_client clients[CONTROL_CLIENTS];
};

/* LISTENER is a non-blocking listening socket and becomes the control's. */
bool control_init(struct control *c, int epoll, int listener, uint8_t ref_type,
		  control_request *handler, void *arg);

void control_event(struct control *c, struct loop_ref ref, uint32_t events);

/* Client SLOT is no longer the control's: its connection, after the line `0`, is the caller's. */
int control_take(struct control *c, int slot);

/* Answer client SLOT with exit status STATUS and TEXT (N bytes), and let it go. */
void control_answer(struct control *c, int slot, int status, const char *text, size_t n);

/* The same for all who still wait, with STATUS_OF(client, STATUS), before this process ends. As PID
 * 1 it would kill them with it: it waits, for a moment, until they have gone with what they were
 * told. */
void control_farewell(struct control *c, int (*status_of)(const struct control_client *, int),
		      int status, const char *text);

#endif
