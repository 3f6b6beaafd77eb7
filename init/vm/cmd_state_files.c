/* cmd_state_files.c - vm state-files: what PID 1 has done to the files of a saved state, which
 * takes longer than it may (pid1/savestate.c, pid1/restore.c). Not for people.
 *
 *   copy PART N [FORMAT]  N overlays, and the guest's memory in FORMAT, to the new state PART
 *   commit PART DIR       PART goes to the disk and becomes DIR
 *   fill BYTES            the guest's memory of BYTES from a state's, which is in the form `mapped`
 *   unpack BYTES          ... in the form `packed`
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/ram_file.h"
#include "host/state_dir.h"
#include "proto/between.h"
#include "vm/cmd.h"

static bool copy(char **args, int n, struct error *err)
{
	int overlays = (int)strtol(args[1], NULL, 10);
	bool packed = n == 3 && strcmp(args[2], "packed") == 0;

	return state_copy(args[0], STATE_FILES_FD, overlays,
			  n == 3 ? STATE_FILES_FD + overlays : -1,
			  packed ? STATE_FORMAT_PACKED : STATE_FORMAT_MAPPED, err);
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
		return error_set(err, EXIT_BAD_IMAGE, "", "the size of its memory is wrong");
	return ram_copy(STATE_FILES_FD, STATE_FILES_FD + 1) ||
	       error_set(err, EXIT_BAD_IMAGE, "", "its memory: %s", strerror(errno));
}

static bool unpack(char **args, int n, struct error *err)
{
	(void)n;
	return ram_unpack(STATE_FILES_FD, STATE_FILES_FD + 1, strtoull(args[0], NULL, 10), err);
}

int cmd_state_files(const struct command *self, int argc, char **argv, char **envp)
{
	static const struct {
		const char *name;
		int least, most; /* arguments */
		bool (*run)(char **args, int n, struct error *err);
	} parts[] = {{"copy", 2, 3, copy},
		     {"commit", 2, 2, commit},
		     {"fill", 1, 1, fill},
		     {"unpack", 1, 1, unpack}};
	struct error err = {0};
	int n = argc - 2;

	(void)envp;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (argc < 2 || strcmp(argv[1], parts[i].name) != 0 || n < parts[i].least ||
		    n > parts[i].most)
			continue;
		if (parts[i].run(argv + 2, n, &err))
			return EXIT_CLEAN;
		(void)printf("%s\n", err.message); /* PID 1 says what it is about */
		return err.status;
	}
	return cmd_usage(self, "wrong arguments", NULL);
}
