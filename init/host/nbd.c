/* nbd.c - see nbd.h. The protocol:
 * https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md, fixed newstyle, simple
 * replies.
 */
#include "host/nbd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "format/bytes.h"
#include "host/confined.h"

#define LISTEN_FD 3 /* sd_listen_fds(3) */

#define MAGIC_SERVER UINT64_C(0x4e42444d41474943) /* "NBDMAGIC" */
#define MAGIC_OPTION UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define FLAGS_WANTED 3u				  /* fixed newstyle, no zeroes */
#define OPT_EXPORT   1u
#define MAGIC_ASK    0x25609513u
#define MAGIC_REPLY  0x67446698u

enum nbd_command { READ = 0, WRITE = 1, DISCONNECT = 2, FLUSH = 3 };

/* ---- the program ---------------------------------------------------------------------------- */

/* A listening socket with a kernel-chosen name, and a client that connects before the server runs:
 * the server accepts no second client, and ends with the first. */
static bool open_sockets(int *server, int *client)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	socklen_t len = sizeof name;

	*server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	*client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return *server >= 0 && *client >= 0 &&
	       bind(*server, (struct sockaddr *)&name, sizeof name.sun_family) == 0 &&
	       listen(*server, 1) == 0 &&
	       getsockname(*server, (struct sockaddr *)&name, &len) == 0 &&
	       connect(*client, (struct sockaddr *)&name, len) == 0;
}

static bool start(struct nbd *n, const struct disk *disk, bool writable, const struct settings *s,
		  const struct identity *id, struct error *err)
{
	struct qemu_img *q = &n->tool;
	char *envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin", (char *)"LC_ALL=C",
			(char *)"LISTEN_FDS=1", n->pid_text, NULL};
	int pipes[2] = {-1, -1};
	_cleanup_fd_ int server = -1;

	qemu_img_begin_tool(q, "qemu-nbd", writable ? "--cache=writeback" : "--read-only", n->name);
	q->first_fd = LISTEN_FD + 1;
	qemu_img_disk(q, disk, disk->count);
	for (int i = 0; !writable && i < q->file_count; i++)
		q->files[i].writable = false;
	if (!qemu_img_prepare(q, s, id, err))
		return false;
	if (!open_sockets(&server, &n->fd) || pipe2(pipes, O_CLOEXEC) != 0)
		return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				 "%s: no socket: %s", n->name, strerror(errno));
	n->errors = pipes[0];
	_cleanup_fd_ int theirs = pipes[1];

	(void)snprintf(n->pid_text, sizeof n->pid_text, "LISTEN_PID=");
	q->child.envp = envp;
	q->child.own_pid = n->pid_text + strlen(n->pid_text);
	q->child.fds[q->child.fd_count++] = (struct child_fd){server, LISTEN_FD};
	q->child.fds[q->child.fd_count++] = (struct child_fd){theirs, STDERR_FILENO};
	n->pid = child_start(&q->child, NULL, err);
	q->child.envp = NULL;
	return n->pid > 0;
}

/* Its output, if it fails. */
static bool failed(struct nbd *n, struct error *err)
{
	char said[300] = "it ends the connection";
	int why = errno;

	if (why == EINTR)
		return error_set(err, EXIT_CLEAN, "", "%s: stopped", n->name);
	if (why == ETIMEDOUT)
		return error_set(err, EXIT_BAD_IMAGE, "check that the host's storage responds",
				 "%s: qemu-nbd does not answer in time", n->name);
	(void)fd_nonblock(n->errors, true);
	/* The socket was closed, so it ends or has ended. */
	ssize_t got = read_until(n->errors, -1, clock_now() + UINT64_C(1000000000), said,
				 sizeof said - 1);

	if (got > 0) {
		said[got] = '\0';
		said[strcspn(said, "\n")] = '\0';
	}
	return error_set(err, EXIT_BAD_IMAGE,
			 "end what else uses it; qemu-img check FILE shows details", "%s: %s",
			 n->name, said);
}

/* ---- the protocol --------------------------------------------------------------------------- */

static bool get(struct nbd *n, void *buf, size_t len)
{
	_cleanup_fd_ int stop = confined_stop_fd();

	for (char *p = buf; len > 0;) {
		ssize_t got = read_until(n->fd, stop, n->end_ns, p, len);

		if (got <= 0) {
			errno = got == 0 ? ENODATA : errno;
			return false;
		}
		p += got;
		len -= (size_t)got;
	}
	return true;
}

/* The server reads a request before it writes anything, so this does not block for long. */
static bool put(struct nbd *n, const void *buf, size_t len)
{
	for (const char *p = buf; len > 0;) {
		ssize_t done = send(n->fd, p, len, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0) {
			errno = ENODATA;
			return false;
		}
		p += done;
		len -= (size_t)done;
	}
	return true;
}

static bool negotiate(struct nbd *n)
{
	uint8_t hello[18];
	uint8_t flags[4];
	uint8_t option[16];
	uint8_t info[10];

	if (!get(n, hello, sizeof hello))
		return false;
	put_be32(flags, FLAGS_WANTED);
	put_be64(option, MAGIC_OPTION);
	put_be32(option + 8, OPT_EXPORT);
	put_be32(option + 12, 0);
	errno = ENODATA;
	if (be64(hello) != MAGIC_SERVER || be64(hello + 8) != MAGIC_OPTION ||
	    (hello[17] & FLAGS_WANTED) != FLAGS_WANTED || !put(n, flags, sizeof flags) ||
	    !put(n, option, sizeof option) || !get(n, info, sizeof info))
		return false;
	n->size = be64(info);
	return true;
}

static bool ask(struct nbd *n, enum nbd_command command, uint64_t offset, const void *data,
		size_t len)
{
	uint8_t head[28] = {0};

	put_be32(head, MAGIC_ASK);
	head[7] = (uint8_t)command;
	put_be64(head + 16, offset);
	put_be32(head + 24, (uint32_t)len);
	return put(n, head, sizeof head) && (!data || put(n, data, len));
}

/* Read the reply to the only outstanding request. */
static bool answered(struct nbd *n, const char *what, uint64_t offset, struct error *err)
{
	uint8_t reply[16];

	if (!get(n, reply, sizeof reply))
		return failed(n, err);
	if (be32(reply) == MAGIC_REPLY && be32(reply + 4) == 0)
		return true;
	return error_set(err, EXIT_BAD_IMAGE, "look for errors of the host's disk (dmesg)",
			 "%s: the disk cannot be %s at byte %llu: %s", n->name, what,
			 (unsigned long long)offset, strerror((int)be32(reply + 4)));
}

bool nbd_read(struct nbd *n, uint64_t offset, void *buf, size_t len, struct error *err)
{
	if (!ask(n, READ, offset, NULL, len))
		return failed(n, err);
	return answered(n, "read", offset, err) && (get(n, buf, len) || failed(n, err));
}

bool nbd_write(struct nbd *n, uint64_t offset, const void *buf, size_t len, struct error *err)
{
	if (!ask(n, WRITE, offset, buf, len))
		return failed(n, err);
	return answered(n, "written", offset, err);
}

bool nbd_flush(struct nbd *n, struct error *err)
{
	if (!ask(n, FLUSH, 0, NULL, 0))
		return failed(n, err);
	return answered(n, "flushed", 0, err);
}

/* ---- public functions ----------------------------------------------------------------------- */

bool nbd_start(struct nbd *n, const struct disk *disk, const char *name, bool writable,
	       const struct settings *s, const struct identity *id, unsigned seconds,
	       struct error *err)
{
	*n = (struct nbd){.name = name,
			  .fd = -1,
			  .errors = -1,
			  .end_ns = clock_now() + seconds * UINT64_C(1000000000)};
	return start(n, disk, writable, s, id, err) && (negotiate(n) || failed(n, err));
}

void nbd_end(struct nbd *n)
{
	if (n->fd >= 0)
		(void)ask(n, DISCONNECT, 0, NULL, 0);
	fd_close(&n->fd);
	if (n->pid > 0) {
		/* It ends with its only client. */
		uint64_t end = clock_now() + UINT64_C(10000000000);
		char said[256];
		ssize_t got;

		do
			got = read_until(n->errors, -1, end, said, sizeof said);
		while (got > 0);
		(void)kill(n->pid, got == 0 ? SIGTERM : SIGKILL);
		while (waitpid(n->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	n->pid = 0;
	fd_close(&n->errors);
	(void)qemu_img_end(&n->tool);
}
