/* report_provenance.h - the origin of a report's samples as JSON: settings, files, notes, parts
 * with their hosts (docs/profile.md, Schema). */
#ifndef VM_PROFILE_REPORT_PROVENANCE_H
#define VM_PROFILE_REPORT_PROVENANCE_H

#include "format/json.h"
#include "profile/report.h"

/* The values of four members of a report. */
struct report_pieces {
	struct text settings, files, notes, parts;
};
void report_json_pieces(const struct report *r, struct report_pieces *out);

/* Read them back into R, from a report of this VERSION. False: something is incomplete. */
bool report_read_pieces(const struct json *doc, int64_t version, struct report *r);

#endif
