/* manifest.c - see manifest.h. */
#include "qemu/manifest.h"

#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "format/json.h"
#include "host/disk.h"

#define FORMAT 1

/* Options that the guest does not see, and whether a value follows them. */
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

/* Of WORD and NEXT ("" for none), how many the guest does not see: 0, 1 or 2. */
static size_t hidden_words(const char *word, const char *next)
{
	if (strcmp(word, "-object") == 0 && strncmp(next, "memory-backend-file,", 20) == 0)
		return 2;
	for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++)
		if (strcmp(word, unseen[i].option) == 0)
			return unseen[i].value ? 2 : 1;
	return 0;
}

/* Whether PART of a value of -netdev or -machine is invisible to the guest. */
static bool is_host_part(const char *part)
{
	static const char *const parts[] = {"hostfwd=", "local.", "remote.", "memory-backend="};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strncmp(part, parts[i], strlen(parts[i])) == 0)
			return true;
	return false;
}

/* Copy VALUE without those parts to OUT. Returns its length with the NUL. */
static size_t visible_part(const char *value, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	while (*value && used < size) {
		int len = (int)strcspn(value, ",");

		if (!is_host_part(value))
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
		/* After a direct boot the guest does not need these files any more: their content
		 * is in its memory. */
		size_t skip = args->direct_count && i == args->direct_at
				      ? args->direct_count
				      : hidden_words(args->argv[i],
						     i + 1 < args->count ? args->argv[i + 1] : "");
		const char *slash = i == 0 ? strrchr(args->argv[0], '/') : NULL;

		if (skip == 0) {
			const char *word = slash ? slash + 1 : args->argv[i];

			if (i > 0 && (strcmp(args->argv[i - 1], "-netdev") == 0 ||
				      strcmp(args->argv[i - 1], "-machine") == 0)) {
				size_t n = visible_part(word, text + used, MANIFEST_MAX - used);

				word = text + used;
				used += n;
			}
			m->words[m->word_count++] = word;
		}
		i += skip ? skip : 1;
	}
}

/* Write LIST as a JSON array into BUF. */
static const char *array(char *buf, const char *const *list, size_t count, bool *full)
{
	struct json_list l;

	json_list_begin(&l, buf, MANIFEST_MAX);
	for (size_t i = 0; i < count; i++)
		json_list_text(&l, list[i], -1);
	*full |= l.full;
	return json_list_end(&l);
}

size_t manifest_write(const struct manifest *m, char *buf)
{
	static char disks[MANIFEST_MAX], words[MANIFEST_MAX];
	bool full = false;
	const char *disk = array(disks, m->disks, m->disk_count, &full);
	const char *machine = array(words, m->words, m->word_count, &full);

	return full ? 0
		    : json_line(buf, MANIFEST_MAX,
				JSON_LIST(J_INT("format", FORMAT), J_TEXT("kind", m->kind),
					  J_TEXT("memory", m->memory), J_TEXT("qemu", m->qemu),
					  J_TEXT("host_cpu", m->host_cpu),
					  J_TEXT("console", m->console ? m->console : "busy"),
					  J_TEXT("line", m->line ? m->line : ""),
					  J_INT("saved", m->saved), J_BOOL("ready", m->ready),
					  J_BOOL("login", m->login), J_INT("overlays", m->overlays),
					  J_RAW("disk", disk), J_RAW("machine", machine)));
}

/* Read the texts of the array NAME of DOC. False if it is not an array, or too long. */
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
			       .console = json_string(&doc, root, "console"),
			       .line = json_string(&doc, root, "line")};
	return m->kind && m->memory && m->qemu && m->host_cpu &&
	       json_integer(&doc, root, "saved", &m->saved) &&
	       json_integer(&doc, root, "overlays", &m->overlays) && m->overlays >= 0 &&
	       m->overlays <= MANIFEST_OVERLAYS &&
	       read_list(&doc, "disk", m->disks, MANIFEST_DISKS, &m->disk_count) &&
	       read_list(&doc, "machine", m->words, ARGS_MAX, &m->word_count);
}

static bool same_word(const char *was, const char *is)
{
	return strcmp(was, is) == 0;
}

static bool same_list(const char *const *saved, size_t saved_count, const char *const *now,
		      size_t now_count, bool (*same)(const char *was, const char *is),
		      const char *what, char *why, size_t size)
{
	for (size_t i = 0; i < saved_count || i < now_count; i++) {
		const char *was = i < saved_count ? saved[i] : "nothing";
		const char *is = i < now_count ? now[i] : "nothing";
		const char *option =
			i > 0 && i < saved_count && saved[i - 1][0] == '-' ? saved[i - 1] : "";

		if (same(was, is))
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
			 disk_marks_match, "the disk's size and time of change", why, size) &&
	       same_list(saved->words, saved->word_count, now->words, now->word_count, same_word,
			 "the machine", why, size);
}
