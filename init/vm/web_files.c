/* web_files.c - the broker's work in separate processes: the display, pictures, and files into and
 * out of the guest. Answers go to the descriptor REPLY; file contents to standard output. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fds.h"
#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "format/json.h"
#include "host/child.h"
#include "host/listen.h"
#include "host/programs.h"
#include "host/untar.h"
#include "vm/cmd.h"
#include "vm/web_broker.h"

#define SECOND UINT64_C(1000000000)

/* ---- the display ------------------------------------------------------------------------- */

#define QMP_S 3

/* Read a line of QMP without its end. False: none arrived. */
static bool qmp_line(int fd, uint64_t end, char *line, size_t size)
{
	size_t n = 0;

	while (n < size - 1 && read_until(fd, -1, end, line + n, 1) == 1) {
		if (line[n] == '\n') {
			line[n] = '\0';
			return true;
		}
		n++;
	}
	return false;
}

/* Send REQUEST, if any (with FD, if not -1), and read the answer. NULL, or why it failed. */
static const char *qmp_do(int qmp, uint64_t end, const struct json_member *request, int fd)
{
	char text[256];
	static char line[65536];
	static struct json_value values[JSON_VALUES];
	static char why[256];

	if (request && !fds_send(qmp, text, json_line(text, sizeof text, request), &fd, fd >= 0, 0))
		return "QEMU does not take requests";
	while (qmp_line(qmp, end, line, sizeof line)) {
		struct json doc = {.values = values, .room = JSON_VALUES};

		if (!json_parse(&doc, line, strlen(line)))
			return "QEMU's answer is no JSON";
		const struct json_value *error = json_get(&doc, doc.values, "error");
		const char *desc = error ? json_string(&doc, error, "desc") : NULL;

		if (error) {
			(void)snprintf(why, sizeof why, "%s", desc ? desc : "QEMU refuses");
			return why;
		}
		if (json_get(&doc, doc.values, "return") || json_get(&doc, doc.values, "QMP"))
			return NULL;
	}
	return "QEMU does not answer; another program may be connected to qmp.sock";
}

/* A socket whose other end becomes a client of QEMU's VNC server. QEMU never listens: PID 1 hands
 * over the clients of VNC_PORT in the same way (pid1/attach.c). */
int web_display(const struct settings *s, int reply)
{
	const struct json_member *const steps[] = {
		NULL, JSON_LIST(J_TEXT("execute", "qmp_capabilities")),
		JSON_LIST(J_TEXT("execute", "getfd"),
			  J_OBJECT("arguments", J_TEXT("fdname", "web"))),
		JSON_LIST(
			J_TEXT("execute", "add_client"),
			J_OBJECT("arguments", J_TEXT("protocol", "vnc"), J_TEXT("fdname", "web")))};
	char path[RUN_PATH_MAX];
	uint64_t end = clock_now() + QMP_S * SECOND;
	_cleanup_fd_ int qmp = connect_unix(run_path(s, "qmp.sock", path));
	int pair[2];
	const char *why = qmp < 0 ? "no guest runs here" : NULL;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return EXIT_INTERNAL;
	for (size_t i = 0; !why && i < sizeof steps / sizeof *steps; i++)
		why = qmp_do(qmp, end, steps[i], i == 2 ? pair[1] : -1);
	web_reply(reply, why ? EXIT_QEMU_FAILED : EXIT_CLEAN, why, why ? -1 : pair[0]);
	return EXIT_CLEAN;
}

int web_screen(char **envp, int reply)
{
	char answer[4300];
	int status = control_ask(envp, "screenshot", 10, answer, sizeof answer);
	_cleanup_fd_ int fd =
		status ? -1 : open_regular(AT_FDCWD, answer, O_RDONLY | O_NOFOLLOW, false, NULL);

	if (!status)
		(void)unlink(answer);
	if (fd < 0)
		web_reply(reply, status ? status : EXIT_QEMU_FAILED,
			  status ? answer : strerror(errno), -1);
	else
		web_reply(reply, EXIT_CLEAN, NULL, fd);
	return EXIT_CLEAN;
}

/* ---- files --------------------------------------------------------------------------------- */

#define PUSH_MAX   (UINT64_C(4) << 30)
#define PUSH_NAMES 256

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

/* Create a private directory in VM_TMP_DIR, or in /tmp. -1 with the error reported. */
static int make_stage(const struct settings *s, char *path, size_t size)
{
	const struct sigaction stop = {.sa_handler = on_signal};
	char random[RANDOM_HEX];
	const char *const dirs[] = {s->tmp_dir, "/tmp"};

	(void)sigaction(SIGTERM, &stop, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < 2 && random_hex(random); i++) {
		(void)snprintf(path, size, "%s/vm-web-%s", dirs[i], random);
		if (mkdir(path, 0700) == 0)
			return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	log_error("no directory for the files: %s", strerror(errno));
	log_line(LOG_ERROR, "  fix: ", "set VM_TMP_DIR to a directory with room");
	return -1;
}

static void remove_stage(const char *path)
{
	char dir[4096];
	_cleanup_fd_ int fd = path_dir(path, dir, sizeof dir)
				      ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
				      : -1;

	if (fd >= 0)
		remove_tree(fd, path_base(path));
}

/* Run PATH with ARGV in DIRECTORY; returns its status. SIGTERM to this process ends it, too. */
static int run_here(const char *path, char *const *argv, const char *directory)
{
	int status = 0;
	pid_t pid;

	if (directory && chdir(directory) != 0)
		return EXIT_INTERNAL;
	pid = fork();
	if (pid == 0) {
		(void)execv(path, argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		if (stopped)
			(void)kill(pid, SIGTERM);
	return pid < 0 ? EXIT_INTERNAL : WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool unpack(int stage, unsigned long long *files)
{
	static uint8_t buf[65536];
	static struct unpack u;
	ssize_t n = 0;
	bool ok = true;

	unpack_begin(&u, stage, NULL, SUMS_SHA256, PUSH_MAX);
	while (ok && !stopped && (n = read(STDIN_FILENO, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		ok = n > 0 && unpack_feed(&u, buf, (size_t)n);
	}
	ok = ok && !stopped && unpack_end(&u);
	if (!ok)
		log_error("the archive: %s", stopped		? "interrupted"
					     : u.err.message[0] ? u.err.message
								: "it is incomplete");
	*files = u.members - u.refused;
	unpack_free(&u);
	return ok;
}

static void print_count(unsigned long long files)
{
	char text[64];
	size_t n = json_line(text, sizeof text, JSON_LIST(J_INT("files", files)));

	(void)write_all(STDOUT_FILENO, text, n);
}

int web_push(const struct settings *s, const char *to)
{
	static char *argv[PUSH_NAMES + 8] = {(char *)"vm", (char *)"push", (char *)"--"};
	static char dest[4200];
	char vm[4096];
	char path[4200];
	unsigned long long files = 0;
	size_t n = 3;
	_cleanup_fd_ int stage = make_stage(s, path, sizeof path);
	int status = EXIT_BAD_USAGE;
	DIR *dir;

	if (stage < 0)
		return EXIT_INTERNAL;
	bool ok = program_vm(vm, sizeof vm) && unpack(stage, &files);

	dir = ok ? opendir(path) : NULL;
	for (const struct dirent *e; dir && n < PUSH_NAMES && (e = readdir(dir)) != NULL;)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			argv[n++] = strdup(e->d_name);
	if (ok && n == 3) {
		log_error("there is no file in the archive");
		log_line(LOG_ERROR, "  fix: ", "send a tar archive of the files");
	}
	if (ok && n > 3) {
		(void)snprintf(dest, sizeof dest, "%s/", to);
		argv[n] = dest;
		status = run_here(vm, argv, path);
	}
	if (status == EXIT_CLEAN)
		print_count(files);
	if (dir)
		(void)closedir(dir);
	remove_stage(path);
	return status;
}

static void report_no_tar(void)
{
	log_error("there is no program tar");
	log_line(LOG_ERROR, "  fix: ", "install it");
}

int web_pull(const struct settings *s, const char *from)
{
	char vm[4096];
	char tar[4096];
	char path[4200];
	char dest[] = "./";
	char *pull[] = {(char *)"vm", (char *)"pull", (char *)"--", (char *)(uintptr_t)from, dest,
			NULL};
	char *pack[] = {(char *)"tar", (char *)"-cf", (char *)"-", (char *)".", NULL};
	_cleanup_fd_ int stage = make_stage(s, path, sizeof path);
	int status = EXIT_INTERNAL;
	int out;

	if (stage < 0)
		return EXIT_INTERNAL;
	/* Keep vm pull's messages out of the archive. */
	out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	if (!program_vm(vm, sizeof vm) || !find_program(getenv("PATH"), "tar", tar, sizeof tar))
		report_no_tar();
	else if (out >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
		status = run_here(vm, pull, path);
	if (status == EXIT_CLEAN && dup2(out, STDOUT_FILENO) >= 0)
		status = run_here(tar, pack, path);
	remove_stage(path);
	return status;
}
