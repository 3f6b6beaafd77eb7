/* test_health.c - `vm health` of a guest that was ready: QEMU's answer, the processors, the
 * service, and all of it within four seconds.
 */
#include "room.h"

#include "pid1/health.h"

#define BUSY	  "\"EIP=1 EFL=00000246 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=0\\r\\n\""
#define DEAD	  "\"EIP=1 EFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\\r\\n\""
#define ONE_ALIVE "\"EIP=1 EFL=00000046 CPL=0 HLT=1\\r\\nEIP=1 EFL=00000246 CPL=0 HLT=1\\r\\n\""

static struct health health;
static struct port_probes probes;

static void on_timer(enum timer_id id)
{
	if (id == TIMER_HEALTH)
		health_timer(&health);
}

static int set_up(void **state)
{
	(void)room_set_up(state);
	room.on_timer = on_timer;
	room.plan.s.hostfwds = "tcp:1:22,tcp:2:80"; /* nobody is there */
	probes_init(&probes, &room.env);
	health_init(&health, &room.env, &probes);
	guest_runs();
	return 0;
}

static int tear_down(void **state)
{
	probes_reset(&probes);
	return room_tear_down(state);
}

static void processors_are(const char *registers)
{
	qemu_hears("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_returns(registers);
}

static void a_guest_whose_processors_run_is_well(void **state)
{
	(void)state;
	health_check(&health);
	assert_int_equal(due_ms(TIMER_HEALTH), 4000);
	processors_are(BUSY);
	assert_told("[checked]");
	assert_false(is_armed(TIMER_HEALTH));
	health_check(&health);
	processors_are(ONE_ALIVE);
	assert_told("[checked]");
	/* What cannot be read is no proof of the contrary. */
	health_check(&health);
	processors_are("\"?\"");
	assert_told("[checked]");
	health_check(&health);
	qemu_hears("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_fails("no");
	assert_told("[checked]");
}

static void one_that_is_dead_twice_is_dead(void **state)
{
	(void)state;
	health_check(&health);
	processors_are(DEAD);
	assert_told("");
	assert_int_equal(due_ms(TIMER_HEALTH), 150);
	pass(150 * MS);
	processors_are(DEAD);
	assert_told("[verdict dead][checked]");
	assert_said(
		"vm: error: the guest is dead: every processor is halted with interrupts off\n");
}

static void one_that_is_dead_once_is_not(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) { /* nor once in each of two checks */
		health_check(&health);
		processors_are(DEAD);
		pass(150 * MS);
		processors_are(BUSY);
		assert_told("[checked]");
	}
}

static void a_qemu_that_does_not_answer_is_not_well(void **state)
{
	(void)state;
	health_check(&health);
	pass(4 * S - 1);
	assert_told("");
	pass(1);
	assert_told("[checked: QEMU does not answer]");
	processors_are(DEAD); /* too late */
	assert_told("");
	assert_false(is_armed(TIMER_HEALTH));
	qemu_hangs();
	health_check(&health);
	assert_told("[checked: QEMU does not answer]");
}

static void a_second_question_has_the_same_answer(void **state)
{
	(void)state;
	health_check(&health);
	pass(3 * S);
	health_check(&health);
	assert_int_equal(due_ms(TIMER_HEALTH), 1000);
	processors_are(BUSY);
	assert_told("[checked]");
	qemu_is_idle();
}

static void a_service_has_to_answer(void **state)
{
	static const struct {
		enum ready ready;
		enum probe_id id, other;
		const char *told;
	} rows[] = {{READY_SSH, PROBE_SSH, PROBE_HTTP,
		     "[checked: the guest's sshd does not answer any more]"},
		    {READY_HTTP, PROBE_HTTP, PROBE_SSH,
		     "[checked: the guest's web server does not answer any more]"}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		room.plan.s.ready = rows[i].ready;
		health_answered(&health, rows[i].id); /* nobody asked */
		health_check(&health);
		pass(1 * S);
		processors_are(BUSY);
		assert_told("");
		assert_true(probes.list[rows[i].id].wanted);
		assert_false(probes.list[rows[i].other].wanted);
		health_answered(&health, rows[i].other);
		assert_told("");
		health_answered(&health, rows[i].id);
		assert_told("[checked]");
		health_check(&health);
		pass(1 * S);
		processors_are(BUSY);
		assert_int_equal(due_ms(TIMER_HEALTH), 3000); /* of the four */
		pass(3 * S);
		assert_told(rows[i].told);
		probes_reset(&probes);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_whose_processors_run_is_well),
		TEST(one_that_is_dead_twice_is_dead),
		TEST(one_that_is_dead_once_is_not),
		TEST(a_qemu_that_does_not_answer_is_not_well),
		TEST(a_second_question_has_the_same_answer),
		TEST(a_service_has_to_answer),
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
