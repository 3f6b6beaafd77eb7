/* otlp.h - the start of a guest as OpenTelemetry spans: converts lines of events.jsonl to the JSON
 * of an OTLP/HTTP request.
 *
 * Sources: opentelemetry.io/docs/specs/otlp (JSON Protobuf Encoding: identifiers in hexadecimal,
 * 64-bit integers as strings), W3C Trace Context (traceparent).
 */
#ifndef VM_FORMAT_OTLP_H
#define VM_FORMAT_OTLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/text.h"

#define OTLP_SPANS  64 /* phases of a boot; there may be as many as markers */
#define OTLP_EVENTS 32
#define OTLP_NAME   64

struct otlp_phase {
	char name[OTLP_NAME], kind[16];
	double begin_ms, end_ms;
};

/* Zero it, except TRACE, IDS and PARENT, before use. */
struct otlp {
	unsigned char trace[16], ids[OTLP_SPANS + 1][8]; /* random; ids[0] is the root span */
	unsigned char parent[8];
	bool has_parent;
	bool dated;	    /* ORIGIN_NS is known */
	uint64_t origin_ns; /* time 0 of the events' `ms`, in ns since 1970 */
	double last_ms;
	size_t phase_count, event_count;
	struct otlp_phase phases[OTLP_SPANS];
	struct {
		char name[OTLP_NAME];
		double ms;
	} events[OTLP_EVENTS];
	bool ended, failed;
	char outcome[OTLP_NAME]; /* ready, or the event that reports the failure */
};

/* Take trace and parent of O from TEXT, a traceparent. False: it is invalid. *SAMPLED: does it
 * request spans? */
bool otlp_parent(struct otlp *o, const char *text, bool *sampled);

/* Process a line of events.jsonl, N bytes, which are modified and must be followed by a writable
 * byte; invalid lines are ignored. True if the line ends the start: the guest is ready or has
 * failed. */
bool otlp_event(struct otlp *o, char *line, size_t n);

/* Build the request's body. SERVICE: service.name. ATTRIBUTES: key=value pairs of the resource,
 * separated by commas, values percent-encoded, as in OTEL_RESOURCE_ATTRIBUTES (NULL: none). */
void otlp_json(const struct otlp *o, const char *service, const char *version, const char *host,
	       const char *attributes, struct text *out);

/* Copy the next pair of LIST (key=value, separated by commas; values percent-encoded) to KEY and
 * VALUE, SIZE bytes each. Invalid or too long pairs are skipped. NULL at the end. */
const char *otlp_pair(const char *list, char *key, char *value, size_t size);

#endif
