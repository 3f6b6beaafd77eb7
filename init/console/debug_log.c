/* debug_log.c - see debug_log.h. */
#include "console/debug_log.h"

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/io.h"
#include "base/log.h"
#include "base/loop.h"

/* The most a pipe holds (/proc/sys/fs/pipe-max-size), in reads of our buffer. */
#define DRAIN_READS 16

void debug_log_open(struct debug_log *l, const struct settings *s, int epoll, uint8_t ref_type)
{
	l->file = (struct log_file){.s = s,
				    .name = "guest-errors.log",
				    .limit_mb = s->debug_log_size,
				    .keep = s->debug_log_keep,
				    .mark = true,
				    .fd = -1};
	l->pipe = -1;
	l->epoll = epoll;
	l->ref_type = ref_type;
	debug_log_reopen(l);
}

void debug_log_reopen(struct debug_log *l)
{
	log_file_open(&l->file);
}

void debug_log_attach(struct debug_log *l, int pipe)
{
	l->pipe = pipe;
	l->fault = l->latest = (struct fault_text){0};
	if (pipe >= 0)
		(void)loop_add(l->epoll, pipe, EPOLLIN, (struct loop_ref){.type = l->ref_type});
}

/* Look for a fault in one line. A fault in the firmware does not replace one of the guest that has
 * not been read yet. */
static void look_for_fault(struct debug_log *l, const char *line, size_t n)
{
	const struct fault_text none = {0};
	bool known = l->fault.where[0] != '\0'; /* the address of an earlier fault is known */

	fault_line(&l->latest, line, n);
	if (!l->latest.triple)
		return;
	if (!l->latest.where[0]) {
		if (!known)
			l->fault = l->latest;
		if (l->latest.dumped)
			l->latest = none;
		return;
	}
	if (!fault_in_firmware(&l->latest))
		l->fault = l->latest;
	else if (!known)
		l->fault = none;
	l->latest = none;
}

/* Write the first N bytes of the buffer to the file: up to the last line end, if there is one. */
static void keep(struct debug_log *l, size_t n)
{
	log_file_append(&l->file, l->buf, n);
	if (l->file.dropped && !l->logged) {
		l->logged = true;
		log_info("%s has reached its bound: from now on the oldest is dropped "
			 "(QEMU_DEBUG_LOG_SIZE=%ld, QEMU_DEBUG_LOG_KEEP=%ld)",
			 l->file.name, l->file.limit_mb, l->file.keep);
	}
	for (size_t at = 0; at < n;) {
		const uint8_t *eol = memchr(l->buf + at, '\n', n - at);
		size_t len = eol ? (size_t)(eol - (l->buf + at)) : n - at;

		look_for_fault(l, (const char *)l->buf + at, len);
		at += len + 1;
	}
	l->held -= n;
	memmove(l->buf, l->buf + n, l->held);
}

static void end(struct debug_log *l)
{
	if (l->held > 0)
		keep(l, l->held);
	if (l->pipe >= 0)
		loop_remove(l->epoll, l->pipe);
	fd_close(&l->pipe);
}

/* One read; false if nothing more can be read now. */
static bool read_some(struct debug_log *l)
{
	ssize_t got = read(l->pipe, l->buf + l->held, sizeof l->buf - l->held);

	if (got == 0)
		end(l);
	if (got <= 0)
		return false;
	l->held += (size_t)got;
	l->bytes += (uint64_t)got;
	const uint8_t *eol = memrchr(l->buf, '\n', l->held);

	if (eol)
		keep(l, (size_t)(eol - l->buf) + 1);
	else if (l->held == sizeof l->buf)
		keep(l, l->held);
	return true;
}

void debug_log_read(struct debug_log *l)
{
	(void)read_some(l);
}

void debug_log_drain(struct debug_log *l)
{
	for (int i = 0; i < DRAIN_READS && l->pipe >= 0 && read_some(l); i++)
		;
}

void debug_log_detach(struct debug_log *l)
{
	debug_log_drain(l);
	if (l->pipe >= 0)
		end(l);
}

void debug_log_close(struct debug_log *l)
{
	debug_log_detach(l);
	fd_close(&l->file.fd);
}

void debug_log_forget_fault(struct debug_log *l)
{
	l->fault = (struct fault_text){0};
}
