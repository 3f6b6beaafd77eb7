/* cmd_state_files.c - vm state-files: internal helper of PID 1 for operations on the files of a
 * saved state that would block it for too long (pid1/savestate.c, pid1/restore.c).
 *
 *   ahead PART            copy the memory of the running guest to the new state PART
 *   copy PART N [FORMAT [ahead]]   copy N overlays, and the guest's memory in FORMAT, to the new
 *                         state PART; ahead: much of the memory has been copied
 *   commit PART DIR       sync PART to the disk and rename it to DIR
 *   fill BYTES            fill the guest's memory of BYTES from a state in the form `mapped`
 *   unpack BYTES          the same from the form `packed`
 *   repair OVERLAYS       repair the disk of a guest whose state was refused, before it boots
 *   kernel RAMDISKS OVERLAYS   read the kernel of a direct boot from the guest's disk
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/ram_file.h"
#include "host/state_dir.h"
#include "plan/plan_again.h"
#include "proto/between.h"
#include "vm/cmd.h"

#define STATE_FIX "save the state again (vm warm), or remove its directory"

static bool copy(char **args, int n, struct error *err)
{
	int overlays = (int)strtol(args[1], NULL, 10);
	bool packed = n >= 3 && strcmp(args[2], "packed") == 0;
	int ram = STATE_FILES_FD + overlays;

	return state_copy(args[0], STATE_FILES_FD, overlays, n >= 3 ? ram : -1,
			  n == 4 ? ram + 1 : -1, packed ? STATE_FORMAT_PACKED : STATE_FORMAT_MAPPED,
			  err);
}

static bool ahead(char **args, int n, struct error *err)
{
	(void)n;
	return state_copy_ahead(args[0], STATE_FILES_FD, STATE_FILES_FD + 1, err);
}

static bool commit(char **args, int n, struct error *err)
{
	(void)n;
	return state_commit(args[0], args[1], err);
}

static bool fill(char **args, int n, struct error *err)
{
	struct stat st;

	(void)n;
	if (fstat(STATE_FILES_FD, &st) != 0 ||
	    (unsigned long long)st.st_size != strtoull(args[0], NULL, 10))
		return error_set(err, EXIT_BAD_IMAGE, STATE_FIX, "the size of its memory is wrong");
	return ram_copy(STATE_FILES_FD, STATE_FILES_FD + 1) ||
	       error_set(err, EXIT_BAD_IMAGE, STATE_FIX, "its memory: %s", strerror(errno));
}

static bool unpack(char **args, int n, struct error *err)
{
	(void)n;
	return ram_unpack(STATE_FILES_FD, STATE_FILES_FD + 1, strtoull(args[0], NULL, 10), err);
}

static bool repair(char **args, int n, struct error *err)
{
	(void)n;
	return plan_repair(args[0][0] == '0' ? -1 : STATE_FILES_FD, err);
}

static bool kernel(char **args, int n, struct error *err)
{
	int fd = STATE_FILES_FD;
	struct again_files files = {.kernel = fd, .line = fd + 1, .ramdisk = -1, .overlay = -1};
	const char *text;

	(void)n;
	fd += 2;
	if (args[0][0] != '0')
		files.ramdisk = fd++;
	if (args[1][0] != '0')
		files.overlay = fd++;
	if (!plan_read_kernel(&files, &text, err))
		return false;
	(void)printf("%s\n", text); /* PID 1's new line for vm status */
	return true;
}

int cmd_state_files(const struct command *self, int argc, char **argv, char **envp)
{
	static const struct {
		const char *name;
		int least, most; /* number of arguments */
		bool (*run)(char **args, int n, struct error *err);
	} parts[] = {{"copy", 2, 4, copy},    {"ahead", 1, 1, ahead},	{"commit", 2, 2, commit},
		     {"fill", 1, 1, fill},    {"unpack", 1, 1, unpack}, {"repair", 1, 1, repair},
		     {"kernel", 2, 2, kernel}};
	struct error err = {0};
	int n = argc - 2;

	(void)envp;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (argc < 2 || strcmp(argv[1], parts[i].name) != 0 || n < parts[i].least ||
		    n > parts[i].most)
			continue;
		if (parts[i].run(argv + 2, n, &err))
			return EXIT_CLEAN;
		(void)printf("%s\n", err.message); /* PID 1 adds the context */
		return err.status;
	}
	return cmd_usage(self, "wrong arguments", NULL);
}
