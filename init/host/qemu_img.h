/* qemu_img.h - runs qemu-img(1), or a similar tool, on files that are already open.
 *
 * qemu-img reads untrusted files. It runs as QEMU's user or, if that user cannot open a file, as
 * the file's owner, without capabilities, under the limits of struct child's `confined` and, if the
 * kernel has Landlock, of a ruleset with its libraries and its files only. It opens our descriptors
 * again as /proc/self/fd/N, each with an explicit format: no name is interpreted as a protocol, no
 * format is probed, and no backing file is opened by the name in an image.
 */
#ifndef VM_HOST_QEMU_IMG_H
#define VM_HOST_QEMU_IMG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "config/settings.h"
#include "format/text.h"
#include "host/child.h"
#include "host/disk.h"
#include "host/privileges.h"

#define QEMU_IMG_FILES (DISK_LAYERS_MAX + 1)
#define QEMU_IMG_WORDS 16

/* Limit of processor time for operations that only change or read tables. */
#define QEMU_IMG_CPU_S 60

struct qemu_img {
	const char *tool;   /* "qemu-img" */
	const char *action; /* "info", "snapshot", ... */
	const char *name;   /* name of its first file in messages */
	unsigned cpu_s;	    /* limit of processor time; initially QEMU_IMG_CPU_S */
	size_t file_max;    /* limit of the size of a file that it writes, bytes; 0: none */
	size_t memory;	    /* limit of its address space, bytes; 0: none */
	bool tell;	    /* log all of its standard error, not just the error */
	unsigned wall_s;    /* limit of the total time; 0: none */
	/* Handles a watched system call (host/seccomp.h), with ARG; false ends the tool. NULL:
	 * nothing is watched. */
	bool (*watched)(int watch, void *arg);
	void *watched_arg;
	int watch;
	bool unwatched;	 /* ended at once, because the kernel cannot watch it */
	struct text out; /* its standard output; text_free() */

	struct qemu_img_file {
		int fd;
		bool writable, lent;
		struct stat st; /* of a file that is lent, before that */
	} files[QEMU_IMG_FILES];
	int file_count, word_count;
	int first_fd; /* descriptor number of the first file in the child */
	const char *words[QEMU_IMG_WORDS + 1]; /* its arguments, including the program's name */
	char image[2048], paths[QEMU_IMG_FILES][32]; /* texts generated here */
	char program[4200];
	struct identity identity; /* its user */
	struct child child;
	int ruleset;
	bool landlock_off; /* it did not start under the ruleset, and runs without it */
	char said[400];	   /* its error */
	int told;	   /* number of lines of standard error */
	bool late;	   /* it exceeded WALL_S */
};

/* Begin `qemu-img ACTION` on the file called NAME in messages. Q contains pointers to itself and
 * must not be moved. */
void qemu_img_begin(struct qemu_img *q, const char *action, const char *name);
/* The same for another TOOL, which is in the same directories or in those for administrators. */
void qemu_img_begin_tool(struct qemu_img *q, const char *tool, const char *action,
			 const char *name);

/* Add one argument, which must stay valid. */
void qemu_img_word(struct qemu_img *q, const char *word);
void qemu_img_words(struct qemu_img *q, const char *const *words); /* NULL-terminated */

/* Add the file FD, by its path. Its format must be given before, so that qemu-img does not probe
 * it. */
void qemu_img_file(struct qemu_img *q, int fd, bool writable);

/* Add the new file FD, which has no name yet: it is lent to the user that qemu-img runs as. */
void qemu_img_new(struct qemu_img *q, int fd);

/* Add the first COUNT layers of DISK as one image, without the lower layers. */
void qemu_img_disk(struct qemu_img *q, const struct disk *disk, int count);

/* Add the file FD, an image of QEMU's format DRIVER, without files that it may name. */
void qemu_img_foreign(struct qemu_img *q, int fd, const char *driver);

/* RLIMIT_FSIZE for a disk of SIZE bytes as qcow2, including its tables and leftovers of earlier
 * tables. */
size_t qemu_img_bytes(uint64_t size);

/* Prepare Q->child; ID is QEMU's user. Call qemu_img_end() afterwards, in any case: once the child
 * runs if no file is lent, otherwise after its end. It returns whether lent files are ours again;
 * if not, errno has the reason. Errors: no qemu-img beside VM_QEMU or in the system's directories
 * (EXIT_QEMU_FAILED); neither QEMU's user nor the file's owner may open a file
 * (EXIT_NO_PERMISSION). */
bool qemu_img_prepare(struct qemu_img *q, const struct settings *s, const struct identity *id,
		      struct error *err);
bool qemu_img_end(struct qemu_img *q);

/* Run it to its end and return its exit status; Q->out and Q->said contain its output. -1 with ERR,
 * also if a signal ended it, or if SIGTERM or SIGINT, which the caller has blocked
 * (confined_hold()), is pending (EXIT_CLEAN). */
int qemu_img_run(struct qemu_img *q, const struct settings *s, const struct identity *id,
		 struct error *err);

/* Set ERR (EXIT_QEMU_FAILED) for a non-zero exit STATUS. Returns false. */
bool qemu_img_failed(const struct qemu_img *q, int status, struct error *err);

/* TEXT of its output with the paths that it was given replaced by the name of Q's first file, as
 * JSON text or plain. */
void qemu_img_names(const struct qemu_img *q, const char *text, bool json, struct text *out);

#endif
