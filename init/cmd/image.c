/* image.c - vm image: look at, check, grow, make and convert disk images with qemu-img(1).
 *
 * What qemu-img opens has passed the checks of a start first (host/image.h), and is not in use: its
 * locks are asked for here, because what qemu-img says of them names neither guest nor way out. New
 * images get the papers' options, and their name when they are whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "guest/plan.h"
#include "host/child.h"
#include "host/disk.h"
#include "host/image.h"

#define ARGS 16

struct request {
	const struct command *self;
	char *const *envp;
	struct settings s;
	char *words[3]; /* what is no option */
	int count;
	const char *cluster, *preallocation;
	enum drive_format format;
	bool json, repair;
	char path[4096]; /* of the image that is meant */
	struct image image;
};

static const char *format_name(enum drive_format format)
{
	return format == FORMAT_RAW ? "raw" : "qcow2";
}

/* ---- qemu-img ------------------------------------------------------------------------------ */

/* Run it on our own output; its exit status, or -1 with ERR. */
static int qemu_img(const struct request *r, char *const argv[], struct error *err)
{
	char program[256];
	int status;

	if (!find_program(getenv("PATH"), "qemu-img", program, sizeof program)) {
		(void)error_set(err, EXIT_QEMU_FAILED, "install it (Debian: qemu-utils)",
				"there is no qemu-img on PATH");
		return -1;
	}
	struct child c = {.path = program,
			  .argv = argv,
			  .envp = r->envp,
			  .fds = {{STDOUT_FILENO, STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}},
			  .fd_count = 2,
			  .die_with_parent = true};
	pid_t pid = child_start(&c, NULL, err);

	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_INTERNAL;
}

static bool failed(struct error *err, int status, const char *what)
{
	return status < 0 ? false
			  : error_set(err, EXIT_QEMU_FAILED, "see what qemu-img says above",
				      "qemu-img %s ended with status %d", what, status);
}

/* ---- the image that is meant --------------------------------------------------------------- */

/* WORD, or without one the image that a start would use: open it, look at it, and make sure that
 * nobody has it. R->image.fd is the caller's. */
static bool open_image(struct request *r, const char *word, bool writable, struct error *err)
{
	static struct errors errs;
	bool embedded = false;

	if (word)
		(void)snprintf(r->path, sizeof r->path, "%s", word);
	else if (!disk_find(&r->s, r->path, &embedded, &errs) || !r->path[0])
		return errs.count
			       ? (*err = errs.list[0], false)
			       : error_set(err, EXIT_NO_IMAGE, "name an image", "no disk is set");
	if (embedded && writable)
		return error_set(err, EXIT_NO_IMAGE, "name an image, or set QEMU_DRIVE",
				 "the built-in guest's disk stays as it is");
	r->image = (struct image){.name = r->path,
				  .fd = open(r->path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC)};
	off_t end = r->image.fd < 0 ? -1 : lseek(r->image.fd, 0, SEEK_END);

	if (end < 0)
		return error_set(err, errno == ENOENT ? EXIT_NO_IMAGE : EXIT_NO_PERMISSION,
				 "check its name and its mode", "%s: %s", r->path, strerror(errno));
	r->image.size = (uint64_t)end;
	return image_check(&r->image, r->format, false, err);
}

/* Not while a guest runs on it. */
static bool is_free(const struct request *r, bool writable, struct error *err)
{
	if (image_check_lock(&r->image, writable, err))
		return true;
	(void)snprintf(err->fix, sizeof err->fix,
		       "stop the guest first (vm stop, docker compose down)");
	return false;
}

/* qemu-img would open a backing file by the name that the image gives. */
static bool stands_alone(const struct request *r, struct error *err)
{
	const char *base = r->image.backing;

	if (!base[0] || (r->s.backing == BACKING_ALLOW && !strpbrk(base, "/:")))
		return true;
	return error_set(err, EXIT_BAD_IMAGE,
			 "set QEMU_BACKING=allow if you trust it and it lies in the same directory",
			 "%s has a backing file, %.200s", r->path, base);
}

/* ---- sizes and options --------------------------------------------------------------------- */

/* Bytes of TEXT, a number with an optional K, M, G or T (powers of 1024); 0 when it is none. */
static uint64_t parse_size(const char *text)
{
	static const char suffixes[] = "KMGT";
	char *end;
	const char *suffix;

	errno = 0;
	uint64_t n = *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;

	if (n == 0 || errno || (*end && end[1]))
		return 0;
	if (!*end)
		return n;
	suffix = strchr(suffixes, *end & ~0x20);
	unsigned shift = suffix ? 10 * (unsigned)(suffix - suffixes + 1) : 64;

	return shift < 64 && n <= (UINT64_C(1) << 62) >> shift ? n << shift : 0;
}

static bool qcow2_options(const struct request *r, char out[160], struct error *err)
{
	static const char *const modes[] = {"off", "metadata", "falloc", "full"};
	uint64_t cluster = parse_size(r->cluster);
	size_t i = 0;

	if (cluster < 512 || cluster > 2 << 20 || (cluster & (cluster - 1)) != 0)
		return error_set(err, EXIT_BAD_USAGE, "a power of two from 512 to 2M",
				 "--cluster-size %s", r->cluster);
	while (i < sizeof modes / sizeof *modes && strcmp(modes[i], r->preallocation) != 0)
		i++;
	if (i == sizeof modes / sizeof *modes)
		return error_set(err, EXIT_BAD_USAGE, "off, metadata, falloc or full",
				 "--preallocation %s", r->preallocation);
	(void)snprintf(out, 160,
		       "compat=1.1,lazy_refcounts=on,cluster_size=%" PRIu64 ",preallocation=%s",
		       cluster, r->preallocation);
	return true;
}

/* PART, synced, becomes TO. */
static bool finish(const char *part, const char *to, struct error *err)
{
	_cleanup_fd_ int fd = open(part, O_RDONLY | O_CLOEXEC);

	return (fd >= 0 && file_commit(fd, part, to)) ||
	       error_set(err, EXIT_NO_PERMISSION, "see that its directory can be written", "%s: %s",
			 to, strerror(errno));
}

static bool is_new(const char *to, char part[4200], struct error *err)
{
	(void)snprintf(part, 4200, "%s.part", to);
	return access(to, F_OK) != 0 ||
	       error_set(err, EXIT_NO_PERMISSION, "choose another name, or remove it",
			 "%s is there already", to);
}

/* ---- the actions --------------------------------------------------------------------------- */

static bool do_info(struct request *r, struct error *err)
{
	if (!open_image(r, r->count ? r->words[0] : NULL, false, err))
		return false;
	/* -U: a running guest does not mind being looked at. */
	char *argv[ARGS] = {"qemu-img", "info", "-U", "-f", (char *)format_name(r->format),
			    r->path};

	if (r->json) {
		argv[5] = "--output=json";
		argv[6] = r->path;
	}
	int status = qemu_img(r, argv, err);

	return status == 0 || failed(err, status, "info");
}

static bool do_check(struct request *r, struct error *err)
{
	char *argv[ARGS] = {"qemu-img", "check", "-f", "qcow2", r->path};

	if (!open_image(r, r->count ? r->words[0] : NULL, r->repair, err) ||
	    !is_free(r, r->repair, err) || !stands_alone(r, err))
		return false;
	if (r->format == FORMAT_RAW)
		return error_set(err, EXIT_BAD_USAGE, "e2fsck looks at the file systems in it",
				 "a raw image has nothing that could be checked");
	if (r->repair) {
		argv[4] = "-r";
		argv[5] = "all";
		argv[6] = r->path;
	}
	int status = qemu_img(r, argv, err);

	if (status == 3)
		return error_set(err, EXIT_NOT_READY, "vm image check --repair gives it back",
				 "%s has lost room, and no data (leaked clusters)", r->path);
	if (status == 2)
		return error_set(err, EXIT_BAD_IMAGE,
				 "copy it, then vm image check --repair; the guest's file system "
				 "has to be checked afterwards",
				 "%s is damaged", r->path);
	return status == 0 || failed(err, status, "check");
}

static bool do_resize(struct request *r, struct error *err)
{
	const char *text = r->words[r->count - 1];
	bool more = *text == '+';
	uint64_t size = parse_size(text + more);
	char bytes[32];

	if (!open_image(r, r->count == 2 ? r->words[0] : NULL, true, err) ||
	    !is_free(r, true, err) || !stands_alone(r, err))
		return false;
	uint64_t old = r->image.virtual_size;

	if (size == 0)
		return error_set(err, EXIT_BAD_USAGE, "a number of bytes, or 8G, or +4G", "size %s",
				 text);
	size += more ? old : 0;
	if (size < old)
		return error_set(err, EXIT_BAD_USAGE, "name a larger size",
				 "%s has %" PRIu64 " bytes: cutting it would cut off what is there",
				 r->path, old);
	(void)snprintf(bytes, sizeof bytes, "%" PRIu64, (size + 511) / 512 * 512);
	char *argv[ARGS] = {"qemu-img", "resize", "-f", (char *)format_name(r->format),
			    r->path,	bytes};
	int status = qemu_img(r, argv, err);

	if (status != 0)
		return failed(err, status, "resize");
	log_info("%s: %.2f GiB, and was %.2f", r->path, (double)size / (1 << 30),
		 (double)old / (1 << 30));
	log_info(
		"in the guest nothing has grown yet: make a new partition in the free room (fdisk, "
		"then mke2fs). Growing the root file system of a Hurd has broken its boot: keep a "
		"copy if you try");
	return true;
}

static bool do_create(struct request *r, struct error *err)
{
	char part[4200];
	char options[160];
	uint64_t size = parse_size(r->words[1]);
	char bytes[32];

	if (size == 0)
		return error_set(err, EXIT_BAD_USAGE, "a number of bytes, or 40G", "size %s",
				 r->words[1]);
	if (!qcow2_options(r, options, err) || !is_new(r->words[0], part, err))
		return false;
	(void)snprintf(bytes, sizeof bytes, "%" PRIu64, size);
	char *argv[ARGS] = {"qemu-img", "create", "-q", "-f", "qcow2", "-o", options, part, bytes};
	int status = qemu_img(r, argv, err);

	if (status == 0)
		return finish(part, r->words[0], err);
	(void)unlink(part);
	return failed(err, status, "create");
}

static bool do_convert(struct request *r, struct error *err)
{
	char part[4200];
	char options[160];

	if (!qcow2_options(r, options, err) || !open_image(r, r->words[0], false, err) ||
	    !is_free(r, false, err) || !stands_alone(r, err) || !is_new(r->words[1], part, err))
		return false;
	char *argv[ARGS] = {
		"qemu-img", "convert", "-t", "writeback", "-f",	   (char *)format_name(r->format),
		"-O",	    "qcow2",   "-o", options,	  r->path, part};
	int status = qemu_img(r, argv, err);

	if (status == 0)
		return finish(part, r->words[1], err);
	(void)unlink(part);
	return failed(err, status, "convert");
}

/* ---- the command line ---------------------------------------------------------------------- */

static const struct action {
	const char *name;
	int least, most; /* words */
	bool (*run)(struct request *r, struct error *err);
} actions[] = {
	{"info", 0, 1, do_info},     {"check", 0, 1, do_check},	    {"resize", 1, 2, do_resize},
	{"create", 2, 2, do_create}, {"convert", 2, 2, do_convert},
};

static bool read_arguments(struct request *r, int argc, char **argv, int *status)
{
	for (int i = 2; i < argc; i++) {
		bool value = i + 1 < argc;

		if (strcmp(argv[i], "--json") == 0)
			r->json = true;
		else if (strcmp(argv[i], "--repair") == 0)
			r->repair = true;
		else if (strcmp(argv[i], "--cluster-size") == 0 && value)
			r->cluster = argv[++i];
		else if (strcmp(argv[i], "--preallocation") == 0 && value)
			r->preallocation = argv[++i];
		else if (strcmp(argv[i], "--format") == 0 && value &&
			 (strcmp(argv[i + 1], "raw") == 0 || strcmp(argv[i + 1], "qcow2") == 0))
			r->format = strcmp(argv[++i], "raw") == 0 ? FORMAT_RAW : FORMAT_QCOW2;
		else if (argv[i][0] != '-' && r->count < 3)
			r->words[r->count++] = argv[i];
		else {
			*status = cmd_usage(r->self,
					    "unknown argument, or its value is missing:", argv[i]);
			return false;
		}
	}
	return true;
}

int cmd_image(const struct command *self, int argc, char **argv, char **envp)
{
	static struct request r;
	static struct errors errs;
	const struct action *action = NULL;
	struct error err = {0};
	int status;

	for (size_t i = 0; argc > 1 && i < sizeof actions / sizeof *actions; i++)
		if (strcmp(argv[1], actions[i].name) == 0)
			action = &actions[i];
	if (!action)
		return cmd_usage(self, argc > 1 ? "there is no" : "what is to be done?",
				 argc > 1 ? argv[1] : NULL);
	if (!settings_parse(envp, &r.s, &errs)) {
		errors_report(&errs);
		return errors_status(&errs);
	}
	r = (struct request){.self = self,
			     .envp = envp,
			     .s = r.s,
			     .cluster = "64K",
			     .preallocation = "off",
			     .format = (enum drive_format)r.s.drive_format,
			     .image = {.fd = -1}};
	if (!read_arguments(&r, argc, argv, &status))
		return status;
	if (r.count < action->least || r.count > action->most)
		return cmd_usage(self, "too few or too many names for", argv[1]);
	bool ok = action->run(&r, &err);

	fd_close(&r.image.fd);
	if (!ok)
		error_report(&err);
	return ok ? EXIT_CLEAN : (int)err.status;
}
