/* qmp.h - a client of QEMU's machine protocol over a descriptor of our own (QEMU docs: qmp-spec).
 *
 * Non-blocking and level-triggered: the event loop reports when the descriptor is readable or
 * writable. One command is under way at a time; further ones are queued. Replies are matched by
 * id. Invalid input, an object larger than QMP_BUFFER, or end of file ends the connection with a
 * reason.
 */
#ifndef VM_QEMU_QMP_H
#define VM_QEMU_QMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "format/json.h"

/* The largest object accepted; query-cpu-definitions is 42 KB in QEMU 10. */
#define QMP_BUFFER 262144
#define QMP_QUEUE  16
/* The size that qmp_has_room() assumes for a command with its arguments and id. */
#define QMP_USUAL 256

enum qmp_state { QMP_WAIT_GREETING, QMP_NEGOTIATING, QMP_READY, QMP_CLOSED };

struct qmp;

/* The only reply to a command: RESULT is the reply's member "return", NULL if the command failed;
 * then ERROR is its "desc". If the connection ends first (as it may after `quit`), DOC is NULL,
 * too, and ERROR says why. DOC is valid during the call only. */
typedef void qmp_reply(struct qmp *q, const struct json *doc, const struct json_value *result,
		       const char *error, void *arg);

/* One asynchronous event. DATA may be NULL. */
typedef void qmp_event(struct qmp *q, const char *name, const struct json *doc,
		       const struct json_value *data, void *arg);

struct qmp_command {
	uint32_t id;
	uint32_t length; /* of its text in struct qmp's out */
	int fd;		 /* sent with it, owned by the queue until then; -1: none */
	qmp_reply *reply;
	void *arg;
};

struct qmp {
	int fd;
	enum qmp_state state;
	uint32_t next_id;
	struct qmp_command queue[QMP_QUEUE]; /* not answered yet, oldest first */
	size_t queued;
	bool under_way; /* queue[0] is being sent, or sent and not answered */
	size_t sending; /* its bytes of out that are still to be sent */
	qmp_event *on_event;
	void *event_arg;
	char version[64];      /* QEMU's, from the greeting: "10.0.2" */
	struct json_scan scan; /* of the object that begins at in[0] */
	size_t in_len;
	size_t out_len;
	char why_closed[128];
	bool eof; /* QEMU has closed it, as it does when it ends */
	char in[QMP_BUFFER];
	char out[8192];
};

/* Begin on FD (a non-blocking socket, owned by the caller). ON_EVENT may be NULL. qmp_capabilities
 * is sent automatically after the greeting. */
void qmp_init(struct qmp *q, int fd, qmp_event *on_event, void *arg);

/* FD is readable (reads at most 16 buffers), or writable. False if the connection has ended (state
 * QMP_CLOSED; why_closed has the reason). */
bool qmp_readable(struct qmp *q);
bool qmp_writable(struct qmp *q);
/* Whether output is queued (register EPOLLOUT). */
bool qmp_wants_write(const struct qmp *q);

/* Send COMMAND with ARGUMENTS (a JSON object as text, or NULL). Allowed in every state but
 * QMP_CLOSED: it is sent when the connection is ready and earlier commands are answered. False if
 * the queue is full or the connection closed; otherwise REPLY (if not NULL) is called exactly
 * once, never from within this call. */
bool qmp_send(struct qmp *q, const char *command, const char *arguments, qmp_reply *reply,
	      void *arg);
/* The same for `getfd` and `add-fd`, with the descriptor FD (SCM_RIGHTS). FD is closed in any
 * case. */
bool qmp_send_fd(struct qmp *q, const char *command, const char *arguments, int fd,
		 qmp_reply *reply, void *arg);

/* Whether the queue has room for N commands of at most QMP_USUAL bytes. For sequences: a QEMU that
 * gets `stop` but not the rest would leave the guest paused. */
bool qmp_has_room(const struct qmp *q, size_t n);

#endif
