/* text.h - a text buffer that grows as needed: reports, JSON, pictures. */
#ifndef VM_FORMAT_TEXT_H
#define VM_FORMAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json_write.h"

/* Zero it before use. BYTES is NUL-terminated once something was added. */
struct text {
	char *bytes;
	size_t len, room;
	bool failed; /* out of memory: later additions are missing */
};

/* Append the result of FMT (printf(3)). */
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Append the JSON object of MEMBERS. */
void text_add_json(struct text *t, const struct json_member *members);
/* T is a list (zeroed at first): add the object of MEMBERS. text_list_end() adds the closing
 * bracket and returns the list, "[]" if it has no element or there was no memory. */
void text_list_add(struct text *t, const struct json_member *members);
const char *text_list_end(struct text *t);
/* Append S as text of an XML element or attribute (XML 1.0, 2.4), with control characters replaced
 * by U+FFFD. */
void text_add_xml(struct text *t, const char *s);

void text_free(struct text *t);

#endif
