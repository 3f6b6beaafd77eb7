/* args_ram.c - the name of the machine's memory (args.h). */
#include <string.h>

#include "config/arch.h"
#include "qemu/args.h"

/* Whether WORDS has an option that sets where the memory is, or its size. */
static bool says_memory(const char *words)
{
	static const char *const options[] = {"-m",	   "-machine", "-M",	       "-numa",
					      "-mem-path", "-object",  "-mem-prealloc"};

	for (; *words; words += *words ? 1 : 0) {
		size_t len = strcspn(words, " \t\n'\"");

		for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
			const char *word = strncmp(words, "--", 2) == 0 ? words + 1 : words;
			size_t n = len - (size_t)(word - words);

			if (strlen(options[i]) == n && strncmp(word, options[i], n) == 0)
				return true;
		}
		words += len;
	}
	return false;
}

const char *args_ram_name(const struct settings *s)
{
	size_t type = strcspn(s->machine, ",");
	static const struct {
		const char *machine;
		bool versions; /* and pc-q35-9.2 */
		const char *name;
	} rows[] = {{"pc", true, "pc.ram"},
		    {"q35", false, "pc.ram"},
		    {"isapc", false, "pc.ram"},
		    {"microvm", false, "microvm.ram"}};

	if (strstr(s->machine + type, "memory-backend") ||
	    (s->extra_args && says_memory(s->extra_args)))
		return "";
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t len = strlen(rows[i].machine);

		if (strncmp(s->machine, rows[i].machine, len) == 0 &&
		    (len == type || (rows[i].versions && s->machine[len] == '-')))
			return rows[i].name;
	}
	return arch_of(s)->ram && arch_default_machine(s) ? arch_of(s)->ram : "";
}
