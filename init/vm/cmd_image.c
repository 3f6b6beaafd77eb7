/* cmd_image.c - vm image: inspect, check, grow, create and convert disk images with qemu-img(1).
 *
 * Images that qemu-img opens (host/qemu_img.h) have passed the checks of a start (host/image.h) and
 * are not in use. The locks are tested here, because qemu-img's message names neither the guest nor
 * a fix. A new image is renamed to its final name when it is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/file.h"
#include "base/io.h"
#include "base/log.h"
#include "host/confined.h"
#include "host/disk.h"
#include "host/image.h"
#include "host/qemu_img.h"
#include "plan/plan.h"
#include "vm/cmd.h"
#include "vm/foreign_open.h"

/* Processor time limits in s: a check reads all tables, a conversion all data. */
#define CHECK_CPU_S   3600
#define CONVERT_CPU_S 86400

struct request {
	const struct command *self;
	char *const *envp;
	struct settings s;
	char *words[3]; /* non-option arguments */
	int count;
	const char *cluster, *preallocation;
	enum drive_format format;
	enum foreign_format foreign; /* --from-format: a format of another virtual machine */
	bool json, repair;
	char path[4096];    /* path of the image */
	struct image image; /* its descriptor is that of the first layer */
	struct disk disk;   /* the image and its backing files */
};

/* ---- qemu-img ------------------------------------------------------------------------------ */

/* Run Q and print its output. Returns its exit status, or -1 with ERR. */
static int run(const struct request *r, struct qemu_img *q, struct error *err)
{
	struct identity id;
	int status = identity_choose_any(&r->s, &id, err) ? qemu_img_run(q, &r->s, &id, err) : -1;
	struct text shown = {0};

	if (status >= 0 && q->out.bytes)
		qemu_img_names(q, q->out.bytes, r->json, &shown);
	if (shown.bytes && r->json) /* QEMU's JSON is pure ASCII */
		(void)fputs(shown.bytes, stdout);
	else if (shown.bytes)
		escape_print(stdout, shown.bytes);
	(void)fflush(stdout);
	text_free(&shown);
	text_free(&q->out);
	return status;
}

/* ---- the image of the command ------------------------------------------------------------- */

static bool cannot_open(const struct request *r, int why, struct error *err)
{
	return error_set(err, why == ENOENT ? EXIT_NO_IMAGE : EXIT_NO_PERMISSION,
			 "check its name and its mode", "%s: %s", r->path, file_strerror(why));
}

/* Open WORD, or without one the image that a start would use; check it and make sure that no guest
 * uses it. The caller closes R->image.fd. */
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
				 "the built-in guest's disk cannot be changed");
	struct stat st;
	_cleanup_fd_ int fd =
		open_regular(AT_FDCWD, r->path, writable ? O_RDWR : O_RDONLY, true, &st);
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (end < 0)
		return cannot_open(r, errno, err);
	if (writable && image_is_read_only(&st))
		return error_set(err, EXIT_NO_PERMISSION, "make it writable (chmod u+w)",
				 "%s is read-only (mode %04o)", r->path,
				 (unsigned)st.st_mode & 07777);
	r->image = (struct image){.name = r->path, .fd = fd, .size = (uint64_t)end};
	if (!image_check(&r->image, r->format, false, err))
		return false;
	r->disk.layers[r->disk.count++] =
		(struct disk_layer){.fd = fd_take(&fd),
				    .format = r->format,
				    .device = S_ISBLK(st.st_mode),
				    .writable = writable,
				    .virtual_size = r->image.virtual_size};
	return true;
}

/* Refuse while a guest runs on the image. */
static bool is_free(const struct request *r, bool writable, struct error *err)
{
	if (image_check_lock(&r->image, writable, err))
		return true;
	(void)snprintf(err->fix, sizeof err->fix,
		       "stop the guest first (vm stop, docker compose down)");
	return false;
}

/* Open the image and its backing files, unless it is in use. */
static bool open_free(struct request *r, const char *word, bool writable, struct error *err)
{
	return open_image(r, word, writable, err) && is_free(r, writable, err) &&
	       disk_open_backing(&r->s, &r->image, &r->disk, err);
}

/* ---- sizes and options --------------------------------------------------------------------- */

/* Bytes of TEXT, a number with an optional suffix K, M, G or T (powers of 1024); 0 if it is
 * invalid. */
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
		return error_set(err, EXIT_BAD_USAGE, "use a power of two from 512 to 2M",
				 "--cluster-size %s is invalid", r->cluster);
	while (i < sizeof modes / sizeof *modes && strcmp(modes[i], r->preallocation) != 0)
		i++;
	if (i == sizeof modes / sizeof *modes)
		return error_set(err, EXIT_BAD_USAGE, "use off, metadata, falloc or full",
				 "--preallocation %s is invalid", r->preallocation);
	(void)snprintf(out, 160,
		       "compat=1.1,lazy_refcounts=on,cluster_size=%" PRIu64 ",preallocation=%s",
		       cluster, r->preallocation);
	return true;
}

/* qemu-img's file size limit for a disk of SIZE bytes, or for the present image if that is larger.
 */
static size_t disk_bytes(const struct request *r, uint64_t size)
{
	uint64_t most =
		r->image.size > r->image.virtual_size ? r->image.size : r->image.virtual_size;

	return qemu_img_bytes(size > most ? size : most);
}

/* ---- new images ---------------------------------------------------------------------------- */

static bool cannot_make(const char *to, int why, struct error *err)
{
	if (why == EEXIST)
		return error_set(err, EXIT_NO_PERMISSION, "choose another name, or remove it",
				 "%s already exists", to);
	if (why == ENOENT || why == ENOTDIR)
		return error_set(err, EXIT_NO_IMAGE,
				 "name an existing directory; paths are the container's: "
				 "images/NAME is /opt/hurd-image/NAME",
				 "%s: its directory does not exist", to);
	return error_set(err, EXIT_NO_PERMISSION, "make its directory writable", "%s: %s", to,
			 strerror(why));
}

/* Create the file that will become TO, under a temporary name. -1 with ERR. */
static int begin(const char *to, char part[4240], struct error *err)
{
	struct stat st;
	int fd = -1;

	if (lstat(to, &st) == 0)
		errno = EEXIST;
	else
		fd = file_begin_new(to, 0644, part, 4240);
	if (fd < 0)
		(void)cannot_make(to, errno, err);
	return fd;
}

/* Run Q, which writes to FD, the file that begin() created. */
static bool make(const struct request *r, struct qemu_img *q, int fd, const char *part,
		 const char *to, struct error *err)
{
	int status = run(r, q, err);

	if (status == 0)
		return file_commit_new(fd, part, to) || cannot_make(to, errno, err);
	file_drop(part);
	return qemu_img_failed(q, status, err);
}

/* ---- the actions --------------------------------------------------------------------------- */

static bool do_info(struct request *r, struct error *err)
{
	struct qemu_img q;

	if (!open_image(r, r->count ? r->words[0] : NULL, false, err))
		return false;
	qemu_img_begin(&q, "info", r->path);
	qemu_img_word(&q, "-U"); /* a running guest does not conflict with a read */
	qemu_img_word(&q, r->json ? "--output=json" : "--output=human");
	qemu_img_words(
		&q, (const char *const[]){"-f", r->format == FORMAT_RAW ? "raw" : "qcow2", NULL});
	qemu_img_file(&q, r->image.fd, false);
	int status = run(r, &q, err);

	return status == 0 || qemu_img_failed(&q, status, err);
}

static bool do_check(struct request *r, struct error *err)
{
	struct qemu_img q;

	if (!open_free(r, r->count ? r->words[0] : NULL, r->repair, err))
		return false;
	if (r->format == FORMAT_RAW)
		return error_set(err, EXIT_BAD_USAGE, "e2fsck checks the file systems in it",
				 "a raw image has no metadata to check");
	qemu_img_begin(&q, "check", r->path);
	if (r->repair) {
		qemu_img_words(&q, (const char *const[]){"-r", "all", NULL});
		q.file_max = disk_bytes(r, 0);
	}
	qemu_img_disk(&q, &r->disk, r->disk.count);
	q.cpu_s = CHECK_CPU_S;
	q.tell = true;
	int status = run(r, &q, err);

	if (status == 3)
		return error_set(err, EXIT_NOT_READY, "vm image check --repair frees it",
				 "%s has leaked clusters: space is lost, but no data", r->path);
	if (status == 2)
		return error_set(err, EXIT_BAD_IMAGE,
				 "copy it, then vm image check --repair; the guest's file system "
				 "has to be checked afterwards",
				 "%s is damaged", r->path);
	return status == 0 || qemu_img_failed(&q, status, err);
}

static bool grow(struct request *r, uint64_t size, struct error *err)
{
	struct qemu_img q;
	char bytes[32];

	(void)snprintf(bytes, sizeof bytes, "%" PRIu64, (size + 511) / 512 * 512);
	qemu_img_begin(&q, "resize", r->path);
	qemu_img_word(&q, "-q");
	qemu_img_disk(&q, &r->disk, r->disk.count);
	qemu_img_word(&q, bytes);
	q.file_max = disk_bytes(r, size);
	int status = run(r, &q, err);

	return status == 0 || qemu_img_failed(&q, status, err);
}

static bool do_resize(struct request *r, struct error *err)
{
	const char *text = r->words[r->count - 1];
	bool more = *text == '+';
	uint64_t size = parse_size(text + more);

	if (!open_free(r, r->count == 2 ? r->words[0] : NULL, true, err))
		return false;
	uint64_t old = r->image.virtual_size;

	if (size == 0)
		return error_set(err, EXIT_BAD_USAGE, "give a number of bytes, or 8G, or +4G",
				 "the size %s is invalid", text);
	size += more ? old : 0;
	if (size < old)
		return error_set(err, EXIT_BAD_USAGE, "name a larger size",
				 "%s has %" PRIu64 " bytes: cutting it would cut off what is there",
				 r->path, old);
	if (!grow(r, size, err))
		return false;
	log_info("%s: %.2f GiB, and was %.2f", r->path, (double)size / (1 << 30),
		 (double)old / (1 << 30));
	log_info("the guest does not use the new space yet: create a partition in it (fdisk, then "
		 "mke2fs). Growing the root file system of a Hurd has broken its boot: make a copy "
		 "first");
	return true;
}

static bool do_create(struct request *r, struct error *err)
{
	struct qemu_img q;
	const char *to = r->words[0];
	char part[4240];
	char options[160];
	uint64_t size = parse_size(r->words[1]);
	char bytes[32];

	if (size == 0)
		return error_set(err, EXIT_BAD_USAGE, "give a number of bytes, or 40G",
				 "the size %s is invalid", r->words[1]);
	if (!qcow2_options(r, options, err))
		return false;
	_cleanup_fd_ int fd = begin(to, part, err);

	if (fd < 0)
		return false;
	(void)snprintf(bytes, sizeof bytes, "%" PRIu64, size);
	qemu_img_begin(&q, "create", to);
	qemu_img_words(&q, (const char *const[]){"-q", "-f", "qcow2", "-o", options, NULL});
	qemu_img_new(&q, fd);
	qemu_img_word(&q, bytes);
	q.file_max = qemu_img_bytes(size);
	return make(r, &q, fd, part, to, err);
}

static bool do_convert(struct request *r, struct error *err)
{
	struct qemu_img q;
	const char *to = r->words[1];
	char part[4240];
	char options[160];

	uint64_t size = 0;
	_cleanup_fd_ int from = -1;

	if (!qcow2_options(r, options, err))
		return false;
	if (r->foreign) {
		(void)snprintf(r->path, sizeof r->path, "%s", r->words[0]);
		from = foreign_open(&r->s, r->path, r->foreign, &size, err);
	}
	if (r->foreign ? from < 0 : !open_free(r, r->words[0], false, err))
		return false;
	_cleanup_fd_ int fd = begin(to, part, err);

	if (fd < 0)
		return false;
	qemu_img_begin(&q, "convert", r->path);
	qemu_img_words(
		&q, (const char *const[]){"-t", "writeback", "-O", "qcow2", "-o", options, NULL});
	if (r->foreign)
		qemu_img_foreign(&q, from, foreign_driver(r->foreign));
	else
		qemu_img_disk(&q, &r->disk, r->disk.count);
	qemu_img_new(&q, fd);
	q.cpu_s = CONVERT_CPU_S;
	q.file_max = qemu_img_bytes(r->foreign ? size : r->image.virtual_size);
	return make(r, &q, fd, part, to, err);
}

/* ---- the command line ---------------------------------------------------------------------- */

static const struct action {
	const char *name;
	int least, most; /* number of words */
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
		else if (strcmp(argv[i], "--from-format") == 0 && value &&
			 foreign_format(argv[i + 1]) && strcmp(argv[1], "convert") == 0)
			r->foreign = foreign_format(argv[++i]);
		else if ((strcmp(argv[i], "--format") == 0 ||
			  strcmp(argv[i], "--from-format") == 0) &&
			 value &&
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
		return cmd_usage(self, argc > 1 ? "there is no" : "an action is missing",
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
	confined_hold(true);
	bool ok = action->run(&r, &err);

	disk_close(&r.disk);
	confined_hold(false); /* from here on a signal ends this process */
	if (!ok)
		error_report(&err);
	return ok ? EXIT_CLEAN : (int)err.status;
}
