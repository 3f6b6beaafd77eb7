/* manifest.c - see manifest.h. */
#include "qemu/manifest.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "format/json.h"

#define FORMAT 1

/* Options that the guest does not see, and whether a value follows. */
static const struct {
	const char *option;
	bool value;
} unseen[] = {
	{"-S", false},	     {"-name", true},	 {"-sandbox", true},  {"-action", true},
	{"-incoming", true}, {"-add-fd", true},	 {"-blockdev", true}, {"-chardev", true},
	{"-mon", true},	     {"-monitor", true}, {"-qmp", true},      {"-serial", true},
	{"-display", true},  {"-vnc", true},	 {"-fsdev", true},    {"-d", true},
	{"-trace", true},    {"-D", true},	 {"-gdb", true},
};

/* WORD and NEXT ("" for none). How many of them the guest does not see: 0, 1 or 2. */
static size_t unseen_words(const char *word, const char *next)
{
	if (strcmp(word, "-object") == 0 && strncmp(next, "memory-backend-file,", 20) == 0)
		return 2;
	for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++)
		if (strcmp(word, unseen[i].option) == 0)
			return unseen[i].value ? 2 : 1;
	return 0;
}

/* Parts of the values of -netdev and -machine that the guest does not see. */
static bool is_the_hosts(const char *part)
{
	static const char *const parts[] = {"hostfwd=", "local.", "remote.", "memory-backend="};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strncmp(part, parts[i], strlen(parts[i])) == 0)
			return true;
	return false;
}

/* The value without those, to OUT. Returns its length with the NUL. */
static size_t what_the_guest_sees(const char *value, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	while (*value && used < size) {
		int len = (int)strcspn(value, ",");

		if (!is_the_hosts(value))
			used += (size_t)snprintf(out + used, size - used, "%s%.*s", used ? "," : "",
						 len, value);
		value += len + (value[len] == ',');
	}
	return used + 1;
}

void manifest_machine(struct manifest *m, const struct args *args, char text[MANIFEST_MAX])
{
	size_t used = 0;

	m->word_count = 0;
	for (size_t i = 0; i < args->count;) {
		/* Of a direct boot all that the guest keeps is in its memory. */
		size_t skip = args->direct_count && i == args->direct_at
				      ? args->direct_count
				      : unseen_words(args->argv[i],
						     i + 1 < args->count ? args->argv[i + 1] : "");
		const char *slash = i == 0 ? strrchr(args->argv[0], '/') : NULL;

		if (skip == 0) {
			const char *word = slash ? slash + 1 : args->argv[i];

			if (i > 0 && (strcmp(args->argv[i - 1], "-netdev") == 0 ||
				      strcmp(args->argv[i - 1], "-machine") == 0)) {
				size_t n =
					what_the_guest_sees(word, text + used, MANIFEST_MAX - used);

				word = text + used;
				used += n;
			}
			m->words[m->word_count++] = word;
		}
		i += skip ? skip : 1;
	}
}

struct writer {
	char *buf;
	size_t used;
};

static void __attribute__((format(printf, 2, 3))) put(struct writer *w, const char *fmt, ...)
{
	va_list ap;

	if (w->used >= MANIFEST_MAX)
		return;
	va_start(ap, fmt);
	w->used += (size_t)vsnprintf(w->buf + w->used, MANIFEST_MAX - w->used, fmt, ap);
	va_end(ap);
}

static void put_text(struct writer *w, const char *name, const char *text)
{
	put(w, "\"%s\":", name);
	if (w->used + 8 < MANIFEST_MAX)
		w->used += strlen(json_quote(text, w->buf + w->used, MANIFEST_MAX - w->used));
	put(w, ",");
}

static void put_list(struct writer *w, const char *name, const char *const *list, size_t count)
{
	put(w, "\"%s\":[", name);
	for (size_t i = 0; i < count; i++) {
		put(w, "%s", i ? "," : "");
		if (w->used + 8 < MANIFEST_MAX)
			w->used += strlen(
				json_quote(list[i], w->buf + w->used, MANIFEST_MAX - w->used));
	}
	put(w, "]");
}

size_t manifest_write(const struct manifest *m, char *buf)
{
	struct writer w = {.buf = buf};

	put(&w, "{\"format\":%d,", FORMAT);
	put_text(&w, "kind", m->kind);
	put_text(&w, "memory", m->memory);
	put_text(&w, "qemu", m->qemu);
	put_text(&w, "host_cpu", m->host_cpu);
	put_text(&w, "console", m->console ? m->console : "busy");
	put(&w, "\"saved\":%" PRId64 ",\"ready\":%s,\"login\":%s,\"overlays\":%" PRId64 ",",
	    m->saved, m->ready ? "true" : "false", m->login ? "true" : "false", m->overlays);
	put_list(&w, "disk", m->disks, m->disk_count);
	put(&w, ",");
	put_list(&w, "machine", m->words, m->word_count);
	put(&w, "}\n");
	return w.used < MANIFEST_MAX ? w.used : 0;
}

/* The texts of the array NAME of DOC. False when it is none, or too long. */
static bool read_list(const struct json *doc, const char *name, const char **list, size_t max,
		      size_t *count)
{
	const struct json_value *array = json_get(doc, doc->values, name);

	*count = 0;
	if (!array || array->type != JSON_ARRAY)
		return false;
	for (int32_t i = array->first; i >= 0; i = doc->values[i].next) {
		if (doc->values[i].type != JSON_STRING || *count == max)
			return false;
		list[(*count)++] = doc->values[i].text;
	}
	return true;
}

bool manifest_read(char *buf, size_t n, struct manifest *m)
{
	static struct json_value values[JSON_VALUES];
	static struct json doc = {.values = values, .room = JSON_VALUES};
	const struct json_value *root = doc.values;
	int64_t format;

	if (!json_parse(&doc, buf, n) || !json_integer(&doc, root, "format", &format) ||
	    format != FORMAT)
		return false;
	*m = (struct manifest){.kind = json_string(&doc, root, "kind"),
			       .memory = json_string(&doc, root, "memory"),
			       .qemu = json_string(&doc, root, "qemu"),
			       .host_cpu = json_string(&doc, root, "host_cpu"),
			       .ready = json_bool(&doc, root, "ready", false),
			       .login = json_bool(&doc, root, "login", false),
			       .console = json_string(&doc, root, "console")};
	return m->kind && m->memory && m->qemu && m->host_cpu &&
	       json_integer(&doc, root, "saved", &m->saved) &&
	       json_integer(&doc, root, "overlays", &m->overlays) && m->overlays >= 0 &&
	       m->overlays <= MANIFEST_OVERLAYS &&
	       read_list(&doc, "disk", m->disks, MANIFEST_DISKS, &m->disk_count) &&
	       read_list(&doc, "machine", m->words, ARGS_MAX, &m->word_count);
}

static bool same_list(const char *const *saved, size_t saved_count, const char *const *now,
		      size_t now_count, const char *what, char *why, size_t size)
{
	for (size_t i = 0; i < saved_count || i < now_count; i++) {
		const char *was = i < saved_count ? saved[i] : "nothing";
		const char *is = i < now_count ? now[i] : "nothing";
		const char *option =
			i > 0 && i < saved_count && saved[i - 1][0] == '-' ? saved[i - 1] : "";

		if (strcmp(was, is) == 0)
			continue;
		(void)snprintf(why, size, "%s%s%s: it was %s, and is %s", what, *option ? " " : "",
			       option, was, is);
		return false;
	}
	return true;
}

bool manifest_same(const struct manifest *saved, const struct manifest *now, char *why, size_t size)
{
	if (strcmp(saved->host_cpu, now->host_cpu) != 0) {
		(void)snprintf(why, size, "the host's processor: it was %s, and is %s",
			       saved->host_cpu[0] ? saved->host_cpu : "none (TCG)",
			       now->host_cpu[0] ? now->host_cpu : "none (TCG)");
		return false;
	}
	return same_list(saved->disks, saved->disk_count, now->disks, now->disk_count,
			 "the disk's size and time of change", why, size) &&
	       same_list(saved->words, saved->word_count, now->words, now->word_count,
			 "the machine", why, size);
}
