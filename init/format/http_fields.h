/* http_fields.h - fields of HTTP requests that control access (RFC 9110, 6265, 6454).
 *
 * They are untrusted. libwebsockets has parsed the request; the values of the fields are
 * interpreted here.
 */
#ifndef VM_FORMAT_HTTP_FIELDS_H
#define VM_FORMAT_HTTP_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

/* Does B equal the secret A, which is not empty? The time taken depends on the length of A alone.
 */
bool secret_equal(const char *a, const char *b);

/* Is the Host field HOST (with or without a port) an IP address, localhost, or one of NAMES
 * (separated by commas)? A hostile name server may have resolved any other name to our address (DNS
 * rebinding). */
bool host_is_allowed(const char *host, const char *names);

/* Does ORIGIN (scheme://host[:port]) have the host and port of HOST? */
bool origin_is_host(const char *origin, const char *host);

/* Copy the value of the cookie NAME in the Cookie field FIELD to OUT. False: there is none, or it
 * does not fit. */
bool cookie_value(const char *field, const char *name, char *out, size_t size);

/* The token of the Authorization field FIELD, `Bearer TOKEN`; NULL for other contents. */
const char *bearer_token(const char *field);

/* Parse the two positions of a Last-Event-ID, N-M, or N alone (M becomes -1). False: it is invalid.
 */
bool event_id_parse(const char *text, long long *n, long long *m);

/* Copy the member `event` of a line of events.jsonl, whose value is a word, to OUT. False: none. */
bool event_name(const char *line, char *out, size_t size);

/* How many of the N bytes at TEXT form complete characters; fewer than four are left over. */
size_t utf8_complete_length(const char *text, size_t n);

#endif
