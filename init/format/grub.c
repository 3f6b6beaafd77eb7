/* grub.c - see grub.h: control flow and menus. Commands are grub_commands.c's. */
#include "format/grub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/grub_internal.h"

#define STEPS_MAX 200000u
#define DEPTH_MAX 24u

/* ---- control flow ---------------------------------------------------------------------------- */

/* Terminators of a list of commands. */
enum end {
	END_TEXT,
	END_CLOSE,
	END_THEN,
	END_ELIF,
	END_ELSE,
	END_FI,
	END_FAILED,
};

static enum end run_list(struct grub *g, struct grub_cursor *c, bool live);
static bool run_script(struct grub *g, struct grub_cursor script);

static bool is(const char *text, size_t n, const char *word)
{
	return strlen(word) == n && memcmp(text, word, n) == 0;
}

static enum end keyword(const char *text, size_t n)
{
	return is(text, n, "then")   ? END_THEN
	       : is(text, n, "elif") ? END_ELIF
	       : is(text, n, "else") ? END_ELSE
	       : is(text, n, "fi")   ? END_FI
				     : END_TEXT;
}

static enum end failed(struct grub *g, const char *what)
{
	(void)grub_refuse(g, "%s", what);
	return END_FAILED;
}

/* Limits the number of commands, and the nesting of functions. */
static bool enter(struct grub *g)
{
	if (++g->depth <= DEPTH_MAX)
		return true;
	return grub_refuse(g, "too deep");
}

static bool run_if(struct grub *g, struct grub_cursor *c, bool live)
{
	bool done = false;
	enum end end = END_ELIF;

	while (end == END_ELIF) {
		end = run_list(g, c, live && !done);
		if (end != END_THEN)
			return end == END_FAILED ? false : grub_refuse(g, "if without then");
		bool yes = live && !done && g->status == 0;

		end = run_list(g, c, yes);
		done |= yes;
	}
	if (end == END_ELSE) {
		end = run_list(g, c, live && !done);
		done = true;
	}
	if (live && !done)
		g->status = 0;
	return end == END_FI || (end != END_FAILED && grub_refuse(g, "if without fi"));
}

/* C is after a {: return the text up to its }, and move C after that. */
static bool take_block(struct grub *g, struct grub_cursor *c, struct grub_cursor *body)
{
	const char *text;
	size_t n;

	*body = *c;
	for (unsigned open = 1;;) {
		if (++g->steps > STEPS_MAX)
			return grub_refuse(g, "too long");
		switch (grub_token(c, &text, &n)) {
		case GRUB_TOKEN_OPEN: open++; break;
		case GRUB_TOKEN_CLOSE:
			if (--open == 0) {
				body->end = text;
				return true;
			}
			break;
		case GRUB_TOKEN_END:
		case GRUB_TOKEN_BAD: return grub_refuse(g, "a { without its }");
		case GRUB_TOKEN_LINE:
		case GRUB_TOKEN_WORD: break;
		}
	}
}

static bool add_function(struct grub *g, const struct grub_words *w, struct grub_cursor body)
{
	size_t i = 0;

	if (w->argc != 2 || strlen(w->argv[1]) >= GRUB_NAME_MAX)
		return grub_refuse(g, "a function without a name");
	while (i < g->functions_count && strcmp(g->functions[i].name, w->argv[1]) != 0)
		i++;
	if (i == GRUB_FUNCTIONS_MAX)
		return grub_refuse(g, "too many functions");
	(void)snprintf(g->functions[i].name, GRUB_NAME_MAX, "%s", w->argv[1]);
	g->functions[i].body = body;
	g->functions_count += i == g->functions_count;
	return true;
}

/* Does the menu entry option TEXT take a value? */
static bool with_value(const char *text)
{
	static const char *const options[] = {"--class", "--users", "--hotkey", "--id", "--source"};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (strcmp(text, options[i]) == 0)
			return true;
	return false;
}

static bool add_entry(struct grub *g, const struct grub_words *w, struct grub_cursor body)
{
	struct grub_menu_entry *e = &g->entries[g->entries_count];
	bool named = false;

	if (g->in_entry)
		return grub_refuse(g, "a menu entry in a menu entry");
	if (g->entries_count == GRUB_ENTRIES_MAX)
		return grub_refuse(g, "too many menu entries");
	*e = (struct grub_menu_entry){.submenu = strcmp(w->argv[0], "submenu") == 0, .body = body};
	for (int i = 1; i < w->argc; i++) {
		if (with_value(w->argv[i])) {
			if (strcmp(w->argv[i], "--id") == 0 && i + 1 < w->argc)
				(void)snprintf(e->id, sizeof e->id, "%s", w->argv[i + 1]);
			i++;
		} else if (!named && strncmp(w->argv[i], "--", 2) != 0) {
			(void)snprintf(e->title, sizeof e->title, "%s", w->argv[i]);
			named = true;
		}
	}
	if (!e->id[0])
		memcpy(e->id, e->title, sizeof e->id);
	g->entries_count++;
	return true;
}

static bool run_function(struct grub *g, const struct grub_function *f, const struct grub_words *w)
{
	const struct grub_words *before = g->params;

	g->params = w;
	bool ok = run_script(g, f->body);

	g->params = before;
	return ok;
}

static bool run_words(struct grub *g, struct grub_words *w)
{
	if (w->argc == 0)
		return true;
	for (size_t i = 0; i < g->functions_count; i++)
		if (strcmp(g->functions[i].name, w->argv[0]) == 0)
			return run_function(g, &g->functions[i], w);
	return grub_command(g, w);
}

static bool takes_block(const struct grub_words *w)
{
	return w->argc > 0 &&
	       (strcmp(w->argv[0], "menuentry") == 0 || strcmp(w->argv[0], "submenu") == 0 ||
		strcmp(w->argv[0], "function") == 0);
}

/* The command that begins with the word TEXT, up to its end. */
static bool run_one(struct grub *g, struct grub_cursor *c, const char *text, size_t n, bool live,
		    struct grub_words *w)
{
	struct grub_cursor body;
	unsigned line = c->line;
	enum grub_token t = GRUB_TOKEN_WORD;

	for (; t == GRUB_TOKEN_WORD; t = grub_token(c, &text, &n)) {
		if (++g->steps > STEPS_MAX)
			return grub_refuse(g, "too long");
		if (!grub_expand(&g->variables, g->params, text, n, w))
			return grub_refuse(g, "a command is too long");
	}
	g->line = line;
	if (t == GRUB_TOKEN_OPEN) {
		if (!takes_block(w))
			return grub_refuse(g, "a { that is not understood");
		if (!take_block(g, c, &body))
			return false;
		g->line = line;
		return !live || (strcmp(w->argv[0], "function") == 0 ? add_function(g, w, body)
								     : add_entry(g, w, body));
	}
	if (t == GRUB_TOKEN_BAD)
		return grub_refuse(g, "an open quote, or an operator");
	if (t == GRUB_TOKEN_CLOSE) /* it ends the surrounding list: leave it for the caller */
		c->p = text;
	return !live || run_words(g, w);
}

static bool run_simple(struct grub *g, struct grub_cursor *c, const char *text, size_t n, bool live)
{
	struct grub_words *w = malloc(sizeof *w);

	if (!w)
		return grub_refuse(g, "no memory");
	w->argc = 0;
	w->used = 0;
	bool ok = run_one(g, c, text, n, live, w);

	free(w);
	return ok;
}

static enum end run_tokens(struct grub *g, struct grub_cursor *c, bool live)
{
	const char *text;
	size_t n;

	for (;;) {
		if (++g->steps > STEPS_MAX)
			return failed(g, "too long");
		g->line = c->line;
		switch (grub_token(c, &text, &n)) {
		case GRUB_TOKEN_END: return END_TEXT;
		case GRUB_TOKEN_CLOSE: return END_CLOSE;
		case GRUB_TOKEN_LINE: continue;
		case GRUB_TOKEN_OPEN: return failed(g, "a { that is not understood");
		case GRUB_TOKEN_BAD: return failed(g, "an open quote, or an operator");
		case GRUB_TOKEN_WORD: break;
		}
		enum end end = keyword(text, n);

		if (end != END_TEXT)
			return end;
		if (!(is(text, n, "if") ? run_if(g, c, live) : run_simple(g, c, text, n, live)) ||
		    g->booted)
			return END_FAILED;
	}
}

static enum end run_list(struct grub *g, struct grub_cursor *c, bool live)
{
	if (!enter(g))
		return END_FAILED;
	enum end end = run_tokens(g, c, live);

	g->depth--;
	return end;
}

static bool run_script(struct grub *g, struct grub_cursor script)
{
	enum end end = run_list(g, &script, true);

	return end == END_TEXT || (end != END_FAILED && grub_refuse(g, "a word without its if"));
}

/* ---- menus ----------------------------------------------------------------------------------- */

/* Copy the first name of the path TEXT ("a>b>c"; a > in a name is doubled) to NAME. Returns the
 * rest, NULL if there is none. */
static const char *first_name(const char *text, char name[256])
{
	size_t n = 0;

	for (; *text && (*text != '>' || text[1] == '>'); text++) {
		text += *text == '>';
		if (n < 255)
			name[n++] = *text;
	}
	name[n] = '\0';
	return *text == '>' ? text + 1 : NULL;
}

/* The entry selected by NAME, which is its number, its id or its title; the first one if none
 * matches, as in GRUB. NULL: there are no entries. */
static const struct grub_menu_entry *find_entry(const struct grub *g, const char *name)
{
	char *end;
	unsigned long number = strtoul(name, &end, 0);

	if (g->entries_count == 0)
		return NULL;
	if (name[0] && *end == '\0')
		return &g->entries[number < g->entries_count ? number : 0];
	for (size_t i = 0; i < g->entries_count; i++)
		if (strcmp(g->entries[i].id, name) == 0 || strcmp(g->entries[i].title, name) == 0)
			return &g->entries[i];
	return &g->entries[0];
}

static bool choose(struct grub *g)
{
	char chosen[GRUB_VALUE_MAX];
	char name[256];
	const char *rest = chosen;

	(void)snprintf(chosen, sizeof chosen, "%s", grub_value(g, "default"));
	for (int level = 0; level < 8; level++) {
		rest = first_name(rest, name);
		const struct grub_menu_entry *e = find_entry(g, name);

		if (!e)
			return grub_refuse(g, "it has no menu entry");
		if (!grub_put(g, "chosen", e->id))
			return false;
		struct grub_cursor body = e->body;

		if (!e->submenu) {
			(void)snprintf(g->out->title, sizeof g->out->title, "%s", e->title);
			g->in_entry = true;
			return (run_script(g, body) || g->booted) &&
			       (g->has_kernel ||
				grub_refuse(g, "the entry %.80s loads no kernel", g->out->title));
		}
		g->entries_count = 0;
		if (!rest)
			rest = "0";
		if (!run_script(g, body))
			return false;
	}
	return grub_refuse(g, "menus in menus");
}

static bool begin(struct grub *g, const char *device, const char *prefix)
{
	static const char *const features[] = {
		"feature_menuentry_id",		"feature_timeout_style",
		"feature_default_font_path",	"feature_all_video_module",
		"feature_chainloader_bpb",	"feature_ntldr",
		"feature_platform_search_hint", "feature_menuentry_options",
		"feature_nativedisk_cmd",	"feature_200_final",
	};
	char whole[GRUB_PATH_MAX];

	(void)snprintf(whole, sizeof whole, "(%s)%s", device, prefix);
	for (size_t i = 0; i < sizeof features / sizeof *features; i++)
		if (!grub_put(g, features[i], "y"))
			return false;
	return grub_put(g, "root", device) && grub_put(g, "prefix", whole) &&
	       grub_put(g, "config_directory", whole) && grub_put(g, "grub_platform", "pc") &&
	       grub_put(g, "grub_cpu", "i386");
}

bool grub_choose(const struct grub_disk *disk, const char *device, const char *prefix,
		 struct grub_entry *out, struct error *err)
{
	char path[GRUB_PATH_MAX];
	struct grub_cursor script;
	struct grub *g = calloc(1, sizeof *g);

	*out = (struct grub_entry){0};
	if (!g)
		return error_set(err, EXIT_INTERNAL, "give the container more memory", "no memory");
	g->disk = disk;
	g->out = out;
	g->err = err;
	g->run = run_script;
	(void)snprintf(path, sizeof path, "%s/grub.cfg", prefix);
	bool ok = begin(g, device, prefix) && grub_load(g, device, path, &script) &&
		  run_script(g, script);

	out->waits = ok && strcmp(grub_value(g, "timeout"), "-1") == 0;
	ok = g->booted || (ok && choose(g));
	for (size_t i = 0; i < g->texts_count; i++)
		free(g->texts[i]);
	free(g);
	return ok;
}
