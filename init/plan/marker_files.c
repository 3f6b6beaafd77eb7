/* marker_files.c - see marker_files.h. */
#include "plan/marker_files.h"

#include "base/embed.h"

EMBED(markers_hurd, "init/plan/markers/hurd.markers");
EMBED(markers_mach, "init/plan/markers/mach.markers");
EMBED(markers_linux, "init/plan/markers/linux.markers");
EMBED(markers_minix, "init/plan/markers/minix.markers");
EMBED(markers_exov6, "init/plan/markers/exov6.markers");
EMBED(markers_generic, "init/plan/markers/generic.markers");

const char *marker_file(enum guest_kind g, size_t *n)
{
	static const struct {
		const char *text, *end;
	} files[] = {
		[GUEST_AUTO] = {markers_generic, markers_generic_end},
		[GUEST_HURD] = {markers_hurd, markers_hurd_end},
		[GUEST_MACH] = {markers_mach, markers_mach_end},
		[GUEST_LINUX] = {markers_linux, markers_linux_end},
		[GUEST_MINIX] = {markers_minix, markers_minix_end},
		[GUEST_EXOV6] = {markers_exov6, markers_exov6_end},
		[GUEST_GENERIC] = {markers_generic, markers_generic_end},
	};

	*n = (size_t)(files[g].end - files[g].text);
	return files[g].text;
}
