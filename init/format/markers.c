/* markers.c - see markers.h. */
#include "format/markers.h"

#include <stdlib.h>
#include <string.h>

#include "format/console_text.h"

struct marker_matcher {
	struct console_text text;
	struct pattern_set *patterns;
};

static const char *const kinds[] = {
	[MARKER_PROGRESS] = "progress", [MARKER_READY] = "ready", [MARKER_FAILURE] = "failure",
	[MARKER_PANIC] = "panic",	[MARKER_DOWN] = "down",	  [MARKER_HINT] = "hint",
};

const char *marker_kind_name(enum marker_kind kind)
{
	return kinds[kind];
}

/* ---- parsing the file --------------------------------------------------------------------- */

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Cut the next line off *TEXT, without its end and trailing blanks. */
static const char *next_line(const char **text, const char *end, size_t *len)
{
	const char *line = *text;
	const char *eol = memchr(line, '\n', (size_t)(end - line));

	*text = eol ? eol + 1 : end;
	*len = (size_t)((eol ? eol : end) - line);
	if (*len > 0 && line[*len - 1] == '\r')
		--*len;
	while (*len > 0 && blank(line[*len - 1]))
		--*len;
	return line;
}

/* Cut the next word off the line. */
static const char *next_word(const char **line, const char *end, size_t *len)
{
	const char *word = *line, *at = word;

	while (at < end && !blank(*at))
		at++;
	*len = (size_t)(at - word);
	while (at < end && blank(*at))
		at++;
	*line = at;
	return word;
}

static bool parse_kind(const char *word, size_t len, enum marker_kind *kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strlen(kinds[i]) == len && memcmp(kinds[i], word, len) == 0) {
			*kind = (enum marker_kind)i;
			return true;
		}
	return false;
}

static bool is_name(const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!(word[i] >= 'a' && word[i] <= 'z') && !(word[i] >= '0' && word[i] <= '9') &&
		    word[i] != '-')
			return false;
	return len > 0 && len <= MARKER_NAME_MAX;
}

/* Precision for %.*s of an untrusted word. */
static int shown(size_t len)
{
	return len < 40 ? (int)len : 40;
}

static bool parse_marker(const char *line, size_t len, struct marker *m, struct error *err)
{
	const char *end = line + len;
	size_t kind_len;
	const char *kind = next_word(&line, end, &kind_len);

	m->name = next_word(&line, end, &m->name_len);
	m->regex = line;
	m->regex_len = (size_t)(end - line);
	if (!parse_kind(kind, kind_len, &m->kind))
		return error_set(err, EXIT_BAD_SETTING,
				 "a marker is KIND NAME REGEX, and KIND one of progress, ready, "
				 "failure, panic, down and hint",
				 "line %u: %.*s is not a kind of marker", m->line, shown(kind_len),
				 kind);
	if (m->regex_len == 0)
		return error_set(err, EXIT_BAD_SETTING, "write KIND NAME REGEX on one line",
				 "line %u: the marker has no %s", m->line,
				 m->name_len ? "regular expression" : "name");
	if (!is_name(m->name, m->name_len))
		return error_set(err, EXIT_BAD_SETTING, "use 1 to 31 of a-z, 0-9 and -",
				 "line %u: %.*s is not a valid marker name", m->line,
				 shown(m->name_len), m->name);
	return true;
}

/* The indented line LINE is advice for the preceding marker. */
static bool parse_advice(const char *line, size_t len, unsigned number, struct markers *out,
			 struct error *err)
{
	struct marker *m = out->count > 0 ? &out->list[out->count - 1] : NULL;

	while (blank(*line)) {
		line++;
		len--;
	}
	if (!m || m->say_len > 0)
		return error_set(err, EXIT_BAD_SETTING,
				 "begin a marker in the first column; indent only the one line of "
				 "advice below it",
				 "line %u: there is no marker that this indented line belongs to",
				 number);
	m->say = line;
	m->say_len = len;
	return true;
}

static bool add_pattern(struct pattern_set *set, const struct marker *m, struct error *err)
{
	char why[128];

	return pattern_set_add(set, m->regex, m->regex_len, why, sizeof why) >= 0 ||
	       error_set(err, EXIT_BAD_SETTING,
			 "correct the regular expression (docs/markers.md says what they are made "
			 "of)",
			 "line %u: in the expression of %.*s, %s", m->line, (int)m->name_len,
			 m->name, why);
}

static bool no_memory(struct error *err)
{
	return error_set(err, EXIT_INTERNAL, "give the container more memory",
			 "no memory for the markers");
}

/* Compile all expressions of M. */
static struct pattern_set *make_patterns(const struct markers *m, struct error *err)
{
	struct pattern_set *set = pattern_set_new();

	if (!set)
		(void)no_memory(err);
	for (size_t i = 0; set && i < m->count; i++)
		if (!add_pattern(set, &m->list[i], err)) {
			pattern_set_free(set);
			set = NULL;
		}
	return set;
}

static bool parse_lines(const char *text, size_t n, struct markers *out, struct error *err)
{
	const char *end = text + n;
	size_t len;

	for (unsigned number = 1; text < end; number++) {
		const char *line = next_line(&text, end, &len);

		if (len == 0 || line[0] == '#')
			continue;
		if (blank(line[0])) {
			if (!parse_advice(line, len, number, out, err))
				return false;
			continue;
		}
		if (out->count == MARKERS_MAX)
			return error_set(
				err, EXIT_BAD_SETTING, "join expressions of one name with |",
				"line %u: there are more than %d markers", number, MARKERS_MAX);
		out->list[out->count] = (struct marker){.line = number};
		if (!parse_marker(line, len, &out->list[out->count], err))
			return false;
		out->count++;
	}
	return true;
}

static struct pattern_set *parse(const char *text, size_t n, struct markers *out, struct error *err)
{
	out->count = 0;
	return parse_lines(text, n, out, err) ? make_patterns(out, err) : NULL;
}

bool markers_parse(const char *text, size_t n, struct markers *out, struct error *err)
{
	struct pattern_set *set = parse(text, n, out, err);

	pattern_set_free(set);
	return set != NULL;
}

bool markers_compile(const char *text, size_t n, struct markers *out,
		     struct pattern_program *program, struct error *err)
{
	struct pattern_set *set = parse(text, n, out, err);

	if (set)
		*program = *pattern_set_program(set);
	pattern_set_free(set);
	return set != NULL;
}

/* ---- the stream ------------------------------------------------------------------------ */

/* Make a matcher that takes over PATTERNS, which may be NULL if ERR is set. */
static struct marker_matcher *matcher_with(struct pattern_set *patterns, struct error *err)
{
	struct marker_matcher *matcher = patterns ? calloc(1, sizeof *matcher) : NULL;

	if (matcher) {
		matcher->patterns = patterns;
		return matcher;
	}
	pattern_set_free(patterns);
	if (err->status == EXIT_CLEAN)
		(void)no_memory(err);
	return NULL;
}

struct marker_matcher *matcher_new(const struct markers *m, struct error *err)
{
	return matcher_with(make_patterns(m, err), err);
}

struct marker_matcher *matcher_of(const struct pattern_program *program, struct error *err)
{
	return matcher_with(pattern_set_of(program), err);
}

void matcher_free(struct marker_matcher *m)
{
	if (m)
		pattern_set_free(m->patterns);
	free(m);
}

void matcher_reset(struct marker_matcher *m)
{
	m->text = (struct console_text){0};
	pattern_set_reset(m->patterns);
}

size_t matcher_feed(struct marker_matcher *m, const uint8_t *buf, size_t n,
		    struct pattern_bits *fired)
{
	size_t at = 0;

	*fired = (struct pattern_bits){{0}};
	while (at < n && !(fired->bits[0] | fired->bits[1])) {
		const uint8_t *text;
		size_t len;
		size_t used = console_text_next(&m->text, buf + at, n - at, &text, &len);
		size_t taken = pattern_feed(m->patterns, text, len, fired);

		/* Text inside BUF may be consumed partially; a line end of console_text may not. */
		at += text == buf + at ? used - (len - taken) : used;
	}
	return at;
}
