/* marker_files.c - see marker_files.h: the files, included by the assembler.
 *
 * The compiler runs in the top directory. The Makefile lists the marker files as dependencies of
 * this file's object.
 */
#include "plan/marker_files.h"

#define FILE_OF(name)                                                                              \
	__asm__(".section .rodata.markers_" #name ",\"a\",%progbits\n"                             \
		"markers_" #name ": .incbin \"init/plan/markers/" #name ".markers\"\n"             \
		"markers_" #name "_end:\n"                                                         \
		".globl markers_" #name ", markers_" #name "_end\n"                                \
		".hidden markers_" #name ", markers_" #name "_end\n"                               \
		".previous\n");                                                                    \
	extern const char markers_##name[] __attribute__((visibility("hidden")));                  \
	extern const char markers_##name##_end[] __attribute__((visibility("hidden")))

FILE_OF(hurd);
FILE_OF(mach);
FILE_OF(linux);
FILE_OF(minix);
FILE_OF(exov6);
FILE_OF(generic);

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
