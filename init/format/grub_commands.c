/* grub_commands.c - the commands of GRUB that affect what is booted (grub.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/grub_internal.h"

/* ---- variables ------------------------------------------------------------------------------- */

static bool assign(struct grub *g, const char *text)
{
	const char *equals = strchr(text, '=');

	if (!equals)
		return true;
	g->status = 0;
	return grub_set(&g->variables, text, (size_t)(equals - text), equals + 1) ||
	       grub_refuse(g, "too many variables, or a long one: %.40s", text);
}

static bool cmd_set(struct grub *g, struct grub_words *w)
{
	return w->argc < 2 || assign(g, w->argv[1]);
}

static bool cmd_unset(struct grub *g, struct grub_words *w)
{
	return w->argc < 2 || grub_put(g, w->argv[1], "");
}

/* Parse one line of the environment block: NAME=VALUE, with backslash as quote. */
static bool load_line(struct grub *g, const struct grub_words *w, int first, const char *line,
		      size_t n)
{
	char value[GRUB_VALUE_MAX];
	size_t used = 0;
	const char *equals = memchr(line, '=', n);
	size_t name = equals ? (size_t)(equals - line) : 0;
	bool wanted = first >= w->argc;

	for (int i = first; i < w->argc; i++)
		wanted |= strlen(w->argv[i]) == name && memcmp(w->argv[i], line, name) == 0;
	if (!name || line[0] == '#' || !wanted)
		return true;
	for (size_t i = name + 1; i < n && used < sizeof value - 1; i++) {
		i += line[i] == '\\' && i + 1 < n;
		value[used++] = line[i];
	}
	value[used] = '\0';
	return grub_set(&g->variables, line, name, value) ||
	       grub_refuse(g, "its saved environment has too many variables, or a long one");
}

static bool cmd_load_env(struct grub *g, struct grub_words *w)
{
	char name[GRUB_VALUE_MAX + 16];
	char device[GRUB_DEVICE_MAX];
	char path[GRUB_PATH_MAX];
	struct grub_cursor text;
	int first = 1;

	(void)snprintf(name, sizeof name, "%s/grubenv", grub_value(g, "prefix"));
	for (; first < w->argc && w->argv[first][0] == '-'; first++)
		if (strcmp(w->argv[first], "-f") == 0 || strcmp(w->argv[first], "--file") == 0) {
			first++;
			if (first < w->argc)
				(void)snprintf(name, sizeof name, "%s", w->argv[first]);
		}
	if (!grub_place(g, name, device, path))
		return false;
	g->status = 1;
	if (g->disk->look(g->disk->ctx, device, path) != GRUB_FILE)
		return true;
	if (!grub_load(g, device, path, &text))
		return false;
	g->status = 0;
	while (text.p < text.end) {
		const char *eol = memchr(text.p, '\n', (size_t)(text.end - text.p));
		size_t n = (size_t)((eol ? eol : text.end) - text.p);

		if (!load_line(g, w, first, text.p, n))
			return false;
		text.p += n + (eol != NULL);
	}
	return true;
}

/* Before the menu: an entry was chosen for the next boot only, and GRUB must record that it was
 * used. */
static bool cmd_save_env(struct grub *g, struct grub_words *w)
{
	(void)w;
	g->status = 0;
	return g->in_entry ||
	       grub_refuse(g, "an entry was chosen for the next boot only (grub-reboot)");
}

/* ---- files ----------------------------------------------------------------------------------- */

static bool cmd_search(struct grub *g, struct grub_words *w)
{
	enum grub_search by = GRUB_BY_FILE;
	const char *variable = "root";
	const char *value = NULL;
	char device[GRUB_DEVICE_MAX];

	for (int i = 1; i < w->argc; i++) {
		const char *a = w->argv[i];

		if (strcmp(a, "--fs-uuid") == 0 || strcmp(a, "-u") == 0)
			by = GRUB_BY_UUID;
		else if (strcmp(a, "--label") == 0 || strcmp(a, "-l") == 0)
			by = GRUB_BY_LABEL;
		else if (strcmp(a, "--file") == 0 || strcmp(a, "-f") == 0)
			by = GRUB_BY_FILE;
		else if (strncmp(a, "--set=", 6) == 0)
			variable = a + 6;
		else if (strcmp(a, "--set") == 0 || strcmp(a, "-s") == 0)
			variable = "root";
		else if (a[0] != '-') /* others are hints, or --no-floppy */
			value = a;
		else if (strcmp(a, "--hint") == 0)
			i++;
	}
	if (!value)
		return grub_refuse(g, "search for nothing");
	g->status = !g->disk->search(g->disk->ctx, by, value, device);
	return g->status != 0 || grub_put(g, variable, device);
}

static bool cmd_source(struct grub *g, struct grub_words *w)
{
	char device[GRUB_DEVICE_MAX];
	char path[GRUB_PATH_MAX];
	struct grub_cursor script;

	if (w->argc != 2)
		return grub_refuse(g, "%.20s of nothing", w->argv[0]);
	if (strcmp(w->argv[0], "configfile") == 0) /* it has its own menu */
		g->entries_count = 0;
	return grub_place(g, w->argv[1], device, path) && grub_load(g, device, path, &script) &&
	       g->run(g, script);
}

static bool cmd_test(struct grub *g, struct grub_words *w)
{
	bool bracket = w->argv[0][0] == '[';
	int n = w->argc - 1;
	bool yes;

	if (bracket && (n == 0 || strcmp(w->argv[n], "]") != 0))
		return grub_refuse(g, "[ without ]");
	if (!grub_test(g, n - bracket, w->argv + 1, &yes))
		return false;
	g->status = !yes;
	return true;
}

/* ---- kernels --------------------------------------------------------------------------------- */

/* Set F to the file W->argv[I]; its command line is BEFORE and the words from FROM on. */
static bool take_file(struct grub *g, const struct grub_words *w, int i, int from,
		      const char *before, struct grub_file *f)
{
	size_t n = strlen(before);

	(void)snprintf(f->line, sizeof f->line, "%s", before);
	return grub_place(g, w->argv[i], f->device, f->path) &&
	       (grub_command_line(w->argc - from, w->argv + from, f->line + n,
				  sizeof f->line - n) ||
		grub_refuse(g, "a command line is longer than %d bytes", GRUB_LINE_MAX));
}

/* The first word of W that is not an option. */
static int first_operand(const struct grub_words *w)
{
	int i = 1;

	while (i < w->argc && strncmp(w->argv[i], "--", 2) == 0)
		i++;
	return i;
}

static bool need_file(struct grub *g, const struct grub_words *w, int i)
{
	return i < w->argc || grub_refuse(g, "%.20s without a file", w->argv[0]);
}

static bool cmd_linux(struct grub *g, struct grub_words *w)
{
	int i = first_operand(w);

	g->out->protocol = GRUB_LINUX;
	g->out->modules_count = 0;
	g->has_kernel = true;
	g->status = 0;
	return need_file(g, w, i) && take_file(g, w, i, i, "BOOT_IMAGE=", &g->out->kernel);
}

static bool cmd_multiboot(struct grub *g, struct grub_words *w)
{
	int i = first_operand(w);

	g->out->protocol = GRUB_MULTIBOOT;
	g->out->modules_count = 0;
	g->has_kernel = true;
	g->status = 0;
	return need_file(g, w, i) && take_file(g, w, i, i + 1, "", &g->out->kernel);
}

static bool add_module(struct grub *g, const struct grub_words *w, int i, bool with_line)
{
	struct grub_entry *e = g->out;

	if (!g->has_kernel)
		return grub_refuse(g, "%.20s without a kernel", w->argv[0]);
	if (e->modules_count == GRUB_MODULES_MAX)
		return grub_refuse(g, "more than %d modules", GRUB_MODULES_MAX);
	g->status = 0;
	return take_file(g, w, i, with_line ? i + 1 : w->argc, "", &e->modules[e->modules_count++]);
}

static bool cmd_initrd(struct grub *g, struct grub_words *w)
{
	if (!need_file(g, w, 1))
		return false;
	if (g->has_kernel && g->out->protocol != GRUB_LINUX)
		return grub_refuse(g, "initrd without linux");
	g->out->modules_count = 0;
	for (int i = 1; i < w->argc; i++)
		if (!add_module(g, w, i, false))
			return false;
	return true;
}

static bool cmd_module(struct grub *g, struct grub_words *w)
{
	int i = first_operand(w);

	if (!need_file(g, w, i))
		return false;
	return g->out->protocol == GRUB_MULTIBOOT ? add_module(g, w, i, true)
						  : grub_refuse(g, "module without multiboot");
}

/* ---- all of them ----------------------------------------------------------------------------- */

static bool cmd_nothing(struct grub *g, struct grub_words *w)
{
	(void)w;
	g->status = 0;
	return true;
}

/* A configuration without a menu may contain boot, too. */
static bool cmd_boot(struct grub *g, struct grub_words *w)
{
	(void)w;
	g->booted = g->has_kernel;
	return g->has_kernel || grub_refuse(g, "boot without a kernel");
}

/* Commands for a screen fail: there is none. */
static bool cmd_fails(struct grub *g, struct grub_words *w)
{
	(void)w;
	g->status = 1;
	return true;
}

static const struct {
	const char *name;
	bool (*run)(struct grub *g, struct grub_words *w);
} commands[] = {
	{".", cmd_source},
	{"[", cmd_test},
	{"background_color", cmd_fails},
	{"background_image", cmd_fails},
	{"boot", cmd_boot},
	{"clear", cmd_nothing},
	{"configfile", cmd_source},
	{"echo", cmd_nothing},
	{"export", cmd_nothing},
	{"false", cmd_fails},
	{"hwmatch", cmd_fails},
	{"initrd", cmd_initrd},
	{"initrd16", cmd_initrd},
	{"insmod", cmd_nothing},
	{"keymap", cmd_nothing},
	{"linux", cmd_linux},
	{"linux16", cmd_linux},
	{"load_env", cmd_load_env},
	{"loadfont", cmd_fails},
	{"module", cmd_module},
	{"multiboot", cmd_multiboot},
	{"play", cmd_nothing},
	{"rmmod", cmd_nothing},
	{"save_env", cmd_save_env},
	{"search", cmd_search},
	{"serial", cmd_nothing},
	{"set", cmd_set},
	{"sleep", cmd_nothing},
	{"source", cmd_source},
	{"terminal_input", cmd_nothing},
	{"terminal_output", cmd_nothing},
	{"test", cmd_test},
	{"true", cmd_nothing},
	{"unset", cmd_unset},
};

bool grub_command(struct grub *g, struct grub_words *w)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, w->argv[0]) == 0)
			return commands[i].run(g, w);
	if (strchr(w->argv[0], '=') && w->argc == 1)
		return assign(g, w->argv[0]);
	return grub_refuse(g, "the command %.40s", w->argv[0]);
}
