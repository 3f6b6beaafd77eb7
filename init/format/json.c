/* json.c - a strict reader of JSON (RFC 8259), and string quoting for writers.
 *
 * The parser is a loop over tokens with an explicit stack of open containers, so that no input can
 * exhaust PID 1's stack. Strings are unescaped in place: an escape is never shorter than its
 * result, so writing never overtakes reading. The NUL after a string or a number replaces its
 * closing quote or its delimiter after that has been read.
 */
#include "format/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

/* Parser state: the read position, and the open containers. */
struct reader {
	struct json *doc;
	char *buf;
	size_t at, n;
	int32_t open[JSON_DEPTH]; /* the open containers, outermost first */
	int32_t last[JSON_DEPTH]; /* the last entry of each so far, -1 for none */
	int depth;
};

static bool fail(struct reader *r, size_t at, const char *why)
{
	r->doc->error = why;
	r->doc->error_at = at;
	return false;
}

/* The next byte, -1 at the end. A NUL in the document is an ordinary (invalid) byte. */
static int peek(const struct reader *r)
{
	return r->at < r->n ? (unsigned char)r->buf[r->at] : -1;
}

static void skip_space(struct reader *r)
{
	int c;

	while ((c = peek(r)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		r->at++;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* Write code point C (not a surrogate) as UTF-8. Returns the number of bytes. */
static size_t utf8_put(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* Parse four hexadecimal digits; -1 if they are invalid. */
static int32_t hex4(struct reader *r)
{
	int32_t value = 0;

	for (int i = 0; i < 4; i++, r->at++) {
		int c = peek(r);

		if (is_digit(c))
			value = value << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

/* Parse the rest of \uXXXX after the u, including a whole surrogate pair, to OUT. */
static bool parse_unicode(struct reader *r, char **out)
{
	size_t start = r->at - 2;
	int32_t c = hex4(r);

	if (c < 0)
		return fail(r, r->at, "\\u without four hexadecimal digits");
	if (c == 0)
		return fail(r, start, "\\u0000 in a string");
	if (c >= 0xd800 && c <= 0xdfff) {
		bool pair =
			c <= 0xdbff && r->n - r->at >= 6 && memcmp(r->buf + r->at, "\\u", 2) == 0;

		r->at += pair ? 2 : 0;
		int32_t low = pair ? hex4(r) : -1;

		if (low < 0xdc00 || low > 0xdfff)
			return fail(r, start, "a lone surrogate");
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	*out += utf8_put((uint32_t)c, *out);
	return true;
}

static bool parse_escape(struct reader *r, char **out)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	int c;

	r->at++;
	c = peek(r);
	r->at++;
	if (c == 'u')
		return parse_unicode(r, out);
	const char *found = c > 0 ? strchr(from, c) : NULL;

	if (!found)
		return fail(r, r->at - 1, "an unknown escape");
	*(*out)++ = to[found - from];
	return true;
}

/* Parse the string whose opening quote is next; *TEXT is its NUL-terminated value. */
static bool parse_string(struct reader *r, const char **text)
{
	size_t start = r->at++;
	char *out = r->buf + r->at;

	*text = out;
	for (;;) {
		int c = peek(r);

		if (c < 0)
			return fail(r, start, "a string without its closing quote");
		if (c == '"') {
			r->at++;
			*out = '\0';
			return true;
		}
		if (c == '\\') {
			if (!parse_escape(r, &out))
				return false;
			continue;
		}
		if (c < 0x20)
			return fail(r, r->at, "a control character in a string");
		size_t len = utf8_length((const unsigned char *)r->buf + r->at, r->n - r->at);

		if (len == 0)
			return fail(r, r->at, "a byte that is no UTF-8");
		memmove(out, r->buf + r->at, len);
		out += len;
		r->at += len;
	}
}

static bool digits(struct reader *r)
{
	if (!is_digit(peek(r)))
		return fail(r, r->at, "a digit is missing in a number");
	while (is_digit(peek(r)))
		r->at++;
	return true;
}

/* Parse a number by RFC 8259's grammar. Its NUL needs a byte: in a container the number is moved
 * back by one, onto the preceding bracket, colon, comma or space. A number that is the whole
 * document has its NUL after it, where only space or BUF[N] can be. */
static bool parse_number(struct reader *r, const char **text)
{
	size_t start = r->at;

	if (peek(r) == '-')
		r->at++;
	if (peek(r) == '0')
		r->at++;
	else if (!digits(r))
		return false;
	if (peek(r) == '.') {
		r->at++;
		if (!digits(r))
			return false;
	}
	if ((peek(r) | 0x20) == 'e') {
		r->at++;
		if (peek(r) == '+' || peek(r) == '-')
			r->at++;
		if (!digits(r))
			return false;
	}
	if (r->depth == 0) {
		size_t end = r->at;

		skip_space(r);
		if (r->at != r->n)
			return fail(r, r->at, "something behind the document");
		r->buf[end] = '\0';
		*text = r->buf + start;
		return true;
	}
	memmove(r->buf + start - 1, r->buf + start, r->at - start);
	r->buf[r->at - 1] = '\0';
	*text = r->buf + start - 1;
	return true;
}

static bool parse_word(struct reader *r, struct json_value *v)
{
	static const struct {
		const char *word;
		enum json_type type;
	} words[] = {{"null", JSON_NULL}, {"false", JSON_FALSE}, {"true", JSON_TRUE}};

	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(words[i].word);

		if (r->n - r->at >= len && memcmp(r->buf + r->at, words[i].word, len) == 0) {
			r->at += len;
			v->type = words[i].type;
			return true;
		}
	}
	return fail(r, r->at, "a value is missing");
}

/* Add a value named NAME, linked after the previous one in the innermost container; NULL if full.
 */
static struct json_value *add_value(struct reader *r, const char *name)
{
	struct json *doc = r->doc;
	int32_t index = doc->count;

	if (index >= doc->room) {
		(void)fail(r, r->at, "too many values");
		return NULL;
	}
	struct json_value *v = &doc->values[doc->count++];

	*v = (struct json_value){.name = name, .first = -1, .next = -1};
	if (r->depth > 0) {
		int32_t *last = &r->last[r->depth - 1];

		if (*last < 0)
			doc->values[r->open[r->depth - 1]].first = index;
		else
			doc->values[*last].next = index;
		*last = index;
	}
	return v;
}

/* Parse one value; a container is only opened. */
static bool parse_value(struct reader *r, const char *name)
{
	struct json_value *v = add_value(r, name);
	int c = peek(r);

	if (!v)
		return false;
	if (c == '"') {
		v->type = JSON_STRING;
		return parse_string(r, &v->text);
	}
	if (c == '-' || is_digit(c)) {
		v->type = JSON_NUMBER;
		return parse_number(r, &v->text);
	}
	if (c != '{' && c != '[')
		return parse_word(r, v);
	if (r->depth == JSON_DEPTH)
		return fail(r, r->at, "too many levels");
	v->type = c == '{' ? JSON_OBJECT : JSON_ARRAY;
	r->open[r->depth] = r->doc->count - 1;
	r->last[r->depth++] = -1;
	r->at++;
	return true;
}

/* Parse a member's name and its colon. */
static bool parse_name(struct reader *r, const char **name)
{
	size_t start = r->at;

	if (peek(r) != '"')
		return fail(r, r->at, "a name is missing in an object");
	if (!parse_string(r, name))
		return false;
	if (json_get(r->doc, &r->doc->values[r->open[r->depth - 1]], *name))
		return fail(r, start, "a name twice in one object");
	skip_space(r);
	if (peek(r) != ':')
		return fail(r, r->at, "a colon is missing behind a name");
	r->at++;
	skip_space(r);
	return true;
}

/* Parse what follows in the innermost open container: an entry, or its end. */
static bool parse_entry(struct reader *r)
{
	bool object = r->doc->values[r->open[r->depth - 1]].type == JSON_OBJECT;
	const char *name = NULL;

	skip_space(r);
	if (peek(r) == (object ? '}' : ']')) {
		r->at++;
		r->depth--;
		return true;
	}
	if (r->last[r->depth - 1] >= 0) {
		if (peek(r) != ',')
			return fail(r, r->at, "a comma or a closing bracket is missing");
		r->at++;
		skip_space(r);
	}
	if (object && !parse_name(r, &name))
		return false;
	return parse_value(r, name);
}

bool json_parse(struct json *doc, char *buf, size_t n)
{
	struct reader r = {.doc = doc, .buf = buf, .n = n};

	doc->count = 0;
	doc->error = NULL;
	doc->error_at = 0;
	skip_space(&r);
	if (!parse_value(&r, NULL))
		return false;
	while (r.depth > 0)
		if (!parse_entry(&r))
			return false;
	skip_space(&r);
	return r.at == n || fail(&r, r.at, "something behind the document");
}

const struct json_value *json_get(const struct json *doc, const struct json_value *object,
				  const char *name)
{
	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (int32_t i = object->first; i >= 0; i = doc->values[i].next)
		if (strcmp(doc->values[i].name, name) == 0)
			return &doc->values[i];
	return NULL;
}

const char *json_string(const struct json *doc, const struct json_value *object, const char *name)
{
	const struct json_value *v = json_get(doc, object, name);

	return v && v->type == JSON_STRING ? v->text : NULL;
}

bool json_integer(const struct json *doc, const struct json_value *object, const char *name,
		  int64_t *out)
{
	const struct json_value *v = json_get(doc, object, name);
	bool negative;
	uint64_t value = 0;

	if (!v || v->type != JSON_NUMBER)
		return false;
	negative = v->text[0] == '-';
	uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);

	for (const char *p = v->text + (negative ? 1 : 0); *p; p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (!is_digit(*p) || value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

bool json_number(const struct json *doc, const struct json_value *object, const char *name,
		 double *out)
{
	const struct json_value *v = json_get(doc, object, name);

	if (!v || v->type != JSON_NUMBER)
		return false;
	*out = strtod(v->text, NULL);
	return true;
}

bool json_bool(const struct json *doc, const struct json_value *object, const char *name, bool dflt)
{
	const struct json_value *v = json_get(doc, object, name);

	return v && (v->type == JSON_TRUE || v->type == JSON_FALSE) ? v->type == JSON_TRUE : dflt;
}

size_t json_scan(struct json_scan *state, const char *buf, size_t n)
{
	for (; state->at < n; state->at++) {
		char c = buf[state->at];

		if (state->in_string) {
			if (state->escaped)
				state->escaped = false;
			else if (c == '\\')
				state->escaped = true;
			else if (c == '"')
				state->in_string = false;
		} else if (c == '{' || c == '[') {
			state->depth++;
		} else if (state->depth == 0) {
			if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
				return 1;
		} else if (c == '"') {
			state->in_string = true;
		} else if ((c == '}' || c == ']') && --state->depth == 0) {
			return ++state->at;
		}
	}
	return 0;
}
