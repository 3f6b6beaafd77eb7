/* test_panic_check.c - a guest that says it is at its end: what has to agree before that is
 * believed.
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

/* The guest prints TEXT, which is marker NAME. */
static void says(const char *text, const char *name)
{
	guest_printed(text);
	(void)room_told();
	panic_check_begin(&panic, marker_named(name));
}

static void processors_are(const char *registers)
{
	qemu_hears("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_returns(registers);
}

static void five_looks_in_a_row_prove_a_panic(void **state)
{
	(void)state;
	says("Kernel panic\n", "oops");
	assert_true(panic_check_suspects(&panic));
	pass(299 * MS); /* it may still be printing */
	qemu_is_idle();
	pass(1 * MS);
	for (int i = 0; i < 4; i++) {
		processors_are(i % 2 ? STUCK : DEAD);
		assert_told("");
		pass(149 * MS);
		qemu_is_idle();
		pass(1 * MS);
	}
	processors_are(STUCK);
	assert_told("[panic panic: oops on the console, and no processor runs a program any more]");
	assert_false(panic_check_suspects(&panic));
	assert_false(is_armed(TIMER_PANIC));
}

static void a_guest_that_goes_on_has_shown_text(void **state)
{
	static const char *const alive[] = {USER, IDLE};

	(void)state;
	room_guest_is(GUEST_LINUX);
	lifecycle_ready(&room.life, clock_now());
	for (size_t i = 0; i < 2; i++) {
		says("Kernel panic\n", "oops");
		pass(300 * MS);
		processors_are(STUCK);
		pass(150 * MS);
		processors_are(alive[i]);
		assert_told("");
		assert_said("oops on the console, but the guest goes on: taken for text\n");
		assert_false(is_armed(TIMER_PANIC));
		assert_false(panic_check_suspects(&panic));
	}
}

/* A kernel that waits for a key after its panic idles: before it is ready, and of some guests
 * always. */
static void an_idle_kernel_behind_a_panic_has_ended(void **state)
{
	static const struct {
		enum guest guest;
		bool ready, ends;
	} rows[] = {{GUEST_LINUX, false, true}, {GUEST_EXOV6, false, true},
		    {GUEST_EXOV6, true, true},	{GUEST_GENERIC, true, true},
		    {GUEST_LINUX, true, false}, {GUEST_HURD, true, false}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		room_guest_is(rows[i].guest);
		room.life.ready = rows[i].ready;
		says("Kernel panic\n", "oops");
		pass(300 * MS);
		for (int n = 0; n < (rows[i].ends ? 20 : 1); n++) {
			assert_told("");
			processors_are(n % 2 ? DEAD : IDLE);
			pass(150 * MS);
		}
		assert_string_equal(room_told(),
				    rows[i].ends ? "[panic panic: oops on the console, and no "
						   "processor runs a program any more]"
						 : "");
		assert_false(panic_check_suspects(&panic));
		room.life.verdict = VERDICT_NONE;
	}
	/* Not with a prompt behind it, and not when a program runs. */
	room_guest_is(GUEST_EXOV6);
	says("Kernel panic\n", "oops");
	guest_printed("$ ");
	pass(300 * MS);
	processors_are(IDLE);
	assert_said("oops on the console, but the guest goes on");
	says("\nKernel panic\n", "oops");
	pass(300 * MS);
	processors_are(USER);
	assert_said("oops on the console, but the guest goes on");
}

/* Whatever the order of what is said, the worst of it counts. */
static void the_worst_of_it_counts(void **state)
{
	static const char *const words[] = {"halted", "no-root", "oops"};
	static const char *const ends[] = {
		"[halted: halted]", "[panic boot-failed: its boot failed (no-root)]",
		"[panic panic: oops on the console, and no processor runs a program any more]"};

	(void)state;
	for (int a = 0; a < 3; a++)
		for (int b = 0; b < 3; b++) {
			int worst = a > b ? a : b;

			says("one\n", words[a]);
			pass(100 * MS);
			says("two\n", words[b]);
			pass(350 * MS);
			/* Idle, as a kernel is that has said that it is safe to power off. */
			for (int n = 0; n < 20 && panic.marker; n++) {
				if (worst != 1)
					processors_are(IDLE);
				pass(150 * MS);
			}
			assert_string_equal(room_told(), ends[worst]);
			assert_null(panic.marker);
			room.life.verdict = VERDICT_NONE;
		}
}

static void what_follows_at_once_is_the_panics_doing(void **state)
{
	(void)state;
	assert_false(panic_check_just_said(&panic));
	says("System halted\n", "halted");
	assert_false(panic_check_just_said(&panic));
	says("Kernel panic\n", "oops");
	assert_true(panic_check_just_said(&panic));
	for (int i = 0; i < 10; i++) {
		pass(200 * MS);
		guest_printed("Unmounting\n");
	}
	assert_true(panic_check_suspects(&panic));
	assert_false(panic_check_just_said(&panic));
}

static void printing_begins_the_looks_again(void **state)
{
	(void)state;
	says("Kernel panic\n", "oops");
	pass(300 * MS);
	for (int i = 0; i < 3; i++) {
		processors_are(STUCK);
		pass(150 * MS);
	}
	processors_are(STUCK);
	guest_printed("a trace\n");
	(void)room_told();
	pass(300 * MS); /* one tick falls into what is printed */
	for (int i = 0; i < 4; i++) {
		processors_are(STUCK);
		assert_told("");
		pass(150 * MS);
	}
	processors_are(STUCK);
	assert_string_not_equal(room_told(), "");
}

static void a_guest_that_prints_for_ten_seconds_lives(void **state)
{
	(void)state;
	says("Kernel panic\n", "oops");
	for (int i = 0; i < 50; i++) {
		pass(200 * MS);
		guest_printed("more\n");
	}
	qemu_is_idle();
	assert_true(panic_check_suspects(&panic));
	pass(150 * MS);
	assert_said("oops on the console, but it goes on printing: taken for text");
	assert_false(panic_check_suspects(&panic));
}

static void a_qemu_that_says_nothing_useful_proves_nothing(void **state)
{
	(void)state;
	says("Kernel panic\n", "oops");
	pass(300 * MS);
	processors_are("\"no such command\\r\\n\"");
	assert_said("oops on the console, but QEMU does not tell what its processors do");
	assert_false(is_armed(TIMER_PANIC));
}

static void a_qemu_that_does_not_answer_is_asked_once(void **state)
{
	(void)state;
	says("Kernel panic\n", "oops");
	pass(3 * S);
	processors_are(STUCK);
	qemu_is_idle();
	assert_int_equal(panic.samples, 1);
	/* An error is no look at all, and it is asked again. */
	pass(150 * MS);
	qemu_hears("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_fails("busy");
	assert_int_equal(panic.samples, 1);
	assert_true(is_armed(TIMER_PANIC));
	pass(150 * MS);
	processors_are(STUCK);
	assert_int_equal(panic.samples, 2);
}

static void an_answer_for_a_guest_that_starts_again_is_ignored(void **state)
{
	(void)state;
	says("Kernel panic\n", "oops");
	pass(300 * MS);
	panic_check_drop(&panic);
	processors_are(USER);
	assert_silent();
	assert_told("");
	assert_false(is_armed(TIMER_PANIC));
}

static void a_shutdown_is_proved_by_idle_processors(void **state)
{
	(void)state;
	says("System halted\n", "halted");
	assert_false(panic_check_suspects(&panic));
	pass(300 * MS);
	for (int i = 0; i < 5; i++) {
		assert_told("");
		processors_are(i % 2 ? IDLE : DEAD);
		pass(150 * MS);
	}
	assert_told("[halted: halted]");
}

static void a_prompt_behind_a_shutdown_contradicts_it(void **state)
{
	(void)state;
	says("System halted\n", "halted");
	guest_printed("# ");
	pass(300 * MS);
	processors_are(IDLE);
	assert_said("halted on the console, but the guest goes on");
	says("\nSystem halted\n", "halted");
	pass(300 * MS);
	processors_are(USER);
	assert_said("halted on the console, but the guest goes on");
}

static void a_failed_boot_has_to_be_quiet_for_a_moment(void **state)
{
	(void)state;
	says("no root\n", "no-root");
	pass(1 * S);
	guest_printed("(initramfs) ");
	(void)room_told();
	pass(1499 * MS);
	assert_told("");
	pass(150 * MS);
	assert_told("[panic boot-failed: its boot failed (no-root)]");
	qemu_is_idle();
}

static void a_failed_boot_that_prints_on_is_believed_in_the_end(void **state)
{
	(void)state;
	says("no root\n", "no-root");
	for (int i = 0; i < 10; i++) {
		pass(1 * S);
		guest_printed("retry\n");
	}
	(void)room_told();
	pass(150 * MS);
	assert_told("[panic boot-failed: its boot failed (no-root)]");
}

static void a_guest_that_is_ready_did_not_fail_to_boot(void **state)
{
	(void)state;
	says("no root\n", "no-root");
	panic_check_ready(&panic);
	assert_false(is_armed(TIMER_PANIC));
	/* But it may panic. */
	says("Kernel panic\n", "oops");
	panic_check_ready(&panic);
	assert_true(panic_check_suspects(&panic));
	panic_check_drop(&panic);
	panic_check_ready(&panic);
}

static void a_panic_explains_a_failed_boot(void **state)
{
	(void)state;
	says("no root\n", "no-root");
	says("Kernel panic\n", "oops");
	assert_true(panic_check_suspects(&panic));
	says("no root\n", "no-root");
	assert_true(panic_check_suspects(&panic));
}

static void a_device_needs_no_proof(void **state)
{
	(void)state;
	guest_printed("BUG\n");
	(void)room_told();
	panic_check_device(&panic);
	assert_true(panic_check_suspects(&panic));
	says("Kernel panic\n", "oops"); /* the same one */
	pass(299 * MS);
	assert_told("");
	pass(1 * MS);
	assert_told("[panic panic: pvpanic tells so]");
	qemu_is_idle();
	/* The next one of another life does need it. */
	room.life.verdict = VERDICT_NONE;
	says("Kernel panic\n", "oops");
	pass(300 * MS);
	processors_are(STUCK);
	assert_told("");
}

static void a_guest_that_is_over_says_nothing_new(void **state)
{
	(void)state;
	room.life.verdict = VERDICT_HALTED;
	says("Kernel panic\n", "oops");
	panic_check_device(&panic);
	assert_false(panic_check_suspects(&panic));
	assert_false(is_armed(TIMER_PANIC));
}

static void a_guest_that_stands_still_is_looked_at_later(void **state)
{
	(void)state;
	says("Kernel panic\n", "oops");
	guest_pauses();
	pass(20 * S);
	qemu_is_idle();
	assert_true(panic_check_suspects(&panic));
	guest_runs();
	pass(150 * MS);
	processors_are(STUCK);
	/* Its end, as QEMU tells it, ends the looking. */
	room.life.cause = CAUSE_GUEST_OFF;
	pass(150 * MS);
	qemu_is_idle();
	assert_false(is_armed(TIMER_PANIC));
}

static void of_many_processors_one_is_asked_for(void **state)
{
	(void)state;
	room.plan.s.cpus = 8;
	says("Kernel panic\n", "oops");
	pass(300 * MS);
	processors_are(STUCK);
	room.plan.s.cpus = 9;
	pass(150 * MS);
	qemu_hears("human-monitor-command", "{\"command-line\":\"info registers\"}");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, room_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(five_looks_in_a_row_prove_a_panic),
		TEST(a_guest_that_goes_on_has_shown_text),
		TEST(an_idle_kernel_behind_a_panic_has_ended),
		TEST(the_worst_of_it_counts),
		TEST(what_follows_at_once_is_the_panics_doing),
		TEST(printing_begins_the_looks_again),
		TEST(a_guest_that_prints_for_ten_seconds_lives),
		TEST(a_qemu_that_says_nothing_useful_proves_nothing),
		TEST(a_qemu_that_does_not_answer_is_asked_once),
		TEST(an_answer_for_a_guest_that_starts_again_is_ignored),
		TEST(a_shutdown_is_proved_by_idle_processors),
		TEST(a_prompt_behind_a_shutdown_contradicts_it),
		TEST(a_failed_boot_has_to_be_quiet_for_a_moment),
		TEST(a_failed_boot_that_prints_on_is_believed_in_the_end),
		TEST(a_guest_that_is_ready_did_not_fail_to_boot),
		TEST(a_panic_explains_a_failed_boot),
		TEST(a_device_needs_no_proof),
		TEST(a_guest_that_is_over_says_nothing_new),
		TEST(a_guest_that_stands_still_is_looked_at_later),
		TEST(of_many_processors_one_is_asked_for),
	};

	return cmocka_run_group_tests_name("panic_check", tests, NULL, NULL);
}
