/* companion_otel.c - sends the boot phases to an OpenTelemetry collector if
 * OTEL_EXPORTER_OTLP_ENDPOINT is set.
 *
 * It follows events.jsonl, which PID 1 writes in any case, until the guest is ready or its start
 * has failed, and then sends one request with curl. No process waits for it; a failure is one
 * warning. The variables are those of the OpenTelemetry specification (sdk-environment-variables,
 * otlp exporter); only OTLP/HTTP with JSON is supported.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/lines.h"
#include "base/log.h"
#include "format/otlp.h"
#include "host/child.h"
#include "host/privileges.h"
#include "vm/companion.h"

#define MS UINT64_C(1000000)

/* From prepare(): events.jsonl before this start, if it exists. */
#define EVENTS_FD 3

#define TIMEOUT_MS  10000 /* the specification's default */
#define TIMEOUT_MAX 60000

/* Descriptor of the file with the headers in curl. */
#define HEADERS_FD 3

/* How often a directory that cannot be watched is checked. */
#define LOOK_NS (100 * MS)

/* The variable NAME. NULL: not set or empty, which are equivalent. */
static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static bool wanted(const struct settings *s)
{
	const char *off = variable("OTEL_SDK_DISABLED");
	const char *exporter = variable("OTEL_TRACES_EXPORTER");

	(void)s;
	return (variable("OTEL_EXPORTER_OTLP_ENDPOINT") ||
		variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")) &&
	       !(off && strcmp(off, "true") == 0) && !(exporter && strcmp(exporter, "none") == 0);
}

/* Runs before PID 1 writes: the file's present contents are from earlier starts. */
static bool prepare(const struct settings *s, struct child *c, struct error *err)
{
	char path[4200];

	(void)err;
	(void)snprintf(path, sizeof path, "%s/events.jsonl", s->log_dir);
	int fd = open_regular(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW, false, NULL);

	if (fd < 0)
		return true;
	(void)lseek(fd, 0, SEEK_END);
	c->fds[c->fd_count++] = (struct child_fd){.from = fd, .to = EVENTS_FD};
	return true;
}

/* ---- request -------------------------------------------------------------------------------- */

/* Determine the URL. False: it is invalid, which was reported. */
static bool make_url(char *url, size_t size)
{
	const char *traces = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
	const char *base = traces ? traces : variable("OTEL_EXPORTER_OTLP_ENDPOINT");
	size_t n = strlen(base);

	while (!traces && n > 0 && base[n - 1] == '/')
		n--;
	int len = snprintf(url, size, "%.*s%s", (int)n, base, traces ? "" : "/v1/traces");

	if ((size_t)len < size && !strpbrk(url, "\r\n\"\\ ") &&
	    (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0))
		return true;
	log_warning("the boot's spans are not sent: OTEL_EXPORTER_OTLP_ENDPOINT is not an http:// "
		    "or https:// URL");
	return false;
}

static void add_headers(struct text *t, const char *list)
{
	char key[1024];
	char value[1024];

	while (list && (list = otlp_pair(list, key, value, sizeof key)) != NULL)
		text_add(t, "%s: %s\n", key, value);
}

/* Put T into an anonymous file that only the child receives. -1 with errno. */
static int in_memory(const struct text *t)
{
	_cleanup_fd_ int fd = file_memory("otlp");

	if (fd < 0 || t->failed || (t->len > 0 && !write_all(fd, t->bytes, t->len)) ||
	    lseek(fd, 0, SEEK_SET) != 0)
		return -1;
	return fd_take(&fd);
}

static long timeout_ms(void)
{
	const char *text = variable("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT");
	long ms;

	text = text ? text : variable("OTEL_EXPORTER_OTLP_TIMEOUT");
	ms = text ? strtol(text, NULL, 10) : 0;
	return ms < 1 ? TIMEOUT_MS : ms > TIMEOUT_MAX ? TIMEOUT_MAX : ms;
}

/* Send the request BODY with HEADERS by curl. If that fails, SAID receives curl's reason. */
static bool run_curl(const struct settings *s, const char *url, int body, int headers,
		     struct tail *said)
{
	char path[4096];
	char header_file[32];
	char seconds[32];
	struct identity id;
	struct error err = {0};
	int fds[2];
	int status;
	char *argv[] = {(char *)"curl",
			(char *)"-q",
			(char *)"-sS",
			(char *)"--fail",
			(char *)"--proto",
			(char *)"=http,https",
			(char *)"--max-time",
			seconds,
			(char *)"-o",
			(char *)"/dev/null",
			(char *)"-H",
			(char *)"Content-Type: application/json",
			(char *)"-H",
			header_file,
			(char *)"--data-binary",
			(char *)"@-",
			(char *)"--url",
			(char *)(uintptr_t)url,
			NULL};

	(void)snprintf(header_file, sizeof header_file, "@/dev/fd/%d", HEADERS_FD);
	(void)snprintf(seconds, sizeof seconds, "%.3f", (double)timeout_ms() / 1000);
	if (!find_program(getenv("PATH"), "curl", path, sizeof path)) {
		tail_feed(said, "there is no curl on PATH", 24);
		return false;
	}
	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	_cleanup_fd_ int theirs = fds[1];
	_cleanup_fd_ int output = fds[0];
	struct child c = {.path = path,
			  .argv = argv,
			  .envp = environ,
			  .fds = {{body, STDIN_FILENO},
				  {theirs, STDOUT_FILENO},
				  {theirs, STDERR_FILENO},
				  {headers, HEADERS_FD}},
			  .fd_count = 4,
			  .identity = identity_choose_any(s, &id, &err) ? &id : NULL,
			  .new_session = true,
			  .no_core = true};
	pid_t pid = child_start(&c, NULL, &err);
	char buf[512];
	ssize_t n;

	if (pid < 0) {
		tail_feed(said, err.message, strlen(err.message));
		return false;
	}
	fd_close(&theirs);
	while ((n = read(output, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			tail_feed(said, buf, (size_t)n);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void send_spans(const struct settings *s, const struct otlp *o, const char *url)
{
	const char *service = variable("OTEL_SERVICE_NAME");
	struct text body = {0};
	struct text headers = {0};
	struct tail said = {0};
	char host[256] = "";
	size_t len;

	(void)gethostname(host, sizeof host - 1);
	otlp_json(o, service ? service : "hurd-vm", VM_VERSION, host,
		  variable("OTEL_RESOURCE_ATTRIBUTES"), &body);
	add_headers(&headers, variable("OTEL_EXPORTER_OTLP_HEADERS"));
	add_headers(&headers, variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS"));
	_cleanup_fd_ int body_fd = in_memory(&body);
	_cleanup_fd_ int headers_fd = in_memory(&headers);

	if (body_fd < 0 || headers_fd < 0) {
		log_warning("the boot's spans are not sent: %s", strerror(errno));
	} else if (!run_curl(s, url, body_fd, headers_fd, &said)) {
		const char *why = tail_line(&said, &len);

		log_warning("the boot's spans were not sent: %.*s", (int)len, why);
	}
	text_free(&body);
	text_free(&headers);
}

/* ---- following events.jsonl ----------------------------------------------------------------- */

struct follower {
	struct otlp otlp;
	char path[4200];
	off_t at; /* offset of the first unread byte */
	ino_t file;
	size_t len;
	char line[16384];
	bool skips; /* inside a line that is too long */
};

/* Handle one line, possibly cut. True: the start has ended. */
static bool take_line(struct follower *f)
{
	bool ended = !f->skips && otlp_event(&f->otlp, f->line, f->len);

	f->len = 0;
	f->skips = false;
	return ended;
}

/* Read what was appended. Log rotation may have replaced the file. */
static bool look(struct follower *f)
{
	_cleanup_fd_ int fd = open_regular(AT_FDCWD, f->path, O_RDONLY | O_NOFOLLOW, false, NULL);
	char buf[8192];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) != 0)
		return false;
	if ((f->file && st.st_ino != f->file) || st.st_size < f->at)
		f->at = 0;
	f->file = st.st_ino;
	while ((n = pread(fd, buf, sizeof buf, f->at)) > 0) {
		f->at += n;
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] == '\n') {
				if (take_line(f))
					return true;
			} else if (f->len < sizeof f->line - 1) {
				f->line[f->len++] = buf[i];
			} else {
				f->skips = true;
			}
		}
	}
	return false;
}

static volatile sig_atomic_t orphaned;

static void on_orphaned(int sig)
{
	orphaned = sig;
}

/* This process ends with PID 1; outside a container there is time to send PID 1's last events.
 * *WAITING: the mask to wait with. */
static void end_with_parent(sigset_t *waiting)
{
	const struct sigaction note = {.sa_handler = on_orphaned};
	sigset_t term;

	(void)sigemptyset(&term);
	(void)sigaddset(&term, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &term, waiting);
	(void)sigaction(SIGTERM, &note, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* Wait until the start has ended. False: PID 1 has ended before. */
static bool follow(struct follower *f, const char *dir)
{
	_cleanup_fd_ int notes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	const struct timespec moment = {.tv_nsec = (long)LOOK_NS};
	int watch = -1;
	char events[4096];
	sigset_t waiting;

	end_with_parent(&waiting);
	while (!look(f)) {
		struct pollfd p = {.fd = notes, .events = POLLIN};

		if (orphaned)
			return false;
		/* PID 1 creates the directory. */
		if (watch < 0 && notes >= 0 &&
		    (watch = inotify_add_watch(notes, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO)) >=
			    0)
			continue;
		(void)ppoll(&p, 1, watch < 0 ? &moment : NULL, &waiting);
		while (notes >= 0 && read(notes, events, sizeof events) > 0)
			;
	}
	return true;
}

static int run(const struct settings *s, char **envp)
{
	static struct follower f;
	const char *parent = variable("TRACEPARENT");
	bool sampled = true;
	char url[2048];
	struct stat st;

	(void)envp;
	if (fstat(EVENTS_FD, &st) == 0 && S_ISREG(st.st_mode)) {
		f.at = lseek(EVENTS_FD, 0, SEEK_CUR);
		f.file = st.st_ino;
		(void)close(EVENTS_FD);
	}
	(void)snprintf(f.path, sizeof f.path, "%s/events.jsonl", s->log_dir);
	if (!make_url(url, sizeof url))
		return EXIT_BAD_SETTING;
	if (getrandom(f.otlp.trace, sizeof f.otlp.trace, 0) < 0 ||
	    getrandom(f.otlp.ids, sizeof f.otlp.ids, 0) < 0)
		return EXIT_INTERNAL;
	if (access(s->log_dir, F_OK) == 0 && access(s->log_dir, W_OK) != 0) {
		log_warning("the boot's spans are not sent: there is no events.jsonl, because "
			    "VM_LOG_DIR=%s cannot be written",
			    s->log_dir);
		return EXIT_NO_PERMISSION;
	}
	if (parent && !otlp_parent(&f.otlp, parent, &sampled))
		log_warning("TRACEPARENT is not a valid W3C traceparent: the boot's spans "
			    "begin a trace of their own");
	if (!sampled)
		return EXIT_CLEAN;
	if (follow(&f, s->log_dir))
		send_spans(s, &f.otlp, url);
	return EXIT_CLEAN;
}

const struct companion companion_otel = {"otel", wanted, prepare, run};
