/* cpu_state.c - see cpu_state.h. */
#include "format/cpu_state.h"

#include <stdlib.h>
#include <string.h>

#define EFLAGS_IF 0x200u /* Intel SDM, volume 1, 3.4.3 */
/* Arm ARM: C5.2.18 (SPSR_EL1 for AArch64), G8.2 (CPSR); the RISC-V manual II, 3.1.6. */
#define PSTATE_EL   0xcu
#define PSR_USER    0x10u
#define PSR_MODE    0x1fu
#define PSR_I	    0x80u
#define MSTATUS_SIE 0x2u

/* The number in BASE after NAME in the N bytes at TEXT. */
static bool field(const char *text, size_t n, const char *name, int base, unsigned long *out)
{
	const char *at = memmem(text, n, name, strlen(name));
	char digits[17] = {0};

	if (!at)
		return false;
	at += strlen(name);
	size_t left = n - (size_t)(at - text);
	char *end;

	memcpy(digits, at, left < 16 ? left : 16);
	*out = strtoul(digits, &end, base);
	return end != digits;
}

static void add(struct cpu_states *s, unsigned long flags, unsigned long cpl, unsigned long hlt)
{
	s->count++;
	if (hlt && flags & EFLAGS_IF)
		s->idle++;
	else if (hlt)
		s->dead++;
	else if (cpl == 3)
		s->user++;
	else
		s->busy++;
}

/* For Arm and RISC-V QEMU does not report whether a processor waits for an interrupt. Their kernels
 * wait with interrupts masked, but interrupts are also masked briefly during work, and may be
 * masked in a processor that has stopped. */
static void add_other(struct cpu_states *s, bool user, bool masked)
{
	s->count++;
	s->user += user;
	s->idle += !user && masked;
	s->masked = s->idle;
	s->busy += !user && !masked;
}

/* RISC-V's privilege level is not reported either. Kernels run in the upper half, or at the start
 * of virt's memory, below the randomised addresses of programs. */
static bool riscv_user(unsigned long pc)
{
	return pc >> 63 == 0 && (pc < 0x80000000u || pc >> 32 != 0);
}

bool cpu_states_parse(const char *text, size_t n, struct cpu_states *out)
{
	const char *end = text + n;
	unsigned long pc = 0;

	*out = (struct cpu_states){0};
	while (text < end) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t len = (size_t)((eol ? eol : end) - text);
		unsigned long flags;
		unsigned long cpl;
		unsigned long hlt;

		if ((field(text, len, " EFL=", 16, &flags) ||
		     field(text, len, " RFL=", 16, &flags)) &&
		    field(text, len, " CPL=", 10, &cpl) && field(text, len, " HLT=", 10, &hlt))
			add(out, flags, cpl, hlt);
		else if (field(text, len, "PSTATE=", 16, &flags))
			add_other(out, (flags & PSTATE_EL) == 0, flags & PSR_I);
		else if (field(text, len, "PSR=", 16, &flags))
			add_other(out, (flags & PSR_MODE) == PSR_USER, flags & PSR_I);
		else if (field(text, len, " mstatus  ", 16, &flags))
			add_other(out, riscv_user(pc), !(flags & MSTATUS_SIE));
		(void)field(text, len, " pc       ", 16, &pc);
		text += len + 1;
	}
	return out->count > 0;
}

bool cpu_states_dead(const struct cpu_states *s)
{
	return s->dead == s->count;
}

bool cpu_states_stuck(const struct cpu_states *s)
{
	return s->user == 0 && s->idle == s->masked && (s->masked == 0 || s->busy > 0);
}
