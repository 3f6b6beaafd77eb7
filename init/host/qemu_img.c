/* qemu_img.c - see qemu_img.h. */
#include "host/qemu_img.h"
#include "host/child_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json_write.h"
#include "base/lines.h"
#include "base/log.h"
#include "format/json.h"
#include "host/confined.h"
#include "host/landlock.h"

/* Descriptor numbers in the child: files from here on, and a ruleset. */
#define FILE_FD	   3
#define RULESET_FD (FILE_FD + 1 + QEMU_IMG_FILES)
#define FILE_PATH  "/proc/self/fd/"

/* More output than any image that passes the checks produces. */
#define OUTPUT_MAX ((size_t)64 << 20)
#define LINES_TOLD 200

/* ---- the command line ---------------------------------------------------------------------- */

void qemu_img_begin(struct qemu_img *q, const char *action, const char *name)
{
	qemu_img_begin_tool(q, "qemu-img", action, name);
}

void qemu_img_begin_tool(struct qemu_img *q, const char *tool, const char *action, const char *name)
{
	memset(q, 0, sizeof *q);
	q->tool = tool;
	q->first_fd = FILE_FD;
	q->action = action;
	q->name = name;
	q->cpu_s = QEMU_IMG_CPU_S;
	q->ruleset = q->watch = -1;
	q->identity.uid = (uid_t)-1;
	qemu_img_word(q, tool);
	qemu_img_word(q, action);
}

void qemu_img_word(struct qemu_img *q, const char *word)
{
	if (q->word_count < QEMU_IMG_WORDS)
		q->words[q->word_count++] = word;
}

void qemu_img_words(struct qemu_img *q, const char *const *words)
{
	while (*words)
		qemu_img_word(q, *words++);
}

/* The path of FD in the child. */
static const char *add_file(struct qemu_img *q, int fd, bool writable)
{
	char *path = q->paths[q->file_count];

	(void)snprintf(path, sizeof q->paths[0], FILE_PATH "%d", q->first_fd + q->file_count);
	q->files[q->file_count++] = (struct qemu_img_file){.fd = fd, .writable = writable};
	return path;
}

void qemu_img_file(struct qemu_img *q, int fd, bool writable)
{
	if (q->file_count < QEMU_IMG_FILES)
		qemu_img_word(q, add_file(q, fd, writable));
}

void qemu_img_new(struct qemu_img *q, int fd)
{
	qemu_img_file(q, fd, true);
	q->files[q->file_count - 1].lent = true;
}

/* qemu-img(1): json:{}, in the syntax of blockdev-add (QEMU's qapi/block-core.json). */
void qemu_img_disk(struct qemu_img *q, const struct disk *disk, int count)
{
	static const char scheme[] = "json:";
	const char *paths[QEMU_IMG_FILES];
	char below[sizeof q->image];
	int n = 0;

	while (n < count && q->file_count < QEMU_IMG_FILES) {
		const struct disk_layer *l = &disk->layers[n];

		paths[n++] = add_file(q, l->fd, l->writable);
	}
	(void)snprintf(q->image, sizeof q->image, "%snull", scheme);
	for (int i = n - 1; i >= 0; i--) {
		const struct disk_layer *l = &disk->layers[i];
		bool qcow2 = l->format == FORMAT_QCOW2;
		char *text = q->image + sizeof scheme - 1;

		(void)snprintf(below, sizeof below, "%s", text);
		(void)json_write(
			text, sizeof q->image - sizeof scheme + 1,
			JSON_LIST(J_TEXT("driver", qcow2 ? "qcow2" : "raw"),
				  J_OBJECT("file",
					   J_TEXT("driver", l->device ? "host_device" : "file"),
					   J_TEXT("filename", paths[i])),
				  J_RAW("backing", qcow2 ? below : NULL)));
	}
	qemu_img_word(q, q->image);
}

/* Of these formats only vmdk has an option for backing files. */
void qemu_img_foreign(struct qemu_img *q, int fd, const char *driver)
{
	const char *path = add_file(q, fd, false);
	size_t n = (size_t)snprintf(q->image, sizeof q->image, "json:");

	(void)json_write(
		q->image + n, sizeof q->image - n,
		JSON_LIST(J_TEXT("driver", driver),
			  J_OBJECT("file", J_TEXT("driver", "file"), J_TEXT("filename", path)),
			  J_RAW("backing", strcmp(driver, "vmdk") == 0 ? "null" : NULL)));
	qemu_img_word(q, q->image);
}

/* With clusters of 512 bytes, tables take 2 % of the disk. */
size_t qemu_img_bytes(uint64_t size)
{
	return (size_t)(size + size / 16) + ((size_t)64 << 20);
}

/* ---- the user, and the files that it may open ---------------------------------------------- */

static bool may_open(const struct qemu_img *q, const struct identity *id)
{
	struct stat st;

	for (int i = 0; i < q->file_count; i++)
		if (!q->files[i].lent &&
		    (fstat(q->files[i].fd, &st) != 0 ||
		     !identity_allowed(id, &st,
				       q->files[i].writable ? S_IROTH | S_IWOTH : S_IROTH)))
			return false;
	return true;
}

static bool lend_files(struct qemu_img *q, struct error *err)
{
	for (int i = 0; i < q->file_count; i++) {
		struct qemu_img_file *f = &q->files[i];

		/* Works without CAP_CHOWN: the file has no name by which others could open it. */
		if (f->lent && (fstat(f->fd, &f->st) != 0 ||
				(!identity_chown(&q->identity, f->fd) && fchmod(f->fd, 0666) != 0)))
			return error_set(err, EXIT_NO_PERMISSION, "", "%s: %s", q->name,
					 strerror(errno));
	}
	return true;
}

static bool restore_owner(const struct qemu_img_file *f)
{
	struct stat st;

	return fstat(f->fd, &st) == 0 &&
	       ((st.st_uid == f->st.st_uid && st.st_gid == f->st.st_gid) ||
		fchown(f->fd, f->st.st_uid, f->st.st_gid) == 0) &&
	       fchmod(f->fd, f->st.st_mode & 0777) == 0;
}

/* The file is opened again, which its mode must permit. */
static bool choose_identity(struct qemu_img *q, const struct identity *id, struct error *err)
{
	struct stat st;

	q->identity = *id;
	if (!id->change || q->file_count == 0 || may_open(q, id))
		return true;
	if (fstat(q->files[0].fd, &st) != 0)
		return error_set(err, EXIT_INTERNAL, "look for errors of the host's disk (dmesg)",
				 "%s: %s", q->name, strerror(errno));
	q->identity.uid = st.st_uid;
	q->identity.gid = st.st_gid;
	return may_open(q, &q->identity) ||
	       error_set(err, EXIT_NO_PERMISSION,
			 "change its mode (chmod), or set VM_UID and VM_GID to its owner",
			 "%s: neither QEMU's user %u:%u nor its owner may %s it, and %s runs "
			 "as no other user",
			 q->name, (unsigned)id->uid, (unsigned)id->gid,
			 q->files[0].writable ? "write to" : "read", q->tool);
}

static bool allow_files(const struct qemu_img *q, int ruleset, int abi)
{
	struct stat st;

	for (int i = 0; i < q->file_count; i++) {
		int fd = q->files[i].fd;
		bool device = fstat(fd, &st) == 0 && S_ISBLK(st.st_mode);

		if (!landlock_allow_fd(ruleset, abi, fd,
				       device		      ? LANDLOCK_DEVICE
				       : q->files[i].writable ? LANDLOCK_FILES
							      : LANDLOCK_READ))
			return false;
	}
	return true;
}

/* Only if the kernel supports it, and the libraries are at their usual paths. */
static void add_ruleset(struct qemu_img *q, const struct settings *s)
{
	int abi = s->sandbox && landlock_covers(q->program) ? landlock_abi() : -1;

	q->ruleset = abi < 1 ? -1 : landlock_new(abi);
	if (q->ruleset < 0)
		return;
	if (!landlock_allow_program(q->ruleset, abi, q->program) ||
	    !allow_files(q, q->ruleset, abi)) {
		fd_close(&q->ruleset);
		return;
	}
	child_landlock(&q->child, q->ruleset, RULESET_FD, abi, &q->landlock_off);
}

/* Look beside VM_QEMU, or in the system's directories: PATH may contain directories of other users.
 */
static bool find(struct qemu_img *q, const struct settings *s, struct error *err)
{
	char dirs[4096];
	const char *slash = s->qemu ? strrchr(s->qemu, '/') : NULL;

	bool qemus = strncmp(q->tool, "qemu-", 5) == 0;

	(void)snprintf(dirs, sizeof dirs, "%.*s%s/usr/local/bin:/usr/bin:/bin%s",
		       slash ? (int)(slash - s->qemu) : 0, slash ? s->qemu : "", slash ? ":" : "",
		       qemus ? "" : ":/usr/sbin:/sbin");
	return find_program(dirs, q->tool, q->program, sizeof q->program) ||
	       error_set(err, EXIT_QEMU_FAILED,
			 qemus ? "install it (Debian: qemu-utils, Alpine: qemu-img), or set "
				 "VM_QEMU to the QEMU that it belongs to"
			       : "install it (Debian, Alpine: e2fsprogs)",
			 "there is no %s in %s", q->tool, dirs);
}

bool qemu_img_prepare(struct qemu_img *q, const struct settings *s, const struct identity *id,
		      struct error *err)
{
	static char *const envp[] = {(char *)"PATH=/usr/local/bin:/usr/bin:/bin",
				     (char *)"LC_ALL=C", NULL};

	if (!find(q, s, err) || !choose_identity(q, id, err) || !lend_files(q, err))
		return false;
	q->child = (struct child){.path = q->program,
				  .argv = (char *const *)q->words,
				  .envp = envp,
				  .identity = &q->identity,
				  .new_session = true,
				  .die_with_parent = true,
				  .no_core = true,
				  .confined = true,
				  .cpu_s = q->cpu_s,
				  .file_max = q->file_max,
				  .memory = q->memory};
	for (int i = 0; i < q->file_count; i++)
		q->child.fds[q->child.fd_count++] =
			(struct child_fd){.from = q->files[i].fd, .to = q->first_fd + i};
	add_ruleset(q, s);
	return true;
}

bool qemu_img_end(struct qemu_img *q)
{
	bool ok = true;

	fd_close(&q->ruleset);
	for (int i = 0; i < q->file_count; i++)
		if (q->files[i].lent && q->files[i].st.st_ino /* it was lent */)
			ok = restore_owner(&q->files[i]) && ok;
	return ok;
}

/* ---- running it to its end ------------------------------------------------------------------ */

static void on_line(void *arg, const char *text)
{
	struct qemu_img *q = arg;
	size_t own = strlen(q->tool);

	if (strncmp(text, q->tool, own) == 0 && strncmp(text + own, ": ", 2) == 0)
		text += own + 2;
	if (!q->said[0])
		(void)snprintf(q->said, sizeof q->said, "%s", text);
	if (q->tell && q->told++ < LINES_TOLD)
		log_output(q->tool, text);
}

/* Read from the descriptor P, the output (first) or the errors. False: it is closed, or there is
 * too much. */
static bool take(struct qemu_img *q, struct pollfd *p, bool first, struct line *line)
{
	char buf[4096];
	ssize_t n = read(p->fd, buf, sizeof buf);

	if (n < 0)
		return errno == EINTR;
	if (first && n > 0)
		text_add(&q->out, "%.*s", (int)n, buf);
	else
		line_feed(line, buf, (size_t)n, on_line, q);
	return n > 0 && q->out.len < OUTPUT_MAX;
}

/* Read until both are closed. False: stopped, timed out, or too much output. */
static bool collect(struct qemu_img *q, int out, int errors)
{
	_cleanup_fd_ int stop = confined_stop_fd();
	struct line line = {0};
	struct pollfd fds[] = {
		{out, POLLIN, 0}, {errors, POLLIN, 0}, {stop, POLLIN, 0}, {q->watch, POLLIN, 0}};
	uint64_t end = clock_now() + q->wall_s * UINT64_C(1000000000);

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 4, q->wall_s ? clock_left_ms(end) : -1) < 0 && errno != EINTR)
			return false;
		q->late = q->wall_s && clock_now() >= end;
		if (q->late || fds[2].revents ||
		    (fds[3].revents & POLLIN && q->watched &&
		     !q->watched(q->watch, q->watched_arg)))
			return false;
		if (fds[3].revents & ~POLLIN) /* no watched process is left */
			fds[3].fd = -1;
		for (int i = 0; i < 2; i++)
			if (fds[i].revents && !take(q, &fds[i], i == 0, &line))
				fds[i].fd = -1;
	}
	line_end(&line, on_line, q);
	if (q->tell && q->told > LINES_TOLD) {
		char more[64];

		(void)snprintf(more, sizeof more, "(%d more lines)", q->told - LINES_TOLD);
		log_output(q->tool, more);
	}
	return q->out.len < OUTPUT_MAX;
}

static bool ended_by(const struct qemu_img *q, int sig, struct error *err)
{
	if (sig == SIGXCPU)
		return error_set(err, EXIT_BAD_IMAGE,
				 "get the image again; it is damaged, or was made to stall its "
				 "readers",
				 "%s: %s %s takes more than %u s of processor time", q->name,
				 q->tool, q->action, q->cpu_s);
	if (sig == SIGXFSZ)
		return error_set(err, EXIT_BAD_IMAGE, "get the image again",
				 "%s: %s %s writes more than %zu MiB", q->name, q->tool, q->action,
				 q->file_max >> 20);
	return error_set(err, EXIT_QEMU_FAILED,
			 "give the container more memory if it was SIGKILL; or get the image again",
			 "%s: %s %s was ended by a signal (%s)", q->name, q->tool, q->action,
			 strsignal(sig));
}

/* Start Q->child and read its output until it has ended: STATUS of waitpid(2). */
static bool run(struct qemu_img *q, int *status, struct error *err)
{
	int out[2];
	int errors[2];

	if (pipe2(out, O_CLOEXEC) != 0)
		return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				 "no pipe: %s", strerror(errno));
	_cleanup_fd_ int ours = out[0];
	_cleanup_fd_ int theirs = out[1];

	if (pipe2(errors, O_CLOEXEC) != 0)
		return error_set(err, EXIT_INTERNAL, "raise the limit on open files (ulimit -n)",
				 "no pipe: %s", strerror(errno));
	_cleanup_fd_ int our_errors = errors[0];
	_cleanup_fd_ int their_errors = errors[1];

	q->child.fds[q->child.fd_count++] = (struct child_fd){theirs, STDOUT_FILENO};
	q->child.fds[q->child.fd_count++] = (struct child_fd){their_errors, STDERR_FILENO};
	if (q->watched)
		q->child.watch = &q->watch;
	q->child.watcher = &child_watch;
	pid_t pid = child_start(&q->child, NULL, err);

	if (pid < 0)
		return false;
	fd_close(&theirs);
	fd_close(&their_errors);
	q->unwatched = q->watched && q->watch < 0;
	bool whole = !q->unwatched && collect(q, ours, our_errors);

	if (!whole)
		(void)kill(-pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		continue;
	fd_close(&q->watch);
	if (whole)
		return true;
	if (q->late)
		return error_set(err, EXIT_BAD_IMAGE, "check that the host's storage responds",
				 "%s: %s %s takes longer than %u s", q->name, q->tool, q->action,
				 q->wall_s);
	return confined_stopped()
		       ? error_set(err, EXIT_CLEAN, "", "%s: stopped during %s %s", q->name,
				   q->tool, q->action)
		       : error_set(err, EXIT_BAD_IMAGE, "get the image again, or make a new one",
				   "%s: %s %s prints too much", q->name, q->tool, q->action);
}

int qemu_img_run(struct qemu_img *q, const struct settings *s, const struct identity *id,
		 struct error *err)
{
	int status = 0;
	bool ended = qemu_img_prepare(q, s, id, err) && run(q, &status, err);
	bool back = qemu_img_end(q);

	if (!ended)
		return -1;
	if (WIFSIGNALED(status)) {
		(void)ended_by(q, WTERMSIG(status), err);
		return -1;
	}
	if (!back) {
		(void)error_set(err, EXIT_NO_PERMISSION, "", "%s: %s", q->name, strerror(errno));
		return -1;
	}
	return WEXITSTATUS(status);
}

bool qemu_img_failed(const struct qemu_img *q, int status, struct error *err)
{
	struct text said = {0};

	if (status < 0)
		return false;
	qemu_img_names(q, q->said, false, &said);
	(void)error_set(err, EXIT_QEMU_FAILED,
			strstr(q->said, strerror(ENOSPC))
				? "make room there"
				: "if the image may be damaged: vm image check FILE shows details",
			"%s: %s %s: %s", q->name, q->tool, q->action,
			q->said[0] && said.bytes ? said.bytes : "it failed without a message");
	text_free(&said);
	return false;
}

/* ---- names --------------------------------------------------------------------------------- */

/* The length of our own path or image text at the beginning of TEXT; 0: none. */
static size_t own_name(const char *text)
{
	static const char json[] = "json:";

	if (strncmp(text, FILE_PATH, sizeof FILE_PATH - 1) == 0)
		return sizeof FILE_PATH - 1 + strspn(text + sizeof FILE_PATH - 1, "0123456789");
	if (strncmp(text, json, sizeof json - 1) == 0 && text[sizeof json - 1] == '{') {
		struct json_scan scan = {0};
		size_t n = json_scan(&scan, text + sizeof json - 1, strlen(text + sizeof json - 1));

		return n ? sizeof json - 1 + n : strlen(text);
	}
	return 0;
}

void qemu_img_names(const struct qemu_img *q, const char *text, bool json, struct text *out)
{
	char quoted[4096 * 6 + 8];
	const char *name = q->name;
	size_t len = strlen(name);

	if (json) {
		(void)json_quote(name, quoted, sizeof quoted);
		name = quoted + 1;
		len = strlen(name) - 1;
	}
	while (text[0]) {
		size_t n = 0;
		size_t own = 0;

		while (text[n] && (own = own_name(text + n)) == 0)
			n++;
		text_add(out, "%.*s%.*s", (int)n, text, own ? (int)len : 0, name);
		text += n + own;
	}
}
