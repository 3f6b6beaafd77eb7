/* qmp.h - a client of QEMU's machine protocol over a descriptor of our own (QEMU docs: qmp-spec).
 *
 * Non-blocking: the event loop feeds what it read, and takes what is to be written. One command is
 * under way at a time; further ones queue up. Replies are matched by id. Garbage, an object larger
 * than the bound, or EOF end the connection with a reason.
 */
#ifndef VM_QEMU_QMP_H
#define VM_QEMU_QMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "format/json.h"

#define QMP_BUFFER 65536 /* the largest object taken; query-* we use stay far below */
#define QMP_QUEUE  16

enum qmp_state { QMP_WAIT_GREETING, QMP_NEGOTIATING, QMP_READY, QMP_CLOSED };

struct qmp;

/* RESULT is the reply's "return" member, NULL when the command failed; then ERROR is its
 * "desc". The document is valid during the call only. */
typedef void qmp_reply(struct qmp *q, const struct json *doc, const struct json_value *result,
		       const char *error, void *arg);

/* One asynchronous event. DATA may be NULL. */
typedef void qmp_event(struct qmp *q, const char *name, const struct json *doc,
		       const struct json_value *data, void *arg);

struct qmp_command {
	uint32_t id;
	qmp_reply *reply;
	void *arg;
};

struct qmp {
	int fd;
	enum qmp_state state;
	uint32_t next_id;
	struct qmp_command queue[QMP_QUEUE]; /* sent, not answered, oldest first */
	size_t queued;
	qmp_event *on_event;
	void *event_arg;
	char version[64]; /* of QEMU, from the greeting: "10.0.2" */
	size_t in_len;
	size_t out_len;
	char why_closed[128];
	char in[QMP_BUFFER];
	char out[8192];
};

/* Start on FD (non-blocking, owned by the caller). qmp_capabilities is sent by itself at the
 * greeting. */
void qmp_init(struct qmp *q, int fd, qmp_event *on_event, void *arg);

/* FD is readable, or writable. Returns false when the connection has ended (state QMP_CLOSED). */
bool qmp_readable(struct qmp *q);
bool qmp_writable(struct qmp *q);
/* Is there something to write (EPOLLOUT wanted)? */
bool qmp_wants_write(const struct qmp *q);

/* Send COMMAND with ARGUMENTS (a JSON object as text, or NULL). Allowed in every state but
 * QMP_CLOSED: it is sent as soon as the connection is ready. False when the queue is full or the
 * connection closed. REPLY may be NULL. */
bool qmp_send(struct qmp *q, const char *command, const char *arguments, qmp_reply *reply,
	      void *arg);

#endif
