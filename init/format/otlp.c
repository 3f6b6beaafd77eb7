/* otlp.c - see otlp.h. */
#include "format/otlp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"

/* ---- traceparent --------------------------------------------------------------------------- */

/* Parse 2 * N lower-case hexadecimal digits at TEXT into OUT. False: invalid, or all zero. */
static bool read_hex(const char *text, unsigned char *out, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char any = 0;

	for (size_t i = 0; i < n; i++) {
		const char *high = text[2 * i] ? strchr(digits, text[2 * i]) : NULL;
		const char *low = high && text[2 * i + 1] ? strchr(digits, text[2 * i + 1]) : NULL;

		if (!low)
			return false;
		out[i] = (unsigned char)((high - digits) << 4 | (low - digits));
		any |= out[i];
	}
	return any != 0;
}

bool otlp_parent(struct otlp *o, const char *text, bool *sampled)
{
	/* VERSION-TRACE-PARENT-FLAGS; later versions may append fields. */
	enum { TRACE = 3, PARENT = TRACE + 32 + 1, FLAGS = PARENT + 16 + 1, LENGTH = FLAGS + 2 };
	unsigned char trace[16];
	unsigned char parent[8];
	unsigned char version = 0;
	unsigned char flags = 0;
	size_t n = strlen(text);
	bool zero = strncmp(text, "00", 2) == 0;

	if (n < LENGTH || (zero && n != LENGTH) || (n > LENGTH && text[LENGTH] != '-') ||
	    text[2] != '-' || text[PARENT - 1] != '-' || text[FLAGS - 1] != '-' ||
	    (!zero && !read_hex(text, &version, 1)) || version == 0xff ||
	    !read_hex(text + TRACE, trace, sizeof trace) ||
	    !read_hex(text + PARENT, parent, sizeof parent))
		return false;
	if (strncmp(text + FLAGS, "00", 2) != 0 && !read_hex(text + FLAGS, &flags, 1))
		return false;
	memcpy(o->trace, trace, sizeof trace);
	memcpy(o->parent, parent, sizeof parent);
	o->has_parent = true;
	*sampled = flags & 1;
	return true;
}

/* ---- events -------------------------------------------------------------------------------- */

/* Days from 1970-01-01 to 1 March of YEAR. Years that begin in March have the leap day at their end
 * (algorithm of Fliegel and Van Flandern). */
static int64_t days_of(int year, int month, int day)
{
	static const short before[] = {306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275};
	int y = month <= 2 ? year - 1 : year;

	return (int64_t)365 * y + y / 4 - y / 100 + y / 400 + before[month - 1] + day - 719469;
}

static int digits(const char *text, int n)
{
	int value = 0;

	for (; n > 0; n--, text++) {
		if (*text < '0' || *text > '9')
			return -1;
		value = 10 * value + (*text - '0');
	}
	return value;
}

/* Convert 2026-01-31T23:59:59.999Z to ns since 1970. False: invalid. */
static bool read_time(const char *text, uint64_t *ns)
{
	int year, month, day, hour, minute, second, ms;

	if (!text || strlen(text) != 24)
		return false;
	year = digits(text, 4);
	month = digits(text + 5, 2);
	day = digits(text + 8, 2);
	hour = digits(text + 11, 2);
	minute = digits(text + 14, 2);
	second = digits(text + 17, 2);
	ms = digits(text + 20, 3);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 ||
	    minute < 0 || second < 0 || ms < 0)
		return false;
	*ns = ((uint64_t)days_of(year, month, day) * 86400 + (uint64_t)hour * 3600 +
	       (uint64_t)minute * 60 + (uint64_t)second) *
		      1000000000u +
	      (uint64_t)ms * 1000000u;
	return true;
}

static void add_phase(struct otlp *o, const char *name, const char *kind, double ms)
{
	if (o->phase_count == OTLP_SPANS)
		return;
	struct otlp_phase *p = &o->phases[o->phase_count++];

	(void)snprintf(p->name, sizeof p->name, "%s", name);
	(void)snprintf(p->kind, sizeof p->kind, "%s", kind);
	p->begin_ms = o->last_ms;
	p->end_ms = ms;
	o->last_ms = ms;
}

static void add_event(struct otlp *o, const char *name, double ms)
{
	if (o->event_count == OTLP_EVENTS)
		return;
	(void)snprintf(o->events[o->event_count].name, OTLP_NAME, "%s", name);
	o->events[o->event_count++].ms = ms;
}

static bool is_failure(const char *event)
{
	static const char *const failures[] = {"panic", "boot_deadline", "run_deadline", "dead",
					       "down",	"shutdown",	 "exit"};

	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
		if (strcmp(event, failures[i]) == 0)
			return true;
	return false;
}

bool otlp_event(struct otlp *o, char *line, size_t n)
{
	struct json_value values[64];
	struct json doc = {.values = values, .room = 64};
	uint64_t at;
	double ms;

	if (o->ended || !json_parse(&doc, line, n))
		return o->ended;
	const char *event = json_string(&doc, values, "event");

	if (!event || !json_number(&doc, values, "ms", &ms) || ms < 0 || ms > 1e12)
		return false;
	if (!o->dated && read_time(json_string(&doc, values, "time"), &at)) {
		o->dated = true;
		o->origin_ns = at - (uint64_t)(ms * 1e6);
	}
	if (ms < o->last_ms)
		ms = o->last_ms;
	const char *name = json_string(&doc, values, "name");
	const char *kind = json_string(&doc, values, "kind");

	if (strcmp(event, "spawn") == 0)
		add_phase(o, "start", "host", ms);
	else if (strcmp(event, "qmp") == 0)
		add_phase(o, "qemu", "host", ms);
	else if (strcmp(event, "phase") == 0 && name && kind &&
		 (strcmp(kind, "progress") == 0 || strcmp(kind, "ready") == 0))
		add_phase(o, name, kind, ms);
	else
		add_event(o, event, ms);
	o->failed = is_failure(event);
	o->ended = o->failed || strcmp(event, "ready") == 0;
	if (o->ended) {
		o->last_ms = ms;
		(void)snprintf(o->outcome, sizeof o->outcome, "%s", event);
	}
	return o->ended;
}

/* ---- the request --------------------------------------------------------------------------- */

static const char *hex(const unsigned char *bytes, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	return out;
}

static const char *time_of(const struct otlp *o, double ms, char out[24])
{
	(void)snprintf(out, 24, "%" PRIu64, o->origin_ns + (uint64_t)(ms * 1e6));
	return out;
}

static void add_attribute(struct text *t, const char *key, const char *value)
{
	text_list_add(
		t, JSON_LIST(J_TEXT("key", key), J_OBJECT("value", J_TEXT("stringValue", value))));
}

const char *otlp_pair(const char *list, char *key, char *value, size_t size)
{
	while (*list) {
		size_t len = strcspn(list, ",");
		const char *end = list + len;
		const char *equal = memchr(list, '=', len);
		size_t n = 0;

		while (*list == ' ')
			list++;
		if (equal && equal > list && (size_t)(end - list) < size) {
			(void)snprintf(key, size, "%.*s", (int)(equal - list), list);
			for (const char *at = equal + 1; at < end; at++) {
				char pair[3] = {0};
				char *rest = pair;

				if (*at == '%' && end - at > 2)
					memcpy(pair, at + 1, 2);
				long byte = strtol(pair, &rest, 16);

				/* A control character would end a header. */
				if (rest == pair + 2 && byte >= ' ' && pair[0] != '-' &&
				    pair[0] != '+') {
					value[n++] = (char)byte;
					at += 2;
				} else if ((unsigned char)*at >= ' ') {
					value[n++] = *at;
				}
			}
			value[n] = '\0';
			key[strcspn(key, " ")] = '\0';
			if (key[0])
				return end + (*end == ',');
		}
		list = end + (*end == ',');
	}
	return NULL;
}

/* Span I; 0 is the whole start. */
static void add_span(const struct otlp *o, size_t i, const char *attributes, const char *events,
		     struct text *t)
{
	const struct otlp_phase *p = i > 0 ? &o->phases[i - 1] : NULL;
	const unsigned char *parent = i > 0 ? o->ids[0] : o->parent;
	char trace[33], id[17], parent_id[17], begin[24], end[24];
	char status[160] = "{}";

	if (i == 0)
		(void)json_write(
			status, sizeof status,
			JSON_LIST(J_INT("code", o->failed ? 2 : 1),
				  o->failed ? (struct json_member)J_TEXT("message", o->outcome)
					    : (struct json_member)J_RAW("message", NULL)));
	text_list_add(
		t, JSON_LIST(J_TEXT("traceId", hex(o->trace, sizeof o->trace, trace)),
			     J_TEXT("spanId", hex(o->ids[i], sizeof o->ids[i], id)),
			     J_TEXT("parentSpanId",
				    i > 0 || o->has_parent ? hex(parent, 8, parent_id) : ""),
			     J_TEXT("name", p ? p->name : "boot"), J_INT("kind", 1),
			     J_TEXT("startTimeUnixNano", time_of(o, p ? p->begin_ms : 0, begin)),
			     J_TEXT("endTimeUnixNano", time_of(o, p ? p->end_ms : o->last_ms, end)),
			     J_RAW("attributes", attributes), J_RAW("events", events),
			     J_RAW("status", status)));
}

void otlp_json(const struct otlp *o, const char *service, const char *version, const char *host,
	       const char *attributes, struct text *out)
{
	struct text resource = {0};
	struct text events = {0};
	struct text spans = {0};
	struct text lists[2] = {{0}};
	char key[256], value[256], at[24];

	/* service.name: OTEL_SERVICE_NAME takes precedence over OTEL_RESOURCE_ATTRIBUTES. */
	add_attribute(&resource, "service.name", service);
	add_attribute(&resource, "service.version", version);
	add_attribute(&resource, "host.name", host);
	for (const char *rest = attributes ? attributes : "";
	     (rest = otlp_pair(rest, key, value, sizeof key)) != NULL;)
		if (strcmp(key, "service.name") != 0)
			add_attribute(&resource, key, value);
	for (size_t i = 0; i < o->event_count; i++)
		text_list_add(&events,
			      JSON_LIST(J_TEXT("timeUnixNano", time_of(o, o->events[i].ms, at)),
					J_TEXT("name", o->events[i].name)));
	for (size_t i = 0; i <= o->phase_count; i++) {
		struct text t = {0};

		if (i == 0)
			add_attribute(&t, "vm.outcome", o->outcome);
		else
			add_attribute(&t, "vm.phase.kind", o->phases[i - 1].kind);
		add_span(o, i, text_list_end(&t), i == 0 ? text_list_end(&events) : NULL, &spans);
		text_free(&t);
	}
	/* From the inside to the outside. */
	text_list_add(&lists[0], JSON_LIST(J_OBJECT("scope", J_TEXT("name", "hurd-vm")),
					   J_RAW("spans", text_list_end(&spans))));
	text_list_add(&lists[1],
		      JSON_LIST(J_OBJECT("resource", J_RAW("attributes", text_list_end(&resource))),
				J_RAW("scopeSpans", text_list_end(&lists[0]))));
	text_add_json(out, JSON_LIST(J_RAW("resourceSpans", text_list_end(&lists[1]))));
	struct text *const all[] = {&resource, &events, &spans, &lists[0], &lists[1]};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		out->failed |= all[i]->failed;
		text_free(all[i]);
	}
}
