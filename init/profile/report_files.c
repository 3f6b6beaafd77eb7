/* report_files.c - the files that a guest boots or reads, by setting (report.h). */
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "format/json.h"
#include "profile/report.h"

void report_add_file(struct report *r, const char *setting, const char *sha256)
{
	if (!sha256[0] || r->files == REPORT_FILES)
		return;
	struct report_file *f = &r->file[r->files++];

	(void)snprintf(f->setting, sizeof f->setting, "%s", setting);
	(void)snprintf(f->sha256, sizeof f->sha256, "%s", sha256);
}

const char *report_file_sha256(const struct report *r, const char *setting)
{
	for (size_t i = 0; i < r->files; i++)
		if (strcmp(r->file[i].setting, setting) == 0)
			return r->file[i].sha256;
	return "";
}

void report_files_json(const struct report *r, struct text *t)
{
	struct json_member m[REPORT_FILES + 1] = {{0}};

	if (!r->files_known)
		return;
	for (size_t i = 0; i < r->files; i++)
		m[i] = JSON_MEMBER J_TEXT(r->file[i].setting, r->file[i].sha256);
	text_add_json(t, m);
}

bool report_files_read(const struct json *doc, struct report *r)
{
	const struct json_value *files = json_get(doc, doc->values, "files");

	if (!files)
		return true;
	if (files->type != JSON_OBJECT)
		return false;
	r->files_known = true;
	for (int32_t i = files->first; i >= 0; i = doc->values[i].next) {
		const struct json_value *v = &doc->values[i];

		if (v->type != JSON_STRING || strlen(v->text) != 64 ||
		    strlen(v->name) >= sizeof r->file->setting || r->files == REPORT_FILES)
			return false;
		report_add_file(r, v->name, v->text);
	}
	return true;
}
