/* qmp.c - see qmp.h.
 *
 * Bytes from QEMU are collected in q->in until json_scan() finds a complete object. It is parsed
 * in place, and handled by the member that it has: QMP (the greeting), event, return or error.
 * Commands wait as text in q->out and as entries of q->queue; the first of each is under way.
 * qmp_capabilities is always the first command, so commands that are sent early wait for it.
 *
 * The protocol: QEMU's docs/interop/qmp-spec.rst.
 */
#include "qemu/qmp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fds.h"
#include "base/io.h"

#define READS_PER_CALL 16

/* Only one document is parsed at a time, within handle(). */
static struct json_value values[JSON_VALUES];
static struct json document = {.values = values, .room = JSON_VALUES};

/* End the connection, and report commands that QEMU will not answer. Returns false. */
static bool __attribute__((format(printf, 2, 3))) closed(struct qmp *q, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(q->why_closed, sizeof q->why_closed, fmt, ap);
	va_end(ap);
	q->state = QMP_CLOSED;
	q->out_len = q->sending = 0;
	for (size_t i = 0; i < q->queued; i++) {
		fd_close(&q->queue[i].fd);
		if (q->queue[i].reply)
			q->queue[i].reply(q, NULL, NULL, q->why_closed, q->queue[i].arg);
	}
	q->queued = 0;
	return false;
}

/* Send part of the command under way, with its descriptor if it has one. */
static ssize_t send_some(struct qmp *q)
{
	struct qmp_command *command = &q->queue[0];
	ssize_t done = fds_send_some(q->fd, q->out, q->sending, &command->fd, command->fd >= 0,
				     MSG_DONTWAIT);

	if (done > 0)
		fd_close(&command->fd);
	return done;
}

/* Send as much as possible. False with errno on an error other than EAGAIN. */
static bool pump(struct qmp *q)
{
	if (!q->under_way && q->queued > 0 &&
	    (q->state == QMP_NEGOTIATING || q->state == QMP_READY)) {
		q->under_way = true;
		q->sending = q->queue[0].length;
	}
	while (q->sending > 0) {
		ssize_t done = send_some(q);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno == EAGAIN;
		q->sending -= (size_t)done;
		q->out_len -= (size_t)done;
		memmove(q->out, q->out + done, q->out_len);
	}
	return true;
}

bool qmp_send_fd(struct qmp *q, const char *command, const char *arguments, int fd,
		 qmp_reply *reply, void *arg)
{
	size_t room = sizeof q->out - q->out_len;
	_cleanup_fd_ int ours = fd;

	if (q->state == QMP_CLOSED || q->queued == QMP_QUEUE)
		return false;
	size_t length = room < 2 ? 0
				 : json_line(q->out + q->out_len, room,
					     JSON_LIST(J_TEXT("execute", command),
						       J_RAW("arguments", arguments),
						       J_INT("id", q->next_id)));

	if (length == 0)
		return false;
	q->out_len += length;
	q->queue[q->queued++] = (struct qmp_command){.id = q->next_id++,
						     .length = (uint32_t)length,
						     .fd = fd_take(&ours),
						     .reply = reply,
						     .arg = arg};
	(void)pump(q); /* qmp_readable() finds the error again, and may close */
	return true;
}

bool qmp_send(struct qmp *q, const char *command, const char *arguments, qmp_reply *reply,
	      void *arg)
{
	return qmp_send_fd(q, command, arguments, -1, reply, arg);
}

bool qmp_has_room(const struct qmp *q, size_t n)
{
	return q->state != QMP_CLOSED && QMP_QUEUE - q->queued >= n &&
	       sizeof q->out - q->out_len >= n * QMP_USUAL;
}

static void on_capabilities(struct qmp *q, const struct json *doc, const struct json_value *result,
			    const char *error, void *arg)
{
	(void)arg;
	if (result)
		q->state = QMP_READY;
	else if (doc)
		(void)closed(q, "QEMU refused qmp_capabilities: %s", error);
}

static bool handle_greeting(struct qmp *q, const struct json_value *root)
{
	const struct json_value *qmp = json_get(&document, root, "QMP");
	const struct json_value *version = json_get(&document, qmp, "version");
	const struct json_value *qemu = json_get(&document, version, "qemu");
	int64_t major;
	int64_t minor;
	int64_t micro;

	if (!json_integer(&document, qemu, "major", &major) ||
	    !json_integer(&document, qemu, "minor", &minor) ||
	    !json_integer(&document, qemu, "micro", &micro))
		return closed(q, "QEMU sent no QMP greeting");
	(void)snprintf(q->version, sizeof q->version, "%" PRId64 ".%" PRId64 ".%" PRId64, major,
		       minor, micro);
	q->state = QMP_NEGOTIATING;
	return true;
}

/* Handle a reply to the command under way; one of RESULT and FAILURE is NULL. */
static bool handle_reply(struct qmp *q, const struct json_value *root,
			 const struct json_value *result, const struct json_value *failure)
{
	struct qmp_command command = q->queue[0];
	const char *error = failure ? json_string(&document, failure, "desc") : NULL;
	int64_t id;

	if (failure && !error)
		return closed(q, "an error without a description from QEMU");
	if (!json_integer(&document, root, "id", &id))
		return closed(q, "a reply to no command from QEMU%s%s", error ? ": " : "",
			      error ? error : "");
	if (!q->under_way || q->sending > 0 || id != command.id)
		return closed(q, "a reply to command %" PRId64 " from QEMU, which is not under way",
			      id);
	q->under_way = false;
	memmove(q->queue, q->queue + 1, --q->queued * sizeof *q->queue);
	if (command.reply)
		command.reply(q, &document, result, error, command.arg);
	return q->state != QMP_CLOSED;
}

static bool handle_event(struct qmp *q, const struct json_value *root)
{
	const char *name = json_string(&document, root, "event");

	if (!name)
		return closed(q, "an event without a name from QEMU");
	if (q->on_event)
		q->on_event(q, name, &document, json_get(&document, root, "data"), q->event_arg);
	return q->state != QMP_CLOSED;
}

/* Handle the object of N bytes at BUF. */
static bool handle(struct qmp *q, char *buf, size_t n)
{
	const struct json_value *root = document.values;

	if (!json_parse(&document, buf, n))
		return closed(q, "bad JSON from QEMU: %s at byte %zu of %zu", document.error,
			      document.error_at, n);
	if (q->state == QMP_WAIT_GREETING)
		return handle_greeting(q, root);
	if (json_get(&document, root, "event"))
		return handle_event(q, root);
	const struct json_value *result = json_get(&document, root, "return");
	const struct json_value *failure = json_get(&document, root, "error");

	if (!result == !failure)
		return closed(q, "neither an event nor a reply from QEMU");
	return handle_reply(q, root, result, failure);
}

/* Handle all complete objects. */
static bool handle_all(struct qmp *q)
{
	size_t start = 0;
	size_t n;

	while ((n = json_scan(&q->scan, q->in + start, q->in_len - start)) > 0) {
		q->scan = (struct json_scan){0};
		if (!handle(q, q->in + start, n))
			return false;
		start += n;
	}
	q->in_len -= start;
	memmove(q->in, q->in + start, q->in_len);
	if (q->in_len == sizeof q->in - 1)
		return closed(q, "more than %zu bytes in one object from QEMU", q->in_len);
	return true;
}

bool qmp_readable(struct qmp *q)
{
	if (q->state == QMP_CLOSED)
		return false;
	for (int i = 0; i < READS_PER_CALL; i++) {
		/* json_parse() needs one byte more. */
		ssize_t got =
			recv(q->fd, q->in + q->in_len, sizeof q->in - 1 - q->in_len, MSG_DONTWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			break;
		/* ECONNRESET: QEMU ended with a command of ours unread. */
		q->eof = got == 0 || (got < 0 && errno == ECONNRESET);
		if (q->eof)
			return closed(q, "QEMU closed the connection");
		if (got < 0)
			return closed(q, "reading from QEMU: %s", strerror(errno));
		q->in_len += (size_t)got;
		if (!handle_all(q))
			return false;
	}
	return qmp_writable(q);
}

bool qmp_writable(struct qmp *q)
{
	if (q->state == QMP_CLOSED)
		return false;
	/* What QEMU sent before it ended can still be read, so EPIPE does not close. */
	if (!pump(q) && errno != EPIPE && errno != ECONNRESET)
		return closed(q, "writing to QEMU: %s", strerror(errno));
	return true;
}

bool qmp_wants_write(const struct qmp *q)
{
	return q->sending > 0;
}

void qmp_init(struct qmp *q, int fd, qmp_event *on_event, void *arg)
{
	memset(q, 0, offsetof(struct qmp, in));
	q->fd = fd;
	q->on_event = on_event;
	q->event_arg = arg;
	(void)qmp_send(q, "qmp_capabilities", NULL, on_capabilities, NULL);
}
