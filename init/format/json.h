/* json.h - a strict reader of JSON (RFC 8259), and the quoting that a writer needs.
 *
 * No allocation: values are entries of an array of the caller's, texts are unescaped in place
 * into a buffer of the caller's. Bounds: as many values as the caller has room for, JSON_DEPTH
 * levels.
 */
#ifndef VM_FORMAT_JSON_H
#define VM_FORMAT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_write.h"

/* Room that is enough for what QEMU says. */
#define JSON_VALUES 8192
#define JSON_DEPTH  32

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json_value {
	enum json_type type;
	const char
		*name; /* of an object's member, NUL-terminated; NULL in arrays and at the root */
	const char
		*text; /* STRING: UTF-8, NUL-terminated (\u0000 is refused); NUMBER: as written */
	int32_t first; /* ARRAY, OBJECT: index of the first entry, -1 if empty */
	int32_t next;  /* index of the next entry beside this one, -1 at the end */
};

struct json {
	struct json_value *values; /* values[0] is the root; ROOM of them, the caller's */
	int32_t room;
	int32_t count;
	size_t error_at;   /* byte offset of what is wrong */
	const char *error; /* a constant text, NULL if the document is whole */
};

/* Parse the N bytes at BUF, which are changed (texts are unescaped in place) and must stay while
 * DOC is used; BUF[N] must be writable. Duplicate names, invalid UTF-8, lone surrogates, trailing
 * bytes and numbers out of the grammar are errors. */
bool json_parse(struct json *doc, char *buf, size_t n);

/* The member NAME of OBJECT, or NULL (also when OBJECT is NULL or no object). */
const struct json_value *json_get(const struct json *doc, const struct json_value *object,
				  const char *name);
/* The text of a string member, or NULL. */
const char *json_string(const struct json *doc, const struct json_value *object, const char *name);
/* An integer member that fits; false otherwise. */
bool json_integer(const struct json *doc, const struct json_value *object, const char *name,
		  int64_t *out);
/* A number member, which may have a fraction; false otherwise. */
bool json_number(const struct json *doc, const struct json_value *object, const char *name,
		 double *out);
/* A boolean member, DEFAULT where there is none. */
bool json_bool(const struct json *doc, const struct json_value *object, const char *name,
	       bool dflt);

/* The length of the first whole JSON object or array in the N bytes at BUF, as a stream reader
 * needs it (strings and escapes respected), 0 when it is not complete yet. White space before it
 * is part of the length. Anything else than { or [ first: length 1, and json_parse() will say. The
 * scan continues from *STATE, zeroed at the start of each object, so that no byte is seen twice. */
struct json_scan {
	size_t at;
	int depth;
	bool in_string, escaped;
};
size_t json_scan(struct json_scan *state, const char *buf, size_t n);

#endif
