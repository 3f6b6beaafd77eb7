/* transfer.c - vm push and vm pull: files into the guest and out of it.
 *
 * One shell script sends, another places; each runs on either side (the local one here, the other
 * in the guest, by ssh or on the serial console), and this program carries the bytes between them.
 * What is sent is a line with a checksum over the contents of all files, then a tar archive. It is
 * unpacked into a directory beside its destination, compared with that checksum from the disk, and
 * renamed into its place: what breaks before leaves nothing there. tar is the system's own on both
 * sides, because it knows that system's owners, holes and special files.
 */
#include "cmd/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "cmd/cmd.h"

/* What both begin with: $1 and $2 are the program that makes checksums, and what sed has to do to
 * leave of its lines the sum alone (names are another matter on each side). sums PATH: one line
 * that stands for the contents of every file there. */
#define SCRIPT_HEAD                                                                                \
	"k=$1 e=$2; shift 2; fail() { echo \"$*\" >&2; exit 1; }; "                                \
	"sums() { find \"$1\" -type f -exec $k {} + | sed -n \"$e\" | LC_ALL=C sort | $k; }; "

/* $1 the path, $2 options for tar. */
static const char send_script[] = SCRIPT_HEAD
	"p=$1; case $p in */*) d=${p%/*}/ b=${p##*/};; *) d=. b=$p;; esac; cd -- \"$d\" || exit; "
	"[ -e \"./$b\" ] || [ -L \"./$b\" ] || fail \"$p: no such file or directory\"; "
	"sums \"./$b\"; exec tar $2 -cf - \"./$b\"";

/* $1 the destination, $2 options for tar, $3 what is sent is called, $4 not empty: into a directory
 * that is there. */
static const char place_script[] = SCRIPT_HEAD
	"d=$1; read -r s || fail nothing has come; "
	"if [ -d \"$d\" ]; then n=$3; elif [ \"$4\" ]; then fail \"$d: no such directory\"; "
	"else case $d in */*) n=${d##*/} d=${d%/*}/;; *) n=$d d=.;; esac; fi; "
	"cd -- \"$d\" || exit; t=.vm-copy.$$; "
	"trap 'rm -rf \"$t\"' EXIT; trap 'exit 1' HUP INT TERM; "
	"mkdir \"$t\" || exit; (cd \"$t\" && tar $2 -xpf -) || exit; "
	"[ \"$(cd \"$t\" && sums \"./$3\")\" = \"$s\" ] || "
	"fail \"$1: what has come differs from what was sent\"; "
	"if [ -d \"$t/$3\" ] && [ ! -L \"$t/$3\" ] && [ -d \"./$n\" ]; "
	"then (cd \"$t/$3\" && tar -cf - .) | (cd \"./$n\" && tar -xpf -) || exit; "
	"elif [ -d \"./$n\" ]; then fail \"$n is a directory there\"; "
	"else mv -f \"$t/$3\" \"./$n\" || exit; fi; sync -f . 2>/dev/null || sync";

/* The programs for checksums, in the order in which they are taken; BusyBox often has no cksum, and
 * older BSDs no sha256sum. */
static const struct sums {
	const char *program;
	const char *sed;
} all_sums[] = {{"sha256sum", "s/^\\\\\\{0,1\\}\\([0-9a-f]\\{64\\}\\) .*/\\1/p"},
		{"cksum", "s/^\\([0-9]\\{1,10\\} [0-9]\\{1,\\}\\) .*/\\1/p"}};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

/* ---- a process of this side ---------------------------------------------------------------- */

/* A child with one end of its input or output in our hands, and its words in a file. */
struct peer {
	pid_t pid;
	int fd; /* reads what it writes, or writes what it reads */
	int words;
};

static bool peer_start(struct peer *p, const char *path, char *const *argv, bool reads,
		       struct error *err)
{
	int fds[2];
	_cleanup_fd_ int words = memfd_create("words", MFD_CLOEXEC);

	if (words < 0 || pipe2(fds, O_CLOEXEC) != 0)
		return error_set(err, EXIT_INTERNAL, "", "no descriptors: %s", strerror(errno));
	_cleanup_fd_ int theirs = fds[reads ? 0 : 1];
	_cleanup_fd_ int ours = fds[reads ? 1 : 0];
	struct child c = {
		.path = path,
		.argv = argv,
		.envp = environ,
		.die_with_parent = true,
		.fds = {{theirs, reads ? STDIN_FILENO : STDOUT_FILENO}, {words, STDERR_FILENO}},
		.fd_count = 2};

	p->pid = child_start(&c, NULL, err);
	if (p->pid < 0)
		return false;
	p->fd = fd_take(&ours);
	p->words = fd_take(&words);
	return true;
}

/* Its exit status, 128 + n for a signal; the last line that it said is put into SAID. */
static int peer_end(struct peer *p, char *said, size_t size)
{
	char text[2048];
	int status = 0;

	fd_close(&p->fd);
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		if (stopped)
			(void)kill(p->pid, SIGTERM);
	off_t end = lseek(p->words, 0, SEEK_END);
	ssize_t n = pread(p->words, text, sizeof text - 1,
			  end > (off_t)sizeof text - 1 ? end - (off_t)sizeof text + 1 : 0);

	fd_close(&p->words);
	n = n < 0 ? 0 : n;
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	text[n] = '\0';
	const char *line = strrchr(text, '\n');

	(void)snprintf(said, size, "%.*s", (int)size - 1, line ? line + 1 : text);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- what this side and the guest have ----------------------------------------------------- */

/* Said three times: on the serial line the kernel may print into one. */
static const char probe_script[] =
	"t=; for c in tar find sort sed sha256sum cksum base64 od dd gzip; do command -v $c "
	">/dev/null 2>&1 && t=\"$t $c\"; done; "
	"case $(tar --version 2>&1) in *GNU*) t=\"$t GNU\";; esac; "
	"for i in 1 2 3; do echo \"($t )\"; done";

#define PROBE_TEXT  4096
#define PROBE_TRIES 3

/* The first list of programs in TEXT that is whole, into OUT: each has a blank on either side. */
static bool find_tools(const char *text, char *out, size_t size)
{
	static const char of_names[] = " abcdefghijklmnopqrstuvwxyzGNU0123456789";

	for (; (text = strchr(text, '(')) != NULL; text++) {
		size_t n = strspn(text + 1, of_names);

		if (text[1 + n] != ')' || n == 0 || n >= size)
			continue;
		memcpy(out, text + 1, n);
		out[n] = '\0';
		return true;
	}
	return false;
}

static bool has(const char *tools, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = tools; (at = strstr(at, name)) != NULL; at += n)
		if (at > tools && at[-1] == ' ' && at[n] == ' ')
			return true;
	return false;
}

static bool has_needed(const char *tools, const char *where, struct error *err)
{
	static const char *const needed[] = {"tar", "find", "sort", "sed"};

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (!has(tools, needed[i]))
			return error_set(err, EXIT_NOT_READY, "install it", "%s has no %s", where,
					 needed[i]);
	return true;
}

/* The program that both sides have; NULL: none. */
static const struct sums *common_sums(const struct transfer *t)
{
	for (size_t i = 0; i < sizeof all_sums / sizeof *all_sums; i++)
		if (has(t->here, all_sums[i].program) && has(t->there, all_sums[i].program))
			return &all_sums[i];
	return NULL;
}

static ssize_t read_words(int fd, char *out, size_t size)
{
	ssize_t n = read_full(fd, out, size - 1);

	out[n < 0 ? 0 : n] = '\0';
	return n;
}

/* What SCRIPT says at PATH's program with ARGV, into OUT; its status, the error in SAID. */
static int ask_peer(const char *path, char *const *argv, char *out, size_t size, char *said,
		    size_t said_size, struct error *err)
{
	struct peer p;

	if (!peer_start(&p, path, argv, false, err))
		return -1;
	(void)read_words(p.fd, out, size);
	return peer_end(&p, said, said_size);
}

static bool probe_here(struct transfer *t, struct error *err)
{
	char said[256];
	char text[PROBE_TEXT];
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)probe_script, NULL};

	if (!find_program(getenv("PATH"), "sh", t->sh, sizeof t->sh))
		return error_set(err, EXIT_INTERNAL, "", "there is no sh on PATH");
	if (ask_peer(t->sh, argv, text, sizeof text, said, sizeof said, err) < 0)
		return false;
	(void)find_tools(text, t->here, sizeof t->here);
	return has_needed(t->here, "this side", err);
}

static bool probe_ssh(struct transfer *t, struct error *err)
{
	char said[256];
	char text[PROBE_TEXT];
	char command[sizeof probe_script + 64] = "sh -c";

	if (!ssh_prepare(&t->s, NULL, GUEST_SSH_S, &t->ssh, err))
		return false;
	(void)cmd_quote(command, sizeof command, probe_script);
	*t->ssh.command = command;
	int status =
		ask_peer(t->ssh.program, t->ssh.argv, text, sizeof text, said, sizeof said, err);

	*t->ssh.command = NULL;
	if (status == 0)
		(void)find_tools(text, t->there, sizeof t->there);
	if (status != 0 && status != -1)
		(void)error_set(err, EXIT_NOT_READY, "vm wait --for ssh waits for it",
				"no ssh into the guest: %s", said);
	return status == 0;
}

static bool probe_serial(struct transfer *t, char **envp, struct error *err)
{
	const struct guest_wish how = {.user = t->user, .stop = &stopped};
	char text[PROBE_TEXT];
	bool told = false;
	int status;

	if (!guest_line_open(&t->s, &how, envp, &t->line, err))
		return false;
	for (int i = 0; i < PROBE_TRIES && !told; i++) {
		_cleanup_fd_ int words = memfd_create("words", MFD_CLOEXEC);

		if (words < 0)
			return error_set(err, EXIT_INTERNAL, "", "no descriptors: %s",
					 strerror(errno));
		if (session_exec(t->line.session, probe_script, 0, words, &status, err) !=
		    SESSION_DONE)
			return err->message[0]
				       ? false
				       : error_set(err, EXIT_NOT_READY, "", "the guest has ended");
		(void)lseek(words, 0, SEEK_SET);
		(void)read_words(words, text, sizeof text);
		told = find_tools(text, t->there, sizeof t->there);
	}
	if (!told)
		return error_set(err, EXIT_NOT_READY, "use --via ssh, or wait until it is quiet",
				 "the guest's kernel prints into everything on the serial console");
	if (has(t->there, "dd") && (has(t->there, "base64") || has(t->there, "od")))
		return true;
	return error_set(err, EXIT_NOT_READY, "install them, or use --via ssh",
			 "the guest has no dd, or neither base64 nor od");
}

bool transfer_open(struct transfer *t, char **envp, struct error *err)
{
	const struct sigaction stop = {.sa_handler = on_signal};
	const struct profile *profile = guest_profile(&t->s, envp, err);

	t->line.lock = -1;
	(void)sigaction(SIGINT, &stop, NULL);
	(void)sigaction(SIGTERM, &stop, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	if (!profile)
		return false;
	if (profile->shell != SHELL_SH)
		return error_set(err, EXIT_BAD_SETTING,
				 "docs/files.md says which guest can do what",
				 "this guest (VM_GUEST=%s) has no files", profile->name);
	if (t->user)
		t->s.login_user = t->user;
	if (!probe_here(t, err))
		return false;
	t->serial = t->via == VIA_SERIAL;
	if (!t->serial && !probe_ssh(t, err)) {
		if (t->via == VIA_SSH)
			return false;
		(void)fprintf(stderr, "vm: over the serial console, which is slow: %s\n",
			      err->message);
		*err = (struct error){0};
		t->serial = true;
	}
	return (!t->serial || probe_serial(t, envp, err)) && has_needed(t->there, "the guest", err);
}

void transfer_close(struct transfer *t)
{
	if (t->line.session)
		session_close(t->line.session, session_logged_in(t->line.session));
	fd_close(&t->line.lock);
}

/* ---- one path ------------------------------------------------------------------------------ */

/* Which options both tars understand: holes are kept by GNU's only; a serial line is slow enough
 * for gzip to pay; the names of this side's users mean nothing there. */
static void tar_options(const struct transfer *t, bool local, char *out, size_t size)
{
	bool holes = has(t->here, "GNU") && has(t->there, "GNU") && local == t->push;
	bool squeeze = t->serial && has(t->here, "gzip") && has(t->there, "gzip");

	/* tar gives a file away first and sets its mode then, which root needs CAP_FOWNER for; our
	 * compose file does not give it to the container. */
	bool keep = geteuid() != 0 || prctl(PR_CAPBSET_READ, CAP_FOWNER) == 1;

	(void)snprintf(out, size, "%s%s%s%s", local ? "--numeric-owner " : "",
		       local && !t->push && !keep ? "--no-same-owner " : "", holes ? "-S " : "",
		       squeeze ? "-z" : "");
}

static bool failed(const struct transfer *t, const char *path, bool there, const char *said,
		   struct error *err)
{
	return error_set(err, EXIT_NOT_READY, "", "%s was not %s: %s: %s", path,
			 t->push ? "pushed" : "pulled", there ? "the guest" : "this side",
			 said[0] ? said : "it failed without a word");
}

/* Carry what comes on FROM to TO. False when TO does not take it. */
static bool carry(const struct transfer *t, int from, int to)
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

static bool copy_ssh(struct transfer *t, const char *path, char *const *argv, char *command,
		     struct error *err)
{
	struct peer here;
	struct peer there;
	char said_here[512];
	char said_there[512];

	*t->ssh.command = command;
	if (!peer_start(&here, t->sh, argv, !t->push, err))
		return false;
	if (!peer_start(&there, t->ssh.program, t->ssh.argv, t->push, err)) {
		(void)peer_end(&here, said_here, sizeof said_here);
		return false;
	}
	struct peer *from = t->push ? &here : &there;
	struct peer *to = t->push ? &there : &here;
	bool taken = carry(t, from->fd, to->fd);
	int from_status = peer_end(from, t->push ? said_here : said_there, sizeof said_here);
	int to_status = peer_end(to, t->push ? said_there : said_here, sizeof said_here);

	if (stopped)
		return error_set(err, EXIT_NOT_READY, "", "%s: interrupted", path);
	/* Whoever stopped first is to blame: the sender, unless the other did not take it. */
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
	struct session_stream stream = {.sha256 = common_sums(t) == &all_sums[0],
					.code = has(t->there, "base64") ? CODE_BASE64 : CODE_DIGITS,
					.progress = t->progress,
					.arg = t->progress_arg};

	if (!peer_start(&here, t->sh, argv, !t->push, err))
		return false;
	stream.fd = here.fd;
	enum session_result result = (t->push ? session_push : session_pull)(
		t->line.session, command, &stream, &status, err);
	int here_status = peer_end(&here, said, sizeof said);

	switch (result) {
	case SESSION_GONE:
		return error_set(err, EXIT_QEMU_FAILED, "", "%s: the guest has ended meanwhile",
				 path);
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

bool transfer_path(struct transfer *t, const char *path, const char *dest, bool into,
		   struct error *err)
{
	static char command[20000];
	static char script[9000];
	char flags[2][64];
	const struct sums *sums = common_sums(t);
	char *name = (char *)(uintptr_t)path_base(path);
	char *yes = (char *)(uintptr_t)(into ? "into" : "");
	const char *sends = t->push ? path : dest; /* the first argument here */
	const char *takes = t->push ? dest : path; /* and there */
	const char *here = t->push ? send_script : place_script;

	tar_options(t, true, flags[0], sizeof flags[0]);
	tar_options(t, false, flags[1], sizeof flags[1]);
	char *argv[] = {(char *)"sh",
			(char *)"-c",
			(char *)(uintptr_t)here,
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
		if (!cmd_quote(script, sizeof script - sizeof place_script - 4, words[i]))
			return error_set(err, EXIT_BAD_USAGE, "", "%s: the name is too long", path);
	size_t n = strlen(script);

	(void)snprintf(script + n, sizeof script - n, "; %s", t->push ? place_script : send_script);
	if (t->serial)
		return copy_serial(t, path, argv, script, err);
	(void)snprintf(command, sizeof command, "sh -c");
	if (!cmd_quote(command, sizeof command, script))
		return error_set(err, EXIT_BAD_USAGE, "", "%s: the name is too long", path);
	return copy_ssh(t, path, argv, command, err);
}
