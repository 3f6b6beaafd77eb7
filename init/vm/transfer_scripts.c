/* transfer_scripts.c - see transfer_scripts.h. POSIX sh; runs in BusyBox sh, dash and bash. */
#include "vm/transfer_scripts.h"

#include <string.h>

/* Common beginning: $1 and $2 are the checksum program and the sed command that reduces its lines
 * to the sum (file names are printed differently on each side). */
#define HEAD "k=$1 e=$2; shift 2; fail() { echo \"$*\" >&2; exit 1; }; "

/* sums PATH: one line that depends on the contents of every file there. */
#define SUMS "sums() { find \"$1\" -type f -exec $k {} + | sed -n \"$e\" | LC_ALL=C sort | $k; }; "
/* sums FILE: for one file, without surrounding blanks. */
#define FILE_SUM "sums() { echo $($k <\"$1\"); }; "

/* Unpack into a directory beside the destination, whose parent is $n here; it is always removed. */
#define STAGE                                                                                      \
	"d=$1; read -r s || fail nothing was received; "                                           \
	"if [ -d \"$d\" ]; then n=$3; elif [ \"$4\" ]; then fail \"$d: no such directory\"; "      \
	"else case $d in */*) n=${d##*/} d=${d%/*}/;; *) n=$d d=.;; esac; fi; "                    \
	"cd -- \"$d\" || exit; t=.vm-copy.$$; "                                                    \
	"trap 'rm -rf \"$t\"' EXIT; trap 'exit 1' HUP INT TERM; mkdir \"$t\" || exit; "
#define COMPARE                                                                                    \
	"[ \"$(cd \"$t\" && sums \"./$3\")\" = \"$s\" ] || "                                       \
	"fail \"$1: the received contents differ from the sent ones\"; "
#define RENAME                                                                                     \
	"[ ! -d \"./$n\" ] || fail \"$n is a directory there\"; mv -f \"$t/$3\" \"./$n\" || "      \
	"exit; "

const char transfer_send[] = HEAD SUMS
	"p=$1; case $p in */*) d=${p%/*}/ b=${p##*/};; *) d=. b=$p;; esac; cd -- \"$d\" || exit; "
	"[ -e \"./$b\" ] || [ -L \"./$b\" ] || fail \"$p: no such file or directory\"; "
	"sums \"./$b\"; exec tar $2 -cf - \"./$b\"";

const char transfer_place[] =
	HEAD SUMS STAGE "(cd \"$t\" && tar $2 -xpf -) || exit; " COMPARE
			"if [ -d \"$t/$3\" ] && [ ! -L \"$t/$3\" ] && [ -d \"./$n\" ]; "
			"then (cd \"$t/$3\" && tar -cf - .) | (cd \"./$n\" && tar -xpf -) || exit; "
			"else " RENAME "fi; sync -f . 2>/dev/null || sync";

const char transfer_send_file[] =
	HEAD FILE_SUM "case $1 in -*) p=./$1;; *) p=$1;; esac; sums \"$p\"; exec cat \"$p\"";

/* No other user may read it before its mode is set. */
const char transfer_place_file[] = HEAD FILE_SUM STAGE
	"(umask 077; cat >\"$t/$3\") || exit; " COMPARE "chmod \"$2\" \"$t/$3\" || exit; " RENAME
	"if command -v sync >/dev/null 2>&1; then sync -f . 2>/dev/null || sync; fi";

_Static_assert(sizeof transfer_place < TRANSFER_PLACE_MAX, "the longest script");
_Static_assert(sizeof transfer_place_file < TRANSFER_PLACE_MAX, "the longest script");

/* BusyBox often has no cksum, and older BSDs no sha256sum. */
static const struct sums all_sums[] = {
	{"sha256sum", "s/^\\\\\\{0,1\\}\\([0-9a-f]\\{64\\}\\) .*/\\1/p", SUM_SHA256},
	{"cksum", "s/^\\([0-9]\\{1,10\\} [0-9]\\{1,\\}\\) .*/\\1/p", SUM_CKSUM}};
static const struct sums size_only = {"wc -c", "", SUM_SHELL};
static const struct sums no_sums = {":", "", SUM_SHELL};

const char transfer_probe[] = "t=; for c in tar find sort sed sha256sum cksum base64 od dd tr gzip "
			      "cat chmod mkdir mv rm wc; "
			      "do command -v $c >/dev/null 2>&1 && t=\"$t $c\"; done; "
			      "case $(tar --version 2>&1) in *GNU*) t=\"$t GNU\";; esac; "
			      "for i in 1 2 3; do echo \"($t )\"; done";

bool transfer_find_tools(const char *text, char *out, size_t size)
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

bool transfer_has(const char *tools, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = tools; (at = strstr(at, name)) != NULL; at += n)
		if (at > tools && at[-1] == ' ' && at[n] == ' ')
			return true;
	return false;
}

static bool has_all(const char *tools, const char *const *needed, const char *where,
		    struct error *err)
{
	for (; *needed; needed++)
		if (!transfer_has(tools, *needed))
			return error_set(err, EXIT_NOT_READY, "install it", "%s has no %s", where,
					 *needed);
	return true;
}

bool transfer_has_tar(const char *tools, const char *where, struct error *err)
{
	static const char *const needed[] = {"tar", "find", "sort", "sed", NULL};

	return has_all(tools, needed, where, err);
}

bool transfer_has_file(const char *tools, struct error *err)
{
	static const char *const needed[] = {"cat", "chmod", "mkdir", "mv", "rm", NULL};

	return has_all(tools, needed, "the guest", err);
}

const struct sums *transfer_sums(const char *here, const char *there)
{
	for (size_t i = 0; i < sizeof all_sums / sizeof *all_sums; i++)
		if (transfer_has(here, all_sums[i].program) &&
		    transfer_has(there, all_sums[i].program))
			return &all_sums[i];
	return NULL;
}

const struct sums *transfer_file_sums(const char *here, const char *there)
{
	const struct sums *sums = transfer_sums(here, there);

	if (sums)
		return sums;
	return transfer_has(here, "wc") && transfer_has(there, "wc") ? &size_only : &no_sums;
}
