/* test_cpu_state.c - what `info registers -a` says, as QEMU 7.2 and 10.0 print it. */
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

static void each_state_is_told(void **state)
{
	(void)state;
	assert_int_equal(parse(LONG_MODE("00000246", "0", "1")).idle, 1);
	assert_int_equal(parse(LONG_MODE("00000046", "0", "1")).dead, 1);
	assert_int_equal(parse(LONG_MODE("00000246", "3", "0")).user, 1);
	assert_int_equal(parse(PROTECTED("00000002", "0", "0")).busy, 1);
}

static void a_guest_is_dead_when_all_of_it_is(void **state)
{
	struct cpu_states s =
		parse(LONG_MODE("00000046", "0", "1") PROTECTED("00000002", "0", "1"));

	(void)state;
	assert_int_equal(s.count, 2);
	assert_true(cpu_states_dead(&s));
	assert_true(cpu_states_stuck(&s));
	/* A processor that waits for its start-up IPI beside one that idles is not the end. */
	s = parse(LONG_MODE("00000246", "0", "1") PROTECTED("00000002", "0", "1"));
	assert_false(cpu_states_dead(&s));
	assert_false(cpu_states_stuck(&s));
}

static void a_spinning_kernel_is_stuck_and_not_dead(void **state)
{
	struct cpu_states s = parse(LONG_MODE("00000046", "0", "0"));

	(void)state;
	assert_true(cpu_states_stuck(&s));
	assert_false(cpu_states_dead(&s));
	s = parse(LONG_MODE("00000246", "3", "0"));
	assert_false(cpu_states_stuck(&s));
}

static void no_processor_no_answer(void **state)
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
		cmocka_unit_test(each_state_is_told),
		cmocka_unit_test(a_guest_is_dead_when_all_of_it_is),
		cmocka_unit_test(a_spinning_kernel_is_stuck_and_not_dead),
		cmocka_unit_test(no_processor_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
