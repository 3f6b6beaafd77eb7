/* embed.h - files of the source tree as bytes in the program, included by the assembler.
 *
 * The compiler runs in the top directory. The Makefile lists the files as dependencies of the
 * object, because the compiler does not see them.
 */
#ifndef VM_BASE_EMBED_H
#define VM_BASE_EMBED_H

/* Define NAME[], the bytes of the file PATH, and NAME_end[], which is a NUL after them. */
#define EMBED(name, path)                                                                          \
	__asm__(".section .rodata." #name ",\"a\",%progbits\n" #name ": .incbin \"" path           \
		"\"\n" #name "_end: .byte 0\n"                                                     \
		".globl " #name ", " #name "_end\n"                                                \
		".hidden " #name ", " #name "_end\n"                                               \
		".previous\n");                                                                    \
	extern const char name[] __attribute__((visibility("hidden")));                            \
	extern const char name##_end[] __attribute__((visibility("hidden")))

#endif
