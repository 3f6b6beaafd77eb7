/* start.c - the programs' entry: relocates the program and calls the C library.
 *
 * Replaces musl's rcrt1.o, which knows DT_RELR only since 1.2.4: the 286 pointers of PID 1 take 24
 * bytes each in DT_RELA and about two bits each in DT_RELR. (generic ABI, "Relative relocations":
 * an even word is an address to relocate, an odd one a bitmap of the following 63 words.)
 */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#define RELATIVE R_X86_64_RELATIVE
__asm__(".text\n"
	".global program_start\n"
	".hidden program_start\n"
	".type program_start, @function\n"
	"program_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call program_begin\n"
	"	ud2\n");
#elif defined(__aarch64__)
#define RELATIVE R_AARCH64_RELATIVE
__asm__(".text\n"
	".global program_start\n"
	".hidden program_start\n"
	".type program_start, %function\n"
	"program_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	and sp, x0, #-16\n"
	"	bl program_begin\n"
	"	brk #1\n");
#else
#error "start.c: this processor's entry is not written"
#endif

/* The program is linked at address 0, so these are the load address: of the ELF header, and of the
 * table before it. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const Elf64_Dyn _DYNAMIC[] __attribute__((visibility("hidden")));

int main(int argc, char **argv);
int __libc_start_main(int (*program)(int, char **), int argc, char **argv,
		      void (*unused_init)(void), void (*unused_fini)(void),
		      void (*unused_loader)(void));
void program_begin(uintptr_t *stack);

static void relocate(uintptr_t base, const Elf64_Rela *rela, size_t bytes)
{
	for (const Elf64_Rela *end = rela + bytes / sizeof *rela; rela < end; rela++)
		if (ELF64_R_TYPE(rela->r_info) == RELATIVE)
			*(uintptr_t *)(base + rela->r_offset) = base + (uintptr_t)rela->r_addend;
}

static void relocate_packed(uintptr_t base, const uint64_t *relr, size_t bytes)
{
	uintptr_t *where = (uintptr_t *)base; /* the first word is always an address */

	for (const uint64_t *end = relr + bytes / sizeof *relr; relr < end; relr++) {
		if (!(*relr & 1)) {
			where = (uintptr_t *)(base + *relr);
			*where++ += base;
			continue;
		}
		for (unsigned bit = 1; bit < 64; bit++)
			if (*relr >> bit & 1)
				where[bit - 1] += base;
		where += 63;
	}
}

/* Runs before relocation and before thread-local storage exists, so without a stack guard. */
__attribute__((used, no_stack_protector)) void program_begin(uintptr_t *stack)
{
	uintptr_t base = (uintptr_t)__ehdr_start, rela = 0, relr = 0;
	size_t rela_bytes = 0, relr_bytes = 0;

	for (const Elf64_Dyn *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++)
		if (entry->d_tag == DT_RELA)
			rela = entry->d_un.d_ptr;
		else if (entry->d_tag == DT_RELASZ)
			rela_bytes = entry->d_un.d_val;
		else if (entry->d_tag == 36) /* DT_RELR */
			relr = entry->d_un.d_ptr;
		else if (entry->d_tag == 35) /* DT_RELRSZ */
			relr_bytes = entry->d_un.d_val;
	relocate(base, (const Elf64_Rela *)(base + rela), rela_bytes);
	relocate_packed(base, (const uint64_t *)(base + relr), relr_bytes);
	/* musl ignores the last three arguments. */
	__libc_start_main(main, (int)stack[0], (char **)(stack + 1), NULL, NULL, NULL);
}
