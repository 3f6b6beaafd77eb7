/* test_panic_check.c - confirming a panic or shutdown message of the guest by the state of its
 * processors.
 */
#include "room.h"

#include "pid1/panic_check.h"

#define STUCK "\"RIP=1 RFL=00000006 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\\r\\n\""
#define DEAD  "\"RIP=1 RFL=00000006 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\\r\\n\""
#define IDLE  "\"RIP=1 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\\r\\n\""
#define USER  "\"RIP=1 RFL=00000246 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=0\\r\\n\""

static struct panic_check panic;

static void on_timer(enum timer_id id)
{
	if (id == TIMER_PANIC)
		panic_check_timer(&panic);
}

static int set_up(void **state)
{
	(void)room_set_up(state);
	room.on_timer = on_timer;
	panic_check_init(&panic, &room.env);
	guest_runs();
	return 0;
}

/* The guest prints TEXT, which marker NAME matches. */
static void guest_prints_marker(const char *text, const char *name)
{
	guest_printed(text);
	(void)room_posted();
	panic_check_begin(&panic, marker_named(name));
}

static void processors_are(const char *registers)
{
	qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_returns(registers);
}

static void five_checks_in_a_row_confirm_a_panic(void **state)
{
	(void)state;
	guest_prints_marker("Kernel panic\n", "oops");
	assert_true(panic_check_pending(&panic));
	advance(299 * MS); /* it may still be printing */
	qemu_is_idle();
	advance(1 * MS);
	for (int i = 0; i < 4; i++) {
		processors_are(i % 2 ? STUCK : DEAD);
		assert_posted("");
		advance(149 * MS);
		qemu_is_idle();
		advance(1 * MS);
	}
	processors_are(STUCK);
	assert_posted(
		"[panic panic: oops on the console, and no processor runs a program any more]");
	assert_false(panic_check_pending(&panic));
	assert_false(is_armed(TIMER_PANIC));
}

static void a_guest_that_continues_has_only_printed_text(void **state)
{
	static const char *const alive[] = {USER, IDLE};

	(void)state;
	room_guest_is(GUEST_LINUX);
	lifecycle_ready(&room.life, clock_now());
	for (size_t i = 0; i < 2; i++) {
		guest_prints_marker("Kernel panic\n", "oops");
		advance(300 * MS);
		processors_are(STUCK);
		advance(150 * MS);
		processors_are(alive[i]);
		assert_posted("");
		assert_logged("oops on the console, but the guest runs on: ignored\n");
		assert_false(is_armed(TIMER_PANIC));
		assert_false(panic_check_pending(&panic));
	}
}

/* A kernel that waits for a key after its panic idles: before it is ready, and of some guests
 * always. */
static void an_idle_kernel_after_a_panic_has_ended(void **state)
{
	static const struct {
		enum guest_kind guest;
		bool ready, ends;
	} rows[] = {{GUEST_LINUX, false, true}, {GUEST_EXOV6, false, true},
		    {GUEST_EXOV6, true, true},	{GUEST_GENERIC, true, true},
		    {GUEST_LINUX, true, false}, {GUEST_HURD, true, false}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		room_guest_is(rows[i].guest);
		room.life.ready = rows[i].ready;
		guest_prints_marker("Kernel panic\n", "oops");
		advance(300 * MS);
		for (int n = 0; n < (rows[i].ends ? 20 : 1); n++) {
			assert_posted("");
			processors_are(n % 2 ? DEAD : IDLE);
			advance(150 * MS);
		}
		assert_string_equal(room_posted(),
				    rows[i].ends ? "[panic panic: oops on the console, and no "
						   "processor runs a program any more]"
						 : "");
		assert_false(panic_check_pending(&panic));
		room.life.verdict = VERDICT_NONE;
	}
	/* Not if a prompt follows, and not if a program runs. */
	room_guest_is(GUEST_EXOV6);
	guest_prints_marker("Kernel panic\n", "oops");
	guest_printed("$ ");
	advance(300 * MS);
	processors_are(IDLE);
	assert_logged("oops on the console, but the guest runs on");
	guest_prints_marker("\nKernel panic\n", "oops");
	advance(300 * MS);
	processors_are(USER);
	assert_logged("oops on the console, but the guest runs on");
}

/* The most severe report counts, regardless of their order. */
static void the_most_severe_report_counts(void **state)
{
	static const char *const words[] = {"halted", "no-root", "oops"};
	static const char *const ends[] = {
		"[halted: halted]", "[panic boot-failed: its boot failed (no-root)]",
		"[panic panic: oops on the console, and no processor runs a program any more]"};

	(void)state;
	for (int a = 0; a < 3; a++)
		for (int b = 0; b < 3; b++) {
			int worst = a > b ? a : b;

			guest_prints_marker("one\n", words[a]);
			advance(100 * MS);
			guest_prints_marker("two\n", words[b]);
			advance(350 * MS);
			/* Idle, like a kernel that has printed that it is safe to power off. */
			for (int n = 0; n < 20 && panic.marker; n++) {
				if (worst != 1)
					processors_are(IDLE);
				advance(150 * MS);
			}
			assert_string_equal(room_posted(), ends[worst]);
			assert_null(panic.marker);
			room.life.verdict = VERDICT_NONE;
		}
}

static void an_immediate_reset_belongs_to_the_panic(void **state)
{
	(void)state;
	assert_false(panic_check_recent(&panic));
	guest_prints_marker("System halted\n", "halted");
	assert_false(panic_check_recent(&panic));
	guest_prints_marker("Kernel panic\n", "oops");
	assert_true(panic_check_recent(&panic));
	for (int i = 0; i < 10; i++) {
		advance(200 * MS);
		guest_printed("Unmounting\n");
	}
	assert_true(panic_check_pending(&panic));
	assert_false(panic_check_recent(&panic));
}

static void output_restarts_the_checks(void **state)
{
	(void)state;
	guest_prints_marker("Kernel panic\n", "oops");
	advance(300 * MS);
	for (int i = 0; i < 3; i++) {
		processors_are(STUCK);
		advance(150 * MS);
	}
	processors_are(STUCK);
	guest_printed("a trace\n");
	(void)room_posted();
	advance(300 * MS); /* one tick falls into the output */
	for (int i = 0; i < 4; i++) {
		processors_are(STUCK);
		assert_posted("");
		advance(150 * MS);
	}
	processors_are(STUCK);
	assert_string_not_equal(room_posted(), "");
}

static void a_guest_that_prints_for_ten_seconds_is_alive(void **state)
{
	(void)state;
	guest_prints_marker("Kernel panic\n", "oops");
	for (int i = 0; i < 50; i++) {
		advance(200 * MS);
		guest_printed("more\n");
	}
	qemu_is_idle();
	assert_true(panic_check_pending(&panic));
	advance(150 * MS);
	assert_logged("oops on the console, but the guest prints more: ignored");
	assert_false(panic_check_pending(&panic));
}

static void unusable_answers_of_qemu_confirm_nothing(void **state)
{
	(void)state;
	guest_prints_marker("Kernel panic\n", "oops");
	advance(300 * MS);
	processors_are("\"no such command\\r\\n\"");
	assert_logged("oops on the console, but QEMU does not report the processors' state");
	assert_false(is_armed(TIMER_PANIC));
}

static void a_qemu_that_does_not_answer_is_asked_once(void **state)
{
	(void)state;
	guest_prints_marker("Kernel panic\n", "oops");
	advance(3 * S);
	processors_are(STUCK);
	qemu_is_idle();
	assert_int_equal(panic.samples, 1);
	/* An error does not count as a check, and the query is repeated. */
	advance(150 * MS);
	qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_fails("busy");
	assert_int_equal(panic.samples, 1);
	assert_true(is_armed(TIMER_PANIC));
	advance(150 * MS);
	processors_are(STUCK);
	assert_int_equal(panic.samples, 2);
}

static void an_answer_for_a_guest_that_starts_again_is_ignored(void **state)
{
	(void)state;
	guest_prints_marker("Kernel panic\n", "oops");
	advance(300 * MS);
	panic_check_drop(&panic);
	processors_are(USER);
	assert_log_empty();
	assert_posted("");
	assert_false(is_armed(TIMER_PANIC));
}

static void idle_processors_confirm_a_shutdown(void **state)
{
	(void)state;
	guest_prints_marker("System halted\n", "halted");
	assert_false(panic_check_pending(&panic));
	advance(300 * MS);
	for (int i = 0; i < 5; i++) {
		assert_posted("");
		processors_are(i % 2 ? IDLE : DEAD);
		advance(150 * MS);
	}
	assert_posted("[halted: halted]");
}

static void a_prompt_after_a_shutdown_contradicts_it(void **state)
{
	(void)state;
	guest_prints_marker("System halted\n", "halted");
	guest_printed("# ");
	advance(300 * MS);
	processors_are(IDLE);
	assert_logged("halted on the console, but the guest runs on");
	guest_prints_marker("\nSystem halted\n", "halted");
	advance(300 * MS);
	processors_are(USER);
	assert_logged("halted on the console, but the guest runs on");
}

static void a_failed_boot_must_be_followed_by_silence(void **state)
{
	(void)state;
	guest_prints_marker("no root\n", "no-root");
	advance(1 * S);
	guest_printed("(initramfs) ");
	(void)room_posted();
	advance(1499 * MS);
	assert_posted("");
	advance(150 * MS);
	assert_posted("[panic boot-failed: its boot failed (no-root)]");
	qemu_is_idle();
}

static void a_failed_boot_that_keeps_printing_counts_later(void **state)
{
	(void)state;
	guest_prints_marker("no root\n", "no-root");
	for (int i = 0; i < 10; i++) {
		advance(1 * S);
		guest_printed("retry\n");
	}
	(void)room_posted();
	advance(150 * MS);
	assert_posted("[panic boot-failed: its boot failed (no-root)]");
}

static void a_guest_that_is_ready_did_not_fail_to_boot(void **state)
{
	(void)state;
	guest_prints_marker("no root\n", "no-root");
	panic_check_ready(&panic);
	assert_false(is_armed(TIMER_PANIC));
	/* But it may panic. */
	guest_prints_marker("Kernel panic\n", "oops");
	panic_check_ready(&panic);
	assert_true(panic_check_pending(&panic));
	panic_check_drop(&panic);
	panic_check_ready(&panic);
}

static void a_panic_has_precedence_over_a_failed_boot(void **state)
{
	(void)state;
	guest_prints_marker("no root\n", "no-root");
	guest_prints_marker("Kernel panic\n", "oops");
	assert_true(panic_check_pending(&panic));
	guest_prints_marker("no root\n", "no-root");
	assert_true(panic_check_pending(&panic));
}

static void what_is_printed_all_the_time_is_news_once_a_second(void **state)
{
	const struct marker panics = {.kind = MARKER_PANIC};
	const struct marker down = {.kind = MARKER_DOWN};
	const struct marker login = {.kind = MARKER_READY};

	(void)state;
	assert_true(panic_check_is_news(&panic, &panics, clock_now()));
	assert_true(panic_check_is_news(&panic, &down, clock_now()));
	for (int i = 0; i < 9; i++) {
		advance(100 * MS);
		assert_false(panic_check_is_news(&panic, &panics, clock_now()));
		assert_false(panic_check_is_news(&panic, &down, clock_now()));
		assert_true(panic_check_is_news(&panic, &login, clock_now()));
	}
	advance(100 * MS);
	assert_true(panic_check_is_news(&panic, &panics, clock_now()));
	/* Of another boot it is news. */
	panic_check_drop(&panic);
	assert_true(panic_check_is_news(&panic, &panics, clock_now()));
}

static void a_panic_from_pvpanic_needs_no_check(void **state)
{
	(void)state;
	guest_printed("BUG\n");
	(void)room_posted();
	panic_check_device(&panic);
	assert_true(panic_check_pending(&panic));
	guest_prints_marker("Kernel panic\n", "oops"); /* the same one */
	advance(299 * MS);
	assert_posted("");
	advance(1 * MS);
	assert_posted("[panic panic: pvpanic reports it]");
	qemu_is_idle();
	/* The next one after a reset needs confirmation. */
	room.life.verdict = VERDICT_NONE;
	guest_prints_marker("Kernel panic\n", "oops");
	advance(300 * MS);
	processors_are(STUCK);
	assert_posted("");
}

static void reports_after_the_end_are_ignored(void **state)
{
	(void)state;
	room.life.verdict = VERDICT_HALTED;
	guest_prints_marker("Kernel panic\n", "oops");
	panic_check_device(&panic);
	assert_false(panic_check_pending(&panic));
	assert_false(is_armed(TIMER_PANIC));
}

static void a_paused_guest_is_checked_later(void **state)
{
	(void)state;
	guest_prints_marker("Kernel panic\n", "oops");
	guest_pauses();
	advance(20 * S);
	qemu_is_idle();
	assert_true(panic_check_pending(&panic));
	guest_runs();
	advance(150 * MS);
	processors_are(STUCK);
	/* The end reported by QEMU ends the checks. */
	room.life.cause = CAUSE_GUEST_OFF;
	advance(150 * MS);
	qemu_is_idle();
	assert_false(is_armed(TIMER_PANIC));
}

static void all_processors_are_queried_with_one_command(void **state)
{
	(void)state;
	room.plan.s.cpus = 8;
	guest_prints_marker("Kernel panic\n", "oops");
	advance(300 * MS);
	processors_are(STUCK);
	room.plan.s.cpus = 9;
	advance(150 * MS);
	qemu_gets("human-monitor-command", "{\"command-line\":\"info registers\"}");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, room_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(five_checks_in_a_row_confirm_a_panic),
		TEST(a_guest_that_continues_has_only_printed_text),
		TEST(an_idle_kernel_after_a_panic_has_ended),
		TEST(the_most_severe_report_counts),
		TEST(an_immediate_reset_belongs_to_the_panic),
		TEST(output_restarts_the_checks),
		TEST(a_guest_that_prints_for_ten_seconds_is_alive),
		TEST(unusable_answers_of_qemu_confirm_nothing),
		TEST(a_qemu_that_does_not_answer_is_asked_once),
		TEST(an_answer_for_a_guest_that_starts_again_is_ignored),
		TEST(idle_processors_confirm_a_shutdown),
		TEST(a_prompt_after_a_shutdown_contradicts_it),
		TEST(a_failed_boot_must_be_followed_by_silence),
		TEST(a_failed_boot_that_keeps_printing_counts_later),
		TEST(a_guest_that_is_ready_did_not_fail_to_boot),
		TEST(a_panic_has_precedence_over_a_failed_boot),
		TEST(what_is_printed_all_the_time_is_news_once_a_second),
		TEST(a_panic_from_pvpanic_needs_no_check),
		TEST(reports_after_the_end_are_ignored),
		TEST(a_paused_guest_is_checked_later),
		TEST(all_processors_are_queried_with_one_command),
	};

	return cmocka_run_group_tests_name("panic_check", tests, NULL, NULL);
}
