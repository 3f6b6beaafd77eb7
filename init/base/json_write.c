/* json_write.c - see json_write.h. */
#include "base/json_write.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"

/* Write \uXXXX for the 16 bits C. */
static size_t quote_unit(uint32_t c, char *out)
{
	static const char hex[] = "0123456789abcdef";

	out[0] = '\\';
	out[1] = 'u';
	for (int i = 0; i < 4; i++)
		out[2 + i] = hex[c >> (12 - 4 * i) & 15];
	return 6;
}

/* Write the sequence of LEN bytes at P (0: invalid UTF-8) as JSON to OUT (at least 12 bytes).
 * Characters that control a terminal are escaped, too. */
static size_t quote_one(const unsigned char *p, size_t len, char *out)
{
	uint32_t c = len ? utf8_get(p, len) : 0;

	if (len == 0) {
		memcpy(out, "\xef\xbf\xbd", 3); /* U+FFFD */
		return 3;
	}
	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (!escape_needed(c)) {
		memcpy(out, p, len);
		return len;
	}
	if (c < 0x10000)
		return quote_unit(c, out);
	c -= 0x10000;
	return quote_unit(0xd800 + (c >> 10), out) + quote_unit(0xdc00 + (c & 0x3ff), out + 6);
}

static size_t quote(const char *text, size_t left, char *buf, size_t size)
{
	size_t at = 0;

	buf[at++] = '"';
	for (const unsigned char *p = (const unsigned char *)text; left > 0;) {
		char one[12];
		size_t len = utf8_length(p, left);
		size_t put = quote_one(p, len, one);

		if (at + put + 2 > size)
			break;
		memcpy(buf + at, one, put);
		at += put;
		p += len ? len : 1;
		left -= len ? len : 1;
	}
	buf[at++] = '"';
	buf[at] = '\0';
	return at;
}

const char *json_quote(const char *text, char *buf, size_t size)
{
	(void)quote(text, strlen(text), buf, size);
	return buf;
}

/* The output buffer; text that does not fit is dropped. */
struct out {
	char *buf;
	size_t size, used;
	bool full;
};

static void put(struct out *o, const char *text, size_t n)
{
	if (o->full || n >= o->size - o->used) {
		o->full = true;
		return;
	}
	memcpy(o->buf + o->used, text, n);
	o->used += n;
}

static void put_text(struct out *o, const char *text, int length)
{
	size_t n = length < 0 ? strlen(text) : (size_t)length;
	char piece[512];

	put(o, "\"", 1);
	/* In pieces that fit into the buffer and end at a character boundary. */
	while (n > 0) {
		size_t take = 0;

		while (take < n && take + 4 <= sizeof piece / 12) {
			size_t one = utf8_length((const unsigned char *)text + take, n - take);

			take += one ? one : 1;
		}
		put(o, piece + 1, quote(text, take, piece, sizeof piece) - 2);
		text += take;
		n -= take;
	}
	put(o, "\"", 1);
}

static void put_object(struct out *o, const struct json_member *m);

static void put_value(struct out *o, const struct json_member *m)
{
	char text[64];
	int n = 0;

	switch (m->type) {
	case JSON_OUT_TEXT:
		if (m->text)
			put_text(o, m->text, m->length);
		else
			put(o, "null", 4);
		return;
	case JSON_OUT_OBJECT: put_object(o, m->members); return;
	case JSON_OUT_RAW: put(o, m->text, strlen(m->text)); return;
	case JSON_OUT_BOOL:
		n = snprintf(text, sizeof text, "%s", m->integer ? "true" : "false");
		break;
	case JSON_OUT_INT: n = snprintf(text, sizeof text, "%lld", m->integer); break;
	case JSON_OUT_NUMBER:
		if (isfinite(m->number))
			n = snprintf(text, sizeof text, "%.*f", m->length, m->number);
		else
			n = snprintf(text, sizeof text, "null");
		break;
	}
	put(o, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static void put_object(struct out *o, const struct json_member *m)
{
	put(o, "{", 1);
	for (bool first = true; m->key; m++) {
		if (m->type == JSON_OUT_RAW && !m->text)
			continue;
		put(o, ",", first ? 0 : 1);
		first = false;
		put_text(o, m->key, -1);
		put(o, ":", 1);
		put_value(o, m);
	}
	put(o, "}", 1);
}

size_t json_write(char *buf, size_t size, const struct json_member *members)
{
	struct out o = {.buf = buf, .size = size};

	put_object(&o, members);
	if (o.full)
		o.used = 0;
	buf[o.used] = '\0';
	return o.used;
}

size_t json_line(char *buf, size_t size, const struct json_member *members)
{
	size_t n = json_write(buf, size - 1, members);

	if (n > 0)
		buf[n++] = '\n';
	buf[n] = '\0';
	return n;
}

/* ---- lists -------------------------------------------------------------------------------- */

void json_list_begin(struct json_list *l, char *buf, size_t size)
{
	*l = (struct json_list){.buf = buf, .size = size, .used = 1, .between = ","};
	buf[0] = '[';
}

/* Where the next element goes; space for the closing bracket is kept. */
static struct out element(const struct json_list *l)
{
	struct out o = {.buf = l->buf, .size = l->size - 1, .used = l->used, .full = l->full};

	put(&o, l->between, l->used > 1 ? strlen(l->between) : 0);
	return o;
}

static void added(struct json_list *l, const struct out *o)
{
	l->full = o->full;
	l->used = o->full ? l->used : o->used;
}

void json_list_object(struct json_list *l, const struct json_member *members)
{
	struct out o = element(l);

	put_object(&o, members);
	added(l, &o);
}

void json_list_text(struct json_list *l, const char *text, int n)
{
	struct out o = element(l);

	put_text(&o, text, n);
	added(l, &o);
}

const char *json_list_end(struct json_list *l)
{
	l->buf[l->used] = ']';
	l->buf[l->used + 1] = '\0';
	return l->buf;
}
