/* json_write.h - the only writer of JSON: an object from a list of its members (RFC 8259).
 *
 * Texts are escaped here; invalid UTF-8 becomes U+FFFD. A list is made with the macros below,
 * which terminate it:
 *
 *   json_write(buf, size, JSON_LIST(J_TEXT("name", name), J_INT("pid", pid)));
 */
#ifndef VM_BASE_JSON_WRITE_H
#define VM_BASE_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>

struct json_member {
	const char *key; /* NULL: the end of the list */
	enum {
		JSON_OUT_TEXT,
		JSON_OUT_INT,
		JSON_OUT_NUMBER,
		JSON_OUT_BOOL,
		JSON_OUT_OBJECT,
		JSON_OUT_RAW
	} type;
	int length; /* of the text, -1: up to its NUL; of a number: its decimals */
	union {
		const char *text; /* NULL becomes null */
		long long integer;
		double number;
		const struct json_member *members;
	};
};

/* clang-format off */
#define J_TEXT(k, t)        {.key = (k), .type = JSON_OUT_TEXT, .text = (t), .length = -1}
#define J_TEXT_N(k, ...)    J_TEXT_LEN(k, __VA_ARGS__) /* length, text; both may come from one macro */
#define J_TEXT_LEN(k, n, t) {.key = (k), .type = JSON_OUT_TEXT, .text = (t), .length = (n)}
#define J_INT(k, i)         {.key = (k), .type = JSON_OUT_INT, .integer = (long long)(i)}
#define J_NUMBER(k, d, n)   {.key = (k), .type = JSON_OUT_NUMBER, .number = (n), .length = (d)}
#define J_BOOL(k, b)        {.key = (k), .type = JSON_OUT_BOOL, .integer = (b)}
/* TEXT is JSON, from json_write() or a list; with NULL the member is left out. */
#define J_RAW(k, t)         {.key = (k), .type = JSON_OUT_RAW, .text = (t)}
#define J_MEMBERS(k, m)     {.key = (k), .type = JSON_OUT_OBJECT, .members = (m)}
#define J_OBJECT(k, ...)    {.key = (k), .type = JSON_OUT_OBJECT, .members = JSON_LIST(__VA_ARGS__)}
#define JSON_LIST(...)      ((const struct json_member[]){__VA_ARGS__, {.key = NULL}})
/* A member that is assigned: m[0] = JSON_MEMBER J_INT("n", 1); */
#define JSON_MEMBER         (struct json_member)
/* clang-format on */

/* Write the object of MEMBERS into BUF. Returns its length; 0 if it does not fit into SIZE, and
 * BUF is "". */
size_t json_write(char *buf, size_t size, const struct json_member *members);

/* The same, followed by a newline. */
size_t json_line(char *buf, size_t size, const struct json_member *members);

/* A list in a buffer of the caller's, for J_RAW. */
struct json_list {
	char *buf;
	size_t size, used;
	const char *between; /* separator; default "," */
	bool full;	     /* an element did not fit; later ones are dropped */
};
void json_list_begin(struct json_list *l, char *buf, size_t size);
void json_list_object(struct json_list *l, const struct json_member *members);
/* N bytes of TEXT, -1: to its NUL. */
void json_list_text(struct json_list *l, const char *text, int n);
/* The list with its closing bracket; valid JSON even if elements were dropped. */
const char *json_list_end(struct json_list *l);

/* Write TEXT as a JSON string with quotes into BUF; invalid UTF-8 becomes U+FFFD. Cut (but still a
 * valid string) if SIZE (at least 8) is too small. Returns BUF. */
const char *json_quote(const char *text, char *buf, size_t size);

#endif
