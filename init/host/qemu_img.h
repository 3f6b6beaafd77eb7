/* qemu_img.h - run qemu-img(1), or a tool like it, on files that are open already.
 *
 * What qemu-img reads was made by others. It runs as QEMU's user, or where that one may not open a
 * file as the file's owner, without capabilities, and under the limits of struct child's `confined`
 * and, where the kernel has Landlock, of a ruleset with its libraries and its files only. The files
 * are descriptors of ours that it opens anew as /proc/self/fd/N, each with its format: no name is
 * taken for a protocol, no format is probed, and no backing file is opened by the name in an image.
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

/* Processor time for what changes or reads tables only. */
#define QEMU_IMG_CPU_S 60

struct qemu_img {
	const char *tool;   /* "qemu-img" */
	const char *action; /* "info", "snapshot", ... */
	const char *name;   /* what people call its first file */
	unsigned cpu_s;	    /* limit on processor time; QEMU_IMG_CPU_S to begin with */
	size_t file_max;    /* limit on the size of a file that it writes, bytes; 0: none */
	size_t memory;	    /* limit on its address space, bytes; 0: none */
	bool tell;	    /* what it prints on standard error is logged, not the error only */
	unsigned wall_s;    /* how long it may take in all; 0: for ever */
	/* Answers a call that is watched (host/seccomp.h), with ARG; false ends the tool. NULL:
	 * nothing is watched. */
	bool (*watched)(int watch, void *arg);
	void *watched_arg;
	int watch;
	bool unwatched;	 /* it was ended at once: the kernel cannot watch it */
	struct text out; /* what it printed on standard output; text_free() */

	struct qemu_img_file {
		int fd;
		bool writable, lent;
		struct stat st; /* of one that is lent, as it was */
	} files[QEMU_IMG_FILES];
	int file_count, word_count;
	int first_fd; /* the number of the first file's descriptor in the child */
	const char *words[QEMU_IMG_WORDS + 1]; /* its arguments, the program's name included */
	char image[2048], paths[QEMU_IMG_FILES][32]; /* those that are made here */
	char program[4200];
	struct identity identity; /* its user */
	struct child child;
	int ruleset;
	bool landlock_off; /* it does not start under the ruleset, and runs without */
	char said[400];	   /* its error */
	int told;	   /* lines of standard error */
	bool late;	   /* it took longer than WALL_S */
};

/* Begin `qemu-img ACTION` on the file that people call NAME. Q holds pointers to itself: it must
 * not be moved. */
void qemu_img_begin(struct qemu_img *q, const char *action, const char *name);
/* The same for another TOOL, which lies in the same directories or in those for administrators. */
void qemu_img_begin_tool(struct qemu_img *q, const char *tool, const char *action,
			 const char *name);

/* One more argument, which must stay. */
void qemu_img_word(struct qemu_img *q, const char *word);
void qemu_img_words(struct qemu_img *q, const char *const *words); /* up to a NULL */

/* The file FD, by its path. It must not be a name that qemu-img probes: say its format before. */
void qemu_img_file(struct qemu_img *q, int fd, bool writable);

/* The new file FD, which has no name yet: it is lent to the user that qemu-img runs as. */
void qemu_img_new(struct qemu_img *q, int fd);

/* The first COUNT layers of DISK as one image; what lies below is left out. */
void qemu_img_disk(struct qemu_img *q, const struct disk *disk, int count);

/* The file FD, an image of QEMU's format DRIVER, without what it may name. */
void qemu_img_foreign(struct qemu_img *q, int fd, const char *driver);

/* RLIMIT_FSIZE for a disk of SIZE bytes as qcow2: its tables and what is left of former ones. */
size_t qemu_img_bytes(uint64_t size);

/* Make Q->child ready to be started; ID is QEMU's user. qemu_img_end() afterwards, in any case:
 * once it runs, where no file is lent, else at its end. It says whether what was lent is ours
 * again; if not, errno says why.
 * Errors: there is no qemu-img beside VM_QEMU or in the system's directories (EXIT_QEMU_FAILED);
 * neither QEMU's user nor the file's owner may open a file (EXIT_NO_PERMISSION). */
bool qemu_img_prepare(struct qemu_img *q, const struct settings *s, const struct identity *id,
		      struct error *err);
bool qemu_img_end(struct qemu_img *q);

/* Run it to its end: its exit status; Q->out and Q->said have what it printed. -1 with ERR, also
 * when it was ended by a signal, or SIGTERM or SIGINT, which the caller has blocked
 * (confined_hold()), is pending (EXIT_CLEAN). */
int qemu_img_run(struct qemu_img *q, const struct settings *s, const struct identity *id,
		 struct error *err);

/* ERR (EXIT_QEMU_FAILED) for the exit STATUS that is not 0. Returns false. */
bool qemu_img_failed(const struct qemu_img *q, int status, struct error *err);

/* TEXT of its output with the name of Q's first file for the paths that it was given, as JSON text
 * or as it is. */
void qemu_img_names(const struct qemu_img *q, const char *text, bool json, struct text *out);

#endif
