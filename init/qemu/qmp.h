/* qmp.h - a client of QEMU's machine protocol over a descriptor of our own (QEMU docs: qmp-spec).
 *
 * Non-blocking and level-triggered: the event loop says when the descriptor is readable or
 * writable. One command is under way at a time; further ones queue up. Replies are matched by id.
 * Garbage, an object larger than the bound, or EOF end the connection with a reason.
 */
#ifndef VM_QEMU_QMP_H
#define VM_QEMU_QMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "format/json.h"

/* The largest object taken; query-cpu-definitions is 42 KB in QEMU 10. */
#define QMP_BUFFER 262144
#define QMP_QUEUE  16
/* What qmp_has_room() counts a command for: its text, with its arguments and id. */
#define QMP_USUAL 256

enum qmp_state { QMP_WAIT_GREETING, QMP_NEGOTIATING, QMP_READY, QMP_CLOSED };

struct qmp;

/* The one answer to a command: RESULT is the reply's "return" member, NULL when the command failed;
 * then ERROR is its "desc". When the connection ends first (as it may after `quit`), DOC is NULL
 * too and ERROR says why it ended. DOC is valid during the call only. */
typedef void qmp_reply(struct qmp *q, const struct json *doc, const struct json_value *result,
		       const char *error, void *arg);

/* One asynchronous event. DATA may be NULL. */
typedef void qmp_event(struct qmp *q, const char *name, const struct json *doc,
		       const struct json_value *data, void *arg);

struct qmp_command {
	uint32_t id;
	uint32_t length; /* of its text in struct qmp's out */
	int fd;		 /* to be handed over with it, ours until then; -1: none */
	qmp_reply *reply;
	void *arg;
};

struct qmp {
	int fd;
	enum qmp_state state;
	uint32_t next_id;
	struct qmp_command queue[QMP_QUEUE]; /* not answered, oldest first */
	size_t queued;
	bool under_way; /* queue[0] is being sent, or sent and not answered */
	size_t sending; /* bytes of out that are still to be sent of it */
	qmp_event *on_event;
	void *event_arg;
	char version[64];      /* of QEMU, from the greeting: "10.0.2" */
	struct json_scan scan; /* of the object that begins at in[0] */
	size_t in_len;
	size_t out_len;
	char why_closed[128];
	bool eof; /* QEMU has ended it, as it does when it ends itself */
	char in[QMP_BUFFER];
	char out[8192];
};

/* Start on FD (a non-blocking socket, owned by the caller). ON_EVENT may be NULL. qmp_capabilities
 * is sent by itself at the greeting. */
void qmp_init(struct qmp *q, int fd, qmp_event *on_event, void *arg);

/* FD is readable (takes what is there, at most 16 buffers full), or writable. Returns false when
 * the connection has ended (state QMP_CLOSED, why_closed says why). */
bool qmp_readable(struct qmp *q);
bool qmp_writable(struct qmp *q);
/* Did the socket not take everything (EPOLLOUT wanted)? */
bool qmp_wants_write(const struct qmp *q);

/* Send COMMAND with ARGUMENTS (a JSON object as text, or NULL). Allowed in every state but
 * QMP_CLOSED: it is sent as soon as the connection is ready and earlier commands are answered.
 * False when the queue is full or the connection closed; else REPLY (if not NULL) is called exactly
 * once, never from within this call. */
bool qmp_send(struct qmp *q, const char *command, const char *arguments, qmp_reply *reply,
	      void *arg);
/* The same for `getfd` and `add-fd`: QEMU gets the descriptor FD, too (SCM_RIGHTS). FD is closed
 * here, whatever becomes of it. */
bool qmp_send_fd(struct qmp *q, const char *command, const char *arguments, int fd,
		 qmp_reply *reply, void *arg);

/* Will the next N commands of at most QMP_USUAL bytes be taken? For what takes several: a QEMU that
 * gets `stop` and nothing behind it leaves the guest paused. */
bool qmp_has_room(const struct qmp *q, size_t n);

#endif
