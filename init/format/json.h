/* json.h - a strict reader of JSON (RFC 8259), and string quoting for writers.
 *
 * No allocation: values are entries of the caller's array, strings are unescaped in place in the
 * caller's buffer. Bounds: the size of that array, and JSON_DEPTH levels.
 */
#ifndef VM_FORMAT_JSON_H
#define VM_FORMAT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json_write.h"

/* Enough for QEMU's answers. */
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
		*text; /* STRING: UTF-8, NUL-terminated (\u0000 is rejected); NUMBER: as written */
	int32_t first; /* ARRAY, OBJECT: index of the first entry, -1 if empty */
	int32_t next;  /* index of the next sibling, -1 at the end */
};

struct json {
	struct json_value *values; /* the caller's array of ROOM entries; values[0] is the root */
	int32_t room;
	int32_t count;
	size_t error_at;   /* byte offset of the error */
	const char *error; /* a constant text, NULL if the document is valid */
};

/* Parse the N bytes at BUF, which are modified (strings are unescaped in place) and must stay valid
 * while DOC is used; BUF[N] must be writable. Duplicate names, invalid UTF-8, lone surrogates,
 * trailing bytes and malformed numbers are errors. */
bool json_parse(struct json *doc, char *buf, size_t n);

/* The member NAME of OBJECT, or NULL (also if OBJECT is NULL or not an object). */
const struct json_value *json_get(const struct json *doc, const struct json_value *object,
				  const char *name);
/* The text of a string member, or NULL. */
const char *json_string(const struct json *doc, const struct json_value *object, const char *name);
/* Get an integer member that fits; false otherwise. */
bool json_integer(const struct json *doc, const struct json_value *object, const char *name,
		  int64_t *out);
/* Get a number member, which may have a fraction; false otherwise. */
bool json_number(const struct json *doc, const struct json_value *object, const char *name,
		 double *out);
/* A boolean member, DEFAULT if it is missing. */
bool json_bool(const struct json *doc, const struct json_value *object, const char *name,
	       bool dflt);

/* The length of the first complete JSON object or array in the N bytes at BUF, for stream readers
 * (strings and escapes are respected); 0 if it is incomplete. Preceding white space is part of the
 * length. If it begins with anything but { or [, the result is 1, and json_parse() reports the
 * error. The scan continues from *STATE, which is zeroed at the start of each object, so that each
 * byte is examined once. */
struct json_scan {
	size_t at;
	int depth;
	bool in_string, escaped;
};
size_t json_scan(struct json_scan *state, const char *buf, size_t n);

#endif
