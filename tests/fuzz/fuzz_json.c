/* fuzz_json.c - libFuzzer target for the JSON parser.
 *
 * A document that is accepted is written and parsed again: both times the text must be the same.
 * The stream scanner, given the input in two pieces, must find an end where the parser found a
 * document. A refusal must have a reason and a position in the input. Every input must be quoted as
 * a string that reads back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"

struct text {
	char *bytes;
	size_t used, room;
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void put(struct text *t, const char *text)
{
	size_t n = strlen(text);

	check(t->used + n < t->room);
	memcpy(t->bytes + t->used, text, n + 1);
	t->used += n;
}

static void put_quoted(struct text *t, const char *text)
{
	(void)json_quote(text, t->bytes + t->used, t->room - t->used);
	t->used += strlen(t->bytes + t->used);
}

static void put_value(struct text *t, const struct json *doc, int32_t index)
{
	static const char *const words[] = {"null", "false", "true"};
	check(index >= 0 && index < doc->count);

	const struct json_value *v = &doc->values[index];

	if (v->name) {
		put_quoted(t, v->name);
		put(t, ":");
	}
	switch (v->type) {
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE: put(t, words[v->type]); return;
	case JSON_NUMBER: put(t, v->text); return;
	case JSON_STRING: put_quoted(t, v->text); return;
	case JSON_ARRAY:
	case JSON_OBJECT: break;
	}
	put(t, v->type == JSON_ARRAY ? "[" : "{");
	for (int32_t i = v->first; i >= 0; i = doc->values[i].next) {
		check(i > index && !doc->values[i].name == (v->type == JSON_ARRAY));
		if (i != v->first)
			put(t, ",");
		put_value(t, doc, i);
		if (v->type == JSON_OBJECT)
			check(json_get(doc, v, doc->values[i].name) == &doc->values[i]);
	}
	put(t, v->type == JSON_ARRAY ? "]" : "}");
}

/* An escape takes six bytes for one. */
static struct text written(const struct json *doc, size_t n)
{
	struct text t = {.room = 6 * n + 64};

	t.bytes = malloc(t.room + 1);
	check(t.bytes != NULL);
	put_value(&t, doc, 0);
	return t;
}

static void scan(const char *input, size_t n, size_t cut, bool taken, enum json_type root)
{
	struct json_scan whole = {0};
	struct json_scan pieces = {0};
	size_t end = json_scan(&whole, input, n);
	size_t early = json_scan(&pieces, input, cut);

	check(end <= n && early <= cut);
	check((early ? early : json_scan(&pieces, input, n)) == end);
	if (taken && root >= JSON_ARRAY) {
		check(end > 0);
		for (size_t i = end; i < n; i++)
			check(strchr(" \t\r\n", input[i]) != NULL);
	}
}

static void quote_anything(const char *input, size_t n)
{
	static struct json_value values[JSON_VALUES];
	static struct json doc = {.values = values, .room = JSON_VALUES};
	char *text = malloc(n + 1);
	size_t size = 6 * n + 8;
	char *buf = malloc(size);

	check(text && buf);
	memcpy(text, input, n);
	text[n] = '\0';
	(void)json_quote(text, buf, size);
	check(json_parse(&doc, buf, strlen(buf)));
	check(doc.values[0].type == JSON_STRING);
	free(text);
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct json_value values[JSON_VALUES];
	static struct json doc = {.values = values, .room = JSON_VALUES};
	char *input = malloc(n + 1);

	check(input != NULL);
	memcpy(input, data, n);
	bool taken = json_parse(&doc, input, n);

	if (taken) {
		struct text once = written(&doc, n);
		char *copy = malloc(once.used + 1);

		check(!doc.error && copy);
		memcpy(copy, once.bytes, once.used);
		check(json_parse(&doc, copy, once.used));
		struct text twice = written(&doc, once.used);

		check(once.used == twice.used && memcmp(once.bytes, twice.bytes, once.used) == 0);
		free(once.bytes);
		free(twice.bytes);
		free(copy);
	} else {
		check(doc.error && doc.error_at <= n);
	}
	memcpy(input, data, n);
	scan(input, n, n ? data[0] % (n + 1) : 0, taken, doc.values[0].type);
	quote_anything(input, n);
	free(input);
	return 0;
}
