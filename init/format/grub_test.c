/* grub_test.c - GRUB's `test`, also as `[ … ]` (GRUB: commands/test.c). */
#include <stdlib.h>
#include <string.h>

#include "format/grub_internal.h"

struct expression {
	struct grub *g;
	int argc;
	char *const *argv;
	int at;
};

static bool test_file(struct grub *g, char which, const char *name, bool *yes)
{
	char device[GRUB_DEVICE_MAX];
	char path[GRUB_PATH_MAX];

	if (!grub_place(g, name, device, path))
		return false;
	enum grub_kind kind = g->disk->look(g->disk->ctx, device, path);

	*yes = which == 'd'   ? kind == GRUB_DIRECTORY
	       : which == 'e' ? kind != GRUB_NOTHING
	       : which == 's' ? kind == GRUB_FILE
			      : kind == GRUB_FILE || kind == GRUB_EMPTY_FILE;
	return true;
}

/* Binary operators. */
static bool compare(const char *a, const char *op, const char *b, bool *yes)
{
	static const char *const texts[] = {"=", "==", "!=", "<", "<=", ">", ">="};
	static const char *const numbers[] = {"-eq", "-eq", "-ne", "-lt", "-le", "-gt", "-ge"};
	long long order = 0;
	int which = -1;

	for (int i = 0; i < 7; i++)
		if (strcmp(op, texts[i]) == 0) {
			which = i;
			order = strcmp(a, b);
		} else if (strcmp(op, numbers[i]) == 0) {
			which = i;
			order = strtoll(a, NULL, 0) < strtoll(b, NULL, 0)   ? -1
				: strtoll(a, NULL, 0) > strtoll(b, NULL, 0) ? 1
									    : 0;
		}
	if (which < 0)
		return false;
	*yes = which <= 1   ? order == 0
	       : which == 2 ? order != 0
	       : which == 3 ? order < 0
	       : which == 4 ? order <= 0
	       : which == 5 ? order > 0
			    : order >= 0;
	return true;
}

/* One test, with its negations. */
static bool test_one(struct expression *e, bool *yes)
{
	bool invert = false;

	for (; e->at < e->argc && strcmp(e->argv[e->at], "!") == 0; e->at++)
		invert = !invert;
	char *const *argv = e->argv + e->at;
	int left = e->argc - e->at;
	bool ok = true;

	*yes = false;
	if (left >= 3 && compare(argv[0], argv[1], argv[2], yes)) {
		e->at += 3;
	} else if (left >= 2 && argv[0][0] == '-' && argv[0][1] && !argv[0][2]) {
		e->at += 2;
		if (strchr("nz", argv[0][1]))
			*yes = (argv[1][0] != '\0') == (argv[0][1] == 'n');
		else if (strchr("defs", argv[0][1]))
			ok = test_file(e->g, argv[0][1], argv[1], yes);
		else
			ok = grub_refuse(e->g, "test %.20s", argv[0]);
	} else if (left >= 1) {
		e->at += 1;
		*yes = argv[0][0] != '\0';
	}
	*yes ^= invert;
	return ok;
}

bool grub_test(struct grub *g, int argc, char *const *argv, bool *yes)
{
	struct expression e = {.g = g, .argc = argc, .argv = argv};
	bool any = false; /* result of the previous alternatives */
	bool all = true;  /* result of the present one */
	bool one;

	for (;;) {
		if (!test_one(&e, &one))
			return false;
		all &= one;
		if (e.at >= argc)
			break;
		if (strcmp(argv[e.at], "-o") == 0) {
			any |= all;
			all = true;
		} else if (strcmp(argv[e.at], "-a") != 0) {
			return grub_refuse(g, "test: %.40s", argv[e.at]);
		}
		e.at++;
	}
	*yes = any || all;
	return true;
}
