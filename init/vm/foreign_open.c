/* foreign_open.c - see foreign_open.h. */
#include "vm/foreign_open.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/io.h"
#include "format/json.h"
#include "host/confined.h"
#include "host/image.h"
#include "host/qemu_img.h"

/* Upper bound for the disk of another virtual machine. */
#define DISK_MAX (INT64_C(64) << 40)

struct task {
	const char *name;
	enum foreign_format format;
};

/* In the child: the descriptor CONFINED_IN. */
static bool inspect(const void *arg, void *answer, struct error *err)
{
	const struct task *t = arg;
	uint8_t head[FOREIGN_HEAD] = {0};
	uint8_t tail[FOREIGN_TAIL] = {0};
	struct stat st;

	if (fstat(CONFINED_IN, &st) != 0 || pread(CONFINED_IN, head, sizeof head, 0) < 0 ||
	    (st.st_size >= FOREIGN_TAIL &&
	     pread(CONFINED_IN, tail, sizeof tail, st.st_size - FOREIGN_TAIL) < 0))
		return error_set(err, EXIT_NO_PERMISSION, "make it readable for the container",
				 "%s: %s", t->name, strerror(errno));
	*(enum foreign_state *)answer = foreign_state(t->format, head, tail);
	return true;
}

static bool is_whole(int fd, const char *path, enum foreign_format format, struct error *err)
{
	const struct task t = {path, format};
	enum foreign_state state = FOREIGN_OTHER;

	if (!confined_query(path, fd, inspect, &t, &state, sizeof state, err))
		return false;
	if (state == FOREIGN_WHOLE)
		return true;
	if (state == FOREIGN_PARTS)
		return error_set(err, EXIT_BAD_IMAGE,
				 "export it from the other virtual machine as a single file",
				 "%s is only part of a disk: it refers to other files", path);
	return error_set(err, EXIT_BAD_IMAGE,
			 "name its format: --from-format vmdk, vdi, vhdx, vpc, qcow2 or raw",
			 "%s is not a %s image", path, foreign_driver(format));
}

/* TEXT is the output of `qemu-img info`, which a malicious image may control. */
static bool read_size(struct text *text, const char *path, uint64_t *size, struct error *err)
{
	static struct json_value values[512];
	struct json doc = {.values = values, .room = 512};
	int64_t n = 0;

	if (!text->bytes || !json_parse(&doc, text->bytes, strlen(text->bytes)) ||
	    !json_integer(&doc, values, "virtual-size", &n) || n <= 0 || n > DISK_MAX)
		return error_set(
			err, EXIT_BAD_IMAGE,
			"run qemu-img info on it: the file may be truncated, or of another format",
			"%s: qemu-img does not report the size of its disk", path);
	if (json_get(&doc, values, "backing-filename"))
		return error_set(err, EXIT_BAD_IMAGE,
				 "export it from the other virtual machine as a single file",
				 "%s is only part of a disk: it refers to other files", path);
	*size = (uint64_t)n;
	return true;
}

static bool ask_size(const struct settings *s, int fd, const char *path, enum foreign_format format,
		     uint64_t *size, struct error *err)
{
	static struct qemu_img q;
	struct identity id;

	qemu_img_begin(&q, "info", path);
	qemu_img_word(&q, "--output=json");
	qemu_img_foreign(&q, fd, foreign_driver(format));
	int status = identity_choose_any(s, &id, err) ? qemu_img_run(&q, s, &id, err) : -1;
	bool ok = status == 0 && read_size(&q.out, path, size, err);

	text_free(&q.out);
	return ok || (status > 0 && qemu_img_failed(&q, status, err));
}

int foreign_open(const struct settings *s, const char *path, enum foreign_format format,
		 uint64_t *size, struct error *err)
{
	struct stat st;
	_cleanup_fd_ int fd = open_regular(AT_FDCWD, path, O_RDONLY, false, &st);
	const struct image image = {.name = path, .fd = fd};

	if (fd < 0) {
		(void)error_set(err, errno == ENOENT ? EXIT_NO_IMAGE : EXIT_NO_PERMISSION,
				"check its name and its mode", "%s: %s", path,
				file_strerror(errno));
		return -1;
	}
	return is_whole(fd, path, format, err) && image_check_lock(&image, false, err) &&
			       ask_size(s, fd, path, format, size, err)
		       ? fd_take(&fd)
		       : -1;
}
