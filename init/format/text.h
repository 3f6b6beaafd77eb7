/* text.h - a text that grows while it is written: reports, JSON, pictures. */
#ifndef VM_FORMAT_TEXT_H
#define VM_FORMAT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json_write.h"

/* Zeroed to begin with. BYTES is NUL-terminated once something was added. */
struct text {
	char *bytes;
	size_t len, room;
	bool failed; /* there was no memory: what was added since is missing */
};

/* Add what FMT makes (printf(3)). */
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Add the JSON object of MEMBERS. */
void text_add_json(struct text *t, const struct json_member *members);
/* Add S as text of an XML element or attribute (XML 1.0, 2.4), in which control characters become
 * U+FFFD. */
void text_add_xml(struct text *t, const char *s);

void text_free(struct text *t);

#endif
