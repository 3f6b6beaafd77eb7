/* test_reset_fault.c - resets after faults and panics, loops of resets, and VM_ON_REBOOT=exit. */
#include "room_reset.h"

static void a_triple_fault_is_a_panic(void **state)
{
	(void)state;
	guest_printed("Linux\n");
	(void)room_posted();
	faults_at("EIP=00101234");
	machine_resets(true);
	assert_posted(
		"[restarted][panic panic: triple fault at EIP=00101234: its processor could not "
		"handle a fault and was reset]");
	assert_false(debug_log.fault.triple);
	/* With several processors the address is unknown. */
	room.life.verdict = VERDICT_NONE;
	room.plan.s.cpus = 2;
	guest_printed("Linux\n");
	(void)room_posted();
	faults_at("EIP=00101234");
	machine_resets(true);
	assert_posted(
		"[restarted][panic panic: triple fault: its processor could not handle a fault "
		"and was reset]");
}

static void a_triple_fault_is_a_way_to_reboot(void **state)
{
	static const char *const words[] = {"Linux\nStopping\n", "Linux\nRestarting\n"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		guest_printed("SeaBIOS\n");
		(void)room_posted();
		/* Output that is still in the pipe is read before the verdict. */
		guest_prints_unread(words[i]);
		faults_at("EIP=00101234");
		machine_resets(true);
		assert_posted("[serial][restarted]");
	}
	/* A fault before any output is not attributed to the guest. */
	reset_restart(&reset);
	phases_restart(&room.phases);
	faults_at("EIP=00101234");
	machine_resets(true);
	assert_posted("[restarted]");
}

static void a_reset_after_a_panic_message_confirms_it(void **state)
{
	(void)state;
	guest_printed("Linux\nKernel panic\n");
	(void)room_posted();
	panic_check_begin(&panic, marker_named("oops"));
	machine_resets(true);
	assert_posted("[restarted][panic panic: it printed the panic and reset the machine]");
	/* Only once. */
	guest_printed("Kernel panic\n");
	panic.marker = marker_named("oops");
	(void)room_posted();
	machine_resets(true);
	assert_posted("[restarted]");
}

/* A guest that prints, reaches no phase and resets, N times. */
static void resets(int n)
{
	for (int i = 0; i < n; i++) {
		advance(2 * S);
		guest_printed("SeaBIOS\n");
		(void)room_posted();
		machine_resets(true);
	}
}

static void sixteen_resets_are_a_loop(void **state)
{
	(void)state;
	resets(15);
	assert_posted("[restarted]");
	resets(1);
	assert_posted(
		"[restarted][panic panic: its machine was reset 16 times in 30 s without coming "
		"to any phase]");
}

static void a_phase_or_five_minutes_restart_the_count(void **state)
{
	(void)state;
	resets(15);
	guest_printed("Linux\n");
	(void)room_posted();
	machine_resets(true);
	resets(15);
	assert_posted("[restarted]");
	advance(300 * S);
	resets(15);
	assert_posted("[restarted]");
	/* And an external reset. */
	machine_resets(false);
	resets(15);
	assert_posted("[restarted]");
	resets(1);
	assert_string_not_equal(room_posted(), "[restarted]");
}

/* ---- the last fault of a loop ---------------------------------------------------------------- */

static void faults_before_anything(int n)
{
	for (int i = 0; i < n; i++) {
		advance(1 * S);
		faults_at("");
		machine_resets(true);
	}
	(void)room_posted();
}

static void a_fault_loop_stops_before_the_reset(void **state)
{
	(void)state;
	room.plan.s.on_reboot = REBOOT_RESTART;
	room.plan.s.on_panic = PANIC_KEEP;
	faults_before_anything(13);
	qemu_is_idle();
	faults_before_anything(1);
	qemu_acks("set-action", "{\"reboot\":\"shutdown\"}");
	faults_before_anything(1); /* the firmware's */
	faults_at("");
	assert_false(reset_caught(&reset, "guest-shutdown"));
	assert_true(reset_caught(&reset, "guest-reset"));
	assert_posted("");
	qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_returns("\"EAX=1\\r\\nEIP=00007c1f EFL=2\\r\\n\"");
	assert_string_equal(
		room_posted(),
		"[panic panic: its machine was reset 16 times in 14 s without coming to "
		"any phase; last by a triple fault at EIP=00007c1f: its processor could "
		"not handle a fault and was reset][+resetting][reset-pressed][+held]");
	qemu_acks("stop", NULL);
	is_pressed();
	assert_false(reset_caught(&reset, "guest-reset"));
}

static void an_end_without_a_fault_continues(void **state)
{
	(void)state;
	reset.watching = true;
	assert_true(reset_caught(&reset, "host-qmp-system-reset"));
	assert_posted("[+resetting][reset-pressed][+held]");
	qemu_acks("stop", NULL);
	is_pressed();
}

static void guests_that_are_not_watched(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		reset_restart(&reset);
		room.plan.s.on_reboot = i == 0 ? REBOOT_EXIT : REBOOT_RESTART;
		room.plan.s.gdb = i == 1;
		room.plan.s.cpus = i == 2 ? 2 : 1;
		for (int k = 0; k < 14; k++) {
			faults_at(i == 3 ? "EIP=00007c1f" : "");
			machine_resets(true);
		}
		assert_false(reset.watching);
	}
	qemu_is_idle();
}

/* ---- the end ------------------------------------------------------------------------------ */

static void an_ordinary_end_quits(void **state)
{
	(void)state;
	room.life.cause = CAUSE_GUEST_RESET;
	guest_printed("Linux\n");
	assert_false(reset_was_fatal(&reset));
	reset_end(&reset);
	qemu_acks("quit", NULL);
}

static void the_last_fault_is_read_before_quit(void **state)
{
	(void)state;
	room.life.cause = CAUSE_GUEST_RESET;
	faults_at("");
	assert_true(reset_was_fatal(&reset));
	assert_posted("[verdict panic]");
	qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_returns("\"RAX=0\\r\\nRIP=ffffffff80001234\\r\\nFCW=037f\\r\\nXMM00=0\\r\\n\"");
	assert_posted("[fatal-reset: triple fault at RIP=ffffffff80001234: its processor could not "
		      "handle a fault and was reset]");
	assert_logged("  | RIP=ffffffff80001234\n");
	qemu_acks("quit", NULL);
}

static void missing_registers_do_not_delay_the_end(void **state)
{
	(void)state;
	room.life.cause = CAUSE_GUEST_RESET;
	faults_at("EIP=1");
	assert_true(reset_was_fatal(&reset));
	(void)room_posted();
	qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_fails("no");
	assert_posted("[fatal-reset: triple fault at EIP=1: its processor could not handle a fault "
		      "and was reset]");
	qemu_acks("quit", NULL);
	/* QEMU accepts no query. */
	room.life.verdict = VERDICT_NONE;
	faults_at("EIP=1");
	qemu_hangs();
	assert_false(reset_was_fatal(&reset));
	assert_posted("[verdict panic][fatal-reset: triple fault at EIP=1: its processor could not "
		      "handle a fault and was reset]");
}

static void a_panic_is_reported_once(void **state)
{
	(void)state;
	room.life.cause = CAUSE_GUEST_RESET;
	room.life.verdict = VERDICT_PANIC;
	faults_at("EIP=1");
	assert_false(reset_was_fatal(&reset));
	assert_posted("");
}

static void a_guest_that_panicked_may_be_kept(void **state)
{
	static const int kept[] = {PANIC_KEEP, PANIC_PAUSE};

	(void)state;
	room.life.verdict = VERDICT_PANIC;
	for (size_t i = 0; i < 2; i++) {
		room.plan.s.on_panic = kept[i];
		reset_end(&reset);
		assert_posted("[kept]");
		qemu_is_idle();
	}
	room.life.rung = RUNG_ACPI; /* not after a stop */
	reset_end(&reset);
	assert_posted("");
	qemu_acks("quit", NULL);
	room.life.rung = RUNG_NONE;
	room.plan.s.on_panic = PANIC_EXIT;
	reset_end(&reset);
	qemu_acks("quit", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_triple_fault_is_a_panic),
		TEST(a_triple_fault_is_a_way_to_reboot),
		TEST(a_reset_after_a_panic_message_confirms_it),
		TEST(sixteen_resets_are_a_loop),
		TEST(a_phase_or_five_minutes_restart_the_count),
		TEST(a_fault_loop_stops_before_the_reset),
		TEST(an_end_without_a_fault_continues),
		TEST(guests_that_are_not_watched),
		TEST(an_ordinary_end_quits),
		TEST(the_last_fault_is_read_before_quit),
		TEST(missing_registers_do_not_delay_the_end),
		TEST(a_panic_is_reported_once),
		TEST(a_guest_that_panicked_may_be_kept),
	};

	return cmocka_run_group_tests_name("reset_fault", tests, NULL, NULL);
}
