/* cmd_push_pull.c - vm push and vm pull: arguments and progress (the work is done in transfer.h).
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/colour.h"
#include "base/file.h"
#include "base/log.h"
#include "format/tar.h"
#include "vm/cmd.h"
#include "vm/transfer.h"

#define SECOND	 UINT64_C(1000000000)
#define MIB	 1048576.0
#define EVERY_NS (SECOND / 4)

/* Default of vm pull --max-size, in GiB. */
#define MAX_SIZE_G 16

struct progress {
	bool shown; /* standard error is a terminal */
	const char *name;
	uint64_t begun_ns, said_ns, bytes;
	uint64_t total; /* 0: not known */
	unsigned long turn;
};

static void say(struct progress *p, uint64_t now)
{
	double seconds = (double)(now - p->begun_ns) / (double)SECOND;
	double part = p->total ? (double)p->bytes / (double)p->total : -1;
	char text[512];

	p->said_ns = now;
	(void)snprintf(text, sizeof text, "%.2f MiB, %.2f MiB/s  %s", (double)p->bytes / MIB,
		       seconds > 0 ? (double)p->bytes / MIB / seconds : 0, p->name);
	bar_draw(part, p->turn++, text);
}

/* nftw(3) passes no argument to its callback, so the sum is global; in bytes of an archive. */
static uint64_t added;

static int add_member(const char *path, const struct stat *st, int type, struct FTW *where)
{
	static const uint64_t most = 1ull << 50;

	(void)path;
	(void)where;
	added += TAR_BLOCK;
	if (type == FTW_F && S_ISREG(st->st_mode))
		added += ((uint64_t)st->st_size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	return added > most;
}

/* The bytes that will be sent for PATH; 0 if unknown. */
static uint64_t bytes_of(const struct transfer *t, const char *path)
{
	struct stat st;

	if (!t->push || transfer_compresses(t))
		return 0;
	if (t->file)
		return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
	added = 0;
	return nftw(path, add_member, 16, FTW_PHYS) == 0 ? added : 0;
}

static void on_progress(void *arg, size_t n)
{
	struct progress *p = arg;
	uint64_t now = clock_now();

	p->bytes += n;
	if (p->shown && now - p->said_ns >= EVERY_NS)
		say(p, now);
}

/* PATH without trailing slashes. False if it has no last component. */
static bool trim(char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	const char *name = path_base(path);

	return name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* A size with an optional suffix K, M, G or T. False for anything else. */
static bool parse_size(const char *text, uint64_t *out)
{
	static const char units[] = "KMGT";
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	*out = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;

	if (*end && (!unit || end[1]))
		return false;
	for (; unit && unit >= units; unit--) {
		if (*out > INT64_MAX / 1024)
			return false;
		*out *= 1024;
	}
	return *out > 0 && *out <= INT64_MAX;
}

/* Control characters in a name would act on the terminal or be lost. */
static bool plain(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0177)
			return false;
	return true;
}

static int copy_all(struct transfer *t, struct progress *p, char **paths, int count,
		    const char *dest)
{
	struct error err = {0};
	bool into = count > 1 || (dest[0] && dest[strlen(dest) - 1] == '/');

	for (int i = 0; i < count; i++) {
		if (t->serial && !plain(t->push ? dest : paths[i])) {
			(void)error_set(&err, EXIT_BAD_USAGE, "use --via ssh",
					"a name with control characters cannot be typed");
			return cmd_fail(&err);
		}
		*p = (struct progress){.shown = terminal_is_smart(STDERR_FILENO),
				       .name = paths[i],
				       .begun_ns = clock_now()};
		if (p->shown)
			p->total = bytes_of(t, paths[i]);
		bool ok = transfer_path(t, paths[i], dest, into, &err);

		if (p->shown && p->bytes > 0) {
			p->total = ok ? p->bytes : p->total;
			say(p, clock_now());
			(void)fputc('\n', stderr);
		}
		if (!ok)
			return cmd_fail(&err);
	}
	return EXIT_CLEAN;
}

static int copy(const struct command *self, int argc, char **argv, char **envp, bool push)
{
	static struct transfer t;
	static struct errors ignored; /* PID 1 has reported them */
	struct progress p = {0};
	struct error err = {0};
	struct stat st;
	int i = 1;

	t = (struct transfer){.push = push,
			      .max_size = (uint64_t)MAX_SIZE_G << 30,
			      .progress = on_progress,
			      .progress_arg = &p};
	for (; i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") != 0; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(argv[i], "--login") == 0 && value[0])
			t.user = value;
		else if (strcmp(argv[i], "--via") == 0 && strcmp(value, "ssh") == 0)
			t.via = VIA_SSH;
		else if (strcmp(argv[i], "--via") == 0 && strcmp(value, "serial") == 0)
			t.via = VIA_SERIAL;
		else if (!push && strcmp(argv[i], "--max-size") == 0 &&
			 parse_size(value, &t.max_size))
			continue;
		else
			return cmd_usage(self, "unknown option, or its value is invalid:", argv[i]);
	}
	i += i < argc && strcmp(argv[i], "--") == 0;
	if (argc - i < 2)
		return cmd_usage(self, "a path and a destination are needed", NULL);
	for (int j = i; j < argc - 1; j++) {
		if (!trim(argv[j]))
			return cmd_usage(self, "name the directory itself, not", argv[j]);
		if (push && lstat(argv[j], &st) != 0) {
			(void)error_set(&err, EXIT_NO_IMAGE,
					"name a file of this side: in the container, the host's "
					"share/ is /share",
					"%s: no such file or directory", argv[j]);
			return cmd_fail(&err);
		}
	}
	(void)settings_parse(envp, &t.s, &ignored);
	int status = transfer_open(&t, envp, &err)
			     ? copy_all(&t, &p, argv + i, argc - 1 - i, argv[argc - 1])
		     : err.message[0] ? cmd_fail(&err)
				      : (int)err.status;

	transfer_close(&t);
	return status;
}

int cmd_push(const struct command *self, int argc, char **argv, char **envp)
{
	return copy(self, argc, argv, envp, true);
}

int cmd_pull(const struct command *self, int argc, char **argv, char **envp)
{
	return copy(self, argc, argv, envp, false);
}
