/* transfer.c - vm push and vm pull: files into the guest and out of it.
 *
 * One shell script sends, another places; one runs here and the other in the guest, by ssh or on
 * the serial console, and this program carries the bytes between them. The stream is a line with a
 * checksum over the contents of all files, then a tar archive. It is unpacked into a directory
 * beside its destination, compared with that checksum by reading the files back, and renamed into
 * place; a failure before that leaves nothing there. A single regular file can be sent without tar
 * to a guest that has none. The guest, and this side when it sends, use the system's tar, because
 * it knows that system's owners, holes and special files. Archives from the guest are unpacked by
 * our own code (vm/cmd_unpack.c), because they may be hostile.
 */
#include "vm/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "vm/cmd.h"
#include "vm/transfer_scripts.h"

static volatile int stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

/* ---- available programs -------------------------------------------------------------------- */

#define PROBE_TEXT  4096
#define PROBE_TRIES 3

/* The checksum program that both sides have; the sums of a pull are computed by our own code. NULL:
 * none. */
static const struct sums *common_sums(const struct transfer *t)
{
	const char *here = t->push ? t->here : t->there;

	return t->file ? transfer_file_sums(here, t->there) : transfer_sums(here, t->there);
}

static ssize_t read_words(int fd, char *out, size_t size)
{
	ssize_t n = read_full(fd, out, size - 1);

	out[n < 0 ? 0 : n] = '\0';
	return n;
}

/* The output of SCRIPT, run by the shell PATH with ARGV, into OUT; returns its status, with the
 * error in SAID. */
static int ask_peer(const char *path, char *const *argv, char *out, size_t size, char *said,
		    size_t said_size, struct error *err)
{
	struct child c = {.path = path, .argv = argv, .envp = environ};
	struct peer p;

	if (!peer_start(&p, &c, false, 0, err))
		return -1;
	(void)read_words(p.fd, out, size);
	return peer_end(&p, said, said_size, &stopped);
}

static bool probe_here(struct transfer *t, struct error *err)
{
	char said[256];
	char text[PROBE_TEXT];
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)transfer_probe, NULL};

	if (!find_program(getenv("PATH"), "sh", t->sh, sizeof t->sh))
		return error_set(err, EXIT_INTERNAL, "set PATH so that sh is found",
				 "there is no sh on PATH");
	if (ask_peer(t->sh, argv, text, sizeof text, said, sizeof said, err) < 0)
		return false;
	(void)transfer_find_tools(text, t->here, sizeof t->here);
	return true;
}

static bool probe_ssh(struct transfer *t, struct error *err)
{
	char said[256];
	char text[PROBE_TEXT];
	char command[PROBE_TEXT] = "sh -c";

	if (!ssh_prepare(&t->s, NULL, GUEST_SSH_S, &t->ssh, err))
		return false;
	(void)cmd_quote(command, sizeof command, transfer_probe);
	*t->ssh.command = command;
	int status =
		ask_peer(t->ssh.program, t->ssh.argv, text, sizeof text, said, sizeof said, err);

	*t->ssh.command = NULL;
	if (status == 0)
		(void)transfer_find_tools(text, t->there, sizeof t->there);
	if (status != 0 && status != -1)
		(void)error_set(err, EXIT_NOT_READY, "vm wait --for ssh waits for it",
				"no ssh into the guest: %s", said);
	return status == 0;
}

static bool probe_serial(struct transfer *t, char **envp, struct error *err)
{
	const struct guest_options how = {.user = t->user, .stop = &stopped};
	char text[PROBE_TEXT];
	bool told = false;
	int status;

	if (!guest_line_open(&t->s, &how, envp, &t->line, err))
		return false;
	for (int i = 0; i < PROBE_TRIES && !told; i++) {
		_cleanup_fd_ int words = file_memory("words");

		if (words < 0)
			return error_set(err, EXIT_INTERNAL,
					 "raise the limit on open files (ulimit -n)",
					 "no descriptors: %s", strerror(errno));
		if (session_exec(t->line.session, transfer_probe, 0, words, &status, err) !=
		    SESSION_DONE)
			return err->message[0] ? false
					       : error_set(err, EXIT_NOT_READY,
							   "start it again; the container's log "
							   "says why it ended",
							   "the guest has ended");
		(void)lseek(words, 0, SEEK_SET);
		(void)read_words(words, text, sizeof text);
		told = transfer_find_tools(text, t->there, sizeof t->there);
	}
	if (!told)
		return error_set(err, EXIT_NOT_READY, "use --via ssh, or wait until it is quiet",
				 "kernel messages disturb all transfers on the serial console");
	if (t->push || (transfer_has(t->there, "dd") && transfer_has(t->there, "tr") &&
			(transfer_has(t->there, "base64") || transfer_has(t->there, "od"))))
		return true;
	return error_set(err, EXIT_NOT_READY, "install them, or use --via ssh",
			 "the guest has no dd or tr, or neither base64 nor od");
}

/* Does the guest, and this side if it sends, have the programs that an archive needs? Otherwise
 * single files are sent to a guest without tar. False with ERR. */
static bool choose_form(struct transfer *t, struct error *err)
{
	struct error why = {0};

	if ((t->push && !transfer_has_tar(t->here, "this side", &why)) ||
	    !transfer_has_tar(t->there, "the guest", &why) || !common_sums(t)) {
		if (!why.message[0])
			(void)error_set(&why, EXIT_NOT_READY, "install one",
					"the guest has neither sha256sum nor cksum");
		t->file = t->push;
		t->no_archive = why;
		if (!t->push)
			*err = why;
	}
	return t->push ? !t->file || transfer_has_file(t->there, err) : !why.message[0];
}

bool transfer_open(struct transfer *t, char **envp, struct error *err)
{
	const struct sigaction stop = {.sa_handler = on_signal};
	const struct guest_preset *preset = running_preset(&t->s, envp, err);

	t->line.lock = -1;
	(void)sigaction(SIGINT, &stop, NULL);
	(void)sigaction(SIGTERM, &stop, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	if (!preset)
		return false;
	if (preset->shell != SHELL_SH)
		return error_set(err, EXIT_BAD_SETTING,
				 "docs/files.md says which guest can do what",
				 "this guest (VM_GUEST=%s) has no files", preset->name);
	if (t->user)
		t->s.login_user = t->user;
	if (!probe_here(t, err))
		return false;
	t->serial = t->via == VIA_SERIAL;
	if (!t->serial && !probe_ssh(t, err)) {
		if (t->via == VIA_SSH)
			return false;
		log_info("over the serial console, which is slow: %s", err->message);
		*err = (struct error){0};
		t->serial = true;
	}
	return (!t->serial || probe_serial(t, envp, err)) && choose_form(t, err);
}

void transfer_close(struct transfer *t)
{
	if (t->line.session)
		session_close(t->line.session, session_logged_in(t->line.session));
	fd_close(&t->line.lock);
}

/* ---- one path ------------------------------------------------------------------------------ */

bool transfer_compresses(const struct transfer *t)
{
	return t->serial && !t->file && transfer_has(t->here, "gzip") &&
	       transfer_has(t->there, "gzip");
}

/* Options that both tars understand: only GNU tar stores holes, and our own reader supports them;
 * gzip pays off on a slow serial line; user names of this side mean nothing in the guest. */
static void tar_options(const struct transfer *t, bool local, char *out, size_t size)
{
	bool holes = (!t->push || transfer_has(t->here, "GNU")) && transfer_has(t->there, "GNU") &&
		     local == t->push;

	(void)snprintf(out, size, "%s%s%s", local ? "--numeric-owner " : "",
		       holes ? "--format=gnu -S " : "", transfer_compresses(t) ? "-z" : "");
}

static bool failed(const struct transfer *t, const char *path, bool there, const char *said,
		   struct error *err)
{
	const char *fix = there ? "check the path, its permissions and the free space in the guest "
				  "(vm exec)"
				: "check the path, its permissions and the free space on this side";

	/* The local unpacker prints a fix, too. */
	return error_set(err, EXIT_NOT_READY, there || t->push || !said[0] ? fix : "",
			 "%s was not %s: %s: %s", path, t->push ? "pushed" : "pulled",
			 there ? "the guest" : "this side",
			 said[0] ? said : "it failed without a message");
}

/* Copy FROM to TO. False if writing fails. */
static bool copy_stream(const struct transfer *t, int from, int to)
{
	static char buf[65536];

	while (!stopped) {
		ssize_t n = read(from, buf, sizeof buf);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		if (!write_all(to, buf, (size_t)n))
			return false;
		t->progress(t->progress_arg, (size_t)n);
	}
	return false;
}

/* Start the local side: a shell that sends, or our own reader, because tar must not be run on data
 * from the guest. */
static bool start_here(struct transfer *t, struct peer *here, char *const *argv, struct error *err)
{
	struct child sh = {.path = t->sh, .argv = argv, .envp = environ};

	if (t->push)
		return peer_start(here, &sh, false, 0, err);
	return destination_start(here, &t->to, common_sums(t)->program, t->member,
				 transfer_compresses(t), t->max_size, err);
}

static bool copy_ssh(struct transfer *t, const char *path, char *const *argv, char *command,
		     struct error *err)
{
	struct peer here;
	struct peer there;
	char said_here[512];
	char said_there[512];

	*t->ssh.command = command;
	if (!start_here(t, &here, argv, err))
		return false;
	struct child ssh = {.path = t->ssh.program, .argv = t->ssh.argv, .envp = environ};

	if (!peer_start(&there, &ssh, t->push, 0, err)) {
		(void)peer_end(&here, said_here, sizeof said_here, &stopped);
		return false;
	}
	struct peer *from = t->push ? &here : &there;
	struct peer *to = t->push ? &there : &here;
	bool taken = copy_stream(t, from->fd, to->fd);
	int from_status =
		peer_end(from, t->push ? said_here : said_there, sizeof said_here, &stopped);
	int to_status = peer_end(to, t->push ? said_there : said_here, sizeof said_here, &stopped);

	if (stopped)
		return error_set(err, EXIT_NOT_READY, "", "%s: interrupted", path);
	/* The side that stopped first failed: the sender, unless the receiver stopped reading. */
	if (from_status != 0 && taken)
		return failed(t, path, !t->push, t->push ? said_here : said_there, err);
	if (to_status != 0)
		return failed(t, path, t->push, t->push ? said_there : said_here, err);
	return taken || failed(t, path, t->push, "", err);
}

static bool copy_serial(struct transfer *t, const char *path, char *const *argv,
			const char *command, struct error *err)
{
	struct peer here;
	char said[512];
	int status = 0;
	enum serial_sum sum = common_sums(t)->kind;
	struct session_stream stream = {.sum = sum,
					.code = sum != SUM_SHELL && transfer_has(t->there, "base64")
							? CODE_BASE64
							: CODE_DIGITS,
					.progress = t->progress,
					.arg = t->progress_arg};

	if (!start_here(t, &here, argv, err))
		return false;
	stream.fd = here.fd;
	enum session_result result = (t->push ? session_push : session_pull)(
		t->line.session, command, &stream, &status, err);
	int here_status = peer_end(&here, said, sizeof said, &stopped);

	switch (result) {
	case SESSION_GONE:
		return error_set(err, EXIT_QEMU_FAILED,
				 "start it again; the container's log says why it ended",
				 "%s: the guest has ended", path);
	case SESSION_FAILED:
		return stopped ? error_set(err, EXIT_NOT_READY, "", "%s: interrupted", path)
			       : false;
	case SESSION_TIMEOUT: return failed(t, path, false, said, err);
	case SESSION_DONE: break;
	}
	bool sender = t->push ? here_status != 0 && here_status != 128 + SIGPIPE : status != 0;

	if (sender || (t->push ? status : here_status) != 0)
		return failed(t, path, t->push ? !sender : sender,
			      t->push == sender ? said : stream.said, err);
	return true;
}

/* Run both sides; COMMAND is the guest's. */
static bool copy(struct transfer *t, const char *path, char *const *argv, const char *script,
		 struct error *err)
{
	static char command[20000];

	if (t->serial)
		return copy_serial(t, path, argv, script, err);
	(void)snprintf(command, sizeof command, "sh -c");
	if (!cmd_quote(command, sizeof command, script))
		return error_set(err, EXIT_BAD_USAGE, "use a shorter path",
				 "%s: the name is too long", path);
	return copy_ssh(t, path, argv, command, err);
}

/* The scripts for one path: the local one, the guest's, and their fourth argument (options for tar,
 * or a file's mode). False with ERR: PATH cannot be sent as a single file. */
static bool choose_scripts(const struct transfer *t, const char *path, const char *scripts[2],
			   char flags[2][64], struct error *err)
{
	struct stat st;

	if (!t->file) {
		tar_options(t, true, flags[0], sizeof flags[0]);
		tar_options(t, false, flags[1], sizeof flags[1]);
		scripts[0] = t->push ? transfer_send : transfer_place;
		scripts[1] = t->push ? transfer_place : transfer_send;
		return true;
	}
	if (lstat(path, &st) != 0)
		return error_set(err, EXIT_NO_IMAGE, "correct the path", "%s: %s", path,
				 strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(
			err, EXIT_NOT_READY,
			"install it; or VM_SHARE=disk gives the guest a disk with SHARE_DIR",
			"%s is not a regular file, and only those can be pushed: %s", path,
			t->no_archive.message);
	flags[0][0] = '\0';
	(void)snprintf(flags[1], sizeof flags[1], "%o", (unsigned)st.st_mode & 07777);
	scripts[0] = transfer_send_file;
	scripts[1] = transfer_place_file;
	return true;
}

bool transfer_path(struct transfer *t, const char *path, const char *dest, bool into,
		   struct error *err)
{
	static char script[9000];
	char flags[2][64];
	const struct sums *sums = common_sums(t);
	char *name = (char *)(uintptr_t)path_base(path);
	char *yes = (char *)(uintptr_t)(into ? "into" : "");
	const char *sends = t->push ? path : dest; /* the first argument here */
	const char *takes = t->push ? dest : path; /* and in the guest */
	const char *scripts[2] = {0};

	if (!choose_scripts(t, path, scripts, flags, err))
		return false;
	char *argv[] = {(char *)"sh",
			(char *)"-c",
			(char *)(uintptr_t)scripts[0],
			(char *)"sh",
			(char *)(uintptr_t)sums->program,
			(char *)(uintptr_t)sums->sed,
			(char *)(uintptr_t)sends,
			flags[0],
			name,
			yes,
			NULL};
	const char *const words[] = {sums->program, sums->sed, takes, flags[1], name, yes};

	(void)snprintf(script, sizeof script, "set --");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!cmd_quote(script, sizeof script - TRANSFER_PLACE_MAX, words[i]))
			return error_set(err, EXIT_BAD_USAGE, "use a shorter path",
					 "%s: the name is too long", path);
	size_t n = strlen(script);

	(void)snprintf(script + n, sizeof script - n, "; %s", scripts[1]);
	if (t->push)
		return copy(t, path, argv, script, err);
	struct error why = {0};

	t->member = name;
	bool ok = destination_open(&t->to, dest, name, into, &why)
			  ? copy(t, path, argv, script, err)
			  : failed(t, path, false, why.message, err);
	if (why.fix[0])
		(void)snprintf(err->fix, sizeof err->fix, "%s", why.fix);
	destination_close(&t->to);
	return ok;
}
