/* test_cpu_state.c - parsing the output of `info registers -a` of QEMU 7.2 and 10.0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "format/cpu_state.h"

#define LONG_MODE(flags, cpl, hlt)                                                                 \
	"CPU#0\r\nRAX=0000000000000000 RBX=ffffffff81c0f1f0\r\nRIP=ffffffff81a0b2cb RFL=" flags    \
	" [---Z-P-] CPL=" cpl " II=0 A20=1 SMM=0 HLT=" hlt                                         \
	"\r\nES =0000 0000000000000000 ffffffff 00c00000\r\n"
#define PROTECTED(flags, cpl, hlt)                                                                 \
	"CPU#1\r\nEAX=00000000 EBX=00000000\r\nEIP=0000fff0 EFL=" flags " [-------] CPL=" cpl      \
	" II=0 A20=1 SMM=0 HLT=" hlt "\r\nES =0000 00000000 0000ffff 00009300\r\n"

static struct cpu_states parse(const char *text)
{
	struct cpu_states s;

	assert_true(cpu_states_parse(text, strlen(text), &s));
	assert_int_equal(s.user + s.idle + s.dead + s.busy, s.count);
	return s;
}

static void each_state_is_recognised(void **state)
{
	(void)state;
	assert_int_equal(parse(LONG_MODE("00000246", "0", "1")).idle, 1);
	assert_int_equal(parse(LONG_MODE("00000046", "0", "1")).dead, 1);
	assert_int_equal(parse(LONG_MODE("00000246", "3", "0")).user, 1);
	assert_int_equal(parse(PROTECTED("00000002", "0", "0")).busy, 1);
}

static void a_guest_is_dead_if_all_processors_are(void **state)
{
	struct cpu_states s =
		parse(LONG_MODE("00000046", "0", "1") PROTECTED("00000002", "0", "1"));

	(void)state;
	assert_int_equal(s.count, 2);
	assert_true(cpu_states_dead(&s));
	assert_true(cpu_states_stuck(&s));
	/* One processor that waits for its start-up IPI and one that idles are not a dead machine.
	 */
	s = parse(LONG_MODE("00000246", "0", "1") PROTECTED("00000002", "0", "1"));
	assert_false(cpu_states_dead(&s));
	assert_false(cpu_states_stuck(&s));
}

static void a_spinning_kernel_is_not_dead(void **state)
{
	struct cpu_states s = parse(LONG_MODE("00000046", "0", "0"));

	(void)state;
	assert_true(cpu_states_stuck(&s));
	assert_false(cpu_states_dead(&s));
	s = parse(LONG_MODE("00000246", "3", "0"));
	assert_false(cpu_states_stuck(&s));
}

static void arm_and_riscv_registers_show_less(void **state)
{
#define ARM64(pstate)                                                                              \
	"\r\nCPU#0\r\n PC=ffffd116cc749868 X00=0000000000000005\r\nPSTATE=" pstate                 \
	" -Z-- EL1h     FPCR=00000000 FPSR=00000000\r\n"
#define ARM(psr) "\r\nCPU#0\r\nR00=00000000\r\nPSR=" psr " -ZC- A NS svc32\r\nFPSCR: 00000000\r\n"
#define RISCV(pc, mstatus)                                                                         \
	"\r\nCPU#0\r\n V      =   0\r\n pc       " pc                                              \
	"\r\n mhartid  0000000000000000\r\n mstatus  " mstatus                                     \
	"\r\n hstatus  0000000200000000\r\n"
	(void)state;
	assert_int_equal(parse(ARM64("400000c5")).idle, 1);
	assert_int_equal(parse(ARM64("60400005")).busy, 1);
	assert_int_equal(parse(ARM64("00001000")).user, 1);
	assert_int_equal(parse(ARM("600000d3")).idle, 1);
	assert_int_equal(parse(ARM("60000013")).busy, 1);
	assert_int_equal(parse(ARM("20000030")).user, 1);
	assert_int_equal(parse(RISCV("ffffffff80a73f30", "0000000a000000a0")).idle, 1);
	assert_int_equal(parse(RISCV("ffffffff80a73f30", "0000000a000000a2")).busy, 1);
	assert_int_equal(parse(RISCV("0000000080001a2c", "0000000a000000a0")).idle, 1);
	assert_int_equal(parse(RISCV("0000003f8ab0b2ce", "0000000a000000a2")).user, 1);
	assert_int_equal(parse(RISCV("0000000000000042", "0000000a000000a2")).user, 1);
	assert_int_equal(parse(ARM64("400000c5") ARM64("60400005")).count, 2);
	/* One spins and the others are stopped; one runs a program and the others wait; all wait.
	 */
	struct cpu_states several = parse(ARM64("400000c5") ARM64("60400005"));

	assert_true(cpu_states_stuck(&several));
	several = parse(ARM64("400000c5") ARM64("00001000"));
	assert_false(cpu_states_stuck(&several));
	several = parse(ARM64("400000c5") ARM64("400000c5"));
	assert_false(cpu_states_stuck(&several));
}

static void no_processor_gives_no_answer(void **state)
{
	struct cpu_states s;
	static const char *const texts[] = {"",
					    "\r\n",
					    "RIP=0 RFL=",
					    "unknown command: 'info'\r\n",
					    "RFL=00000246 CPL=0 HLT=1",
					    " EFL=zz CPL=0 HLT=1"};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_false(cpu_states_parse(texts[i], strlen(texts[i]), &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_is_recognised),
		cmocka_unit_test(a_guest_is_dead_if_all_processors_are),
		cmocka_unit_test(a_spinning_kernel_is_not_dead),
		cmocka_unit_test(arm_and_riscv_registers_show_less),
		cmocka_unit_test(no_processor_gives_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
