/* test_health.c - `vm health` of a ready guest: it checks QEMU, the processors and the service,
 * within four seconds.
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
	room.plan.s.hostfwds = "tcp:1:22,tcp:2:80"; /* no server listens there */
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
	qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_returns(registers);
}

static void a_guest_with_running_processors_is_healthy(void **state)
{
	(void)state;
	health_check(&health);
	assert_int_equal(ms_until(TIMER_HEALTH), 4000);
	processors_are(BUSY);
	assert_posted("[checked]");
	assert_false(is_armed(TIMER_HEALTH));
	health_check(&health);
	processors_are(ONE_ALIVE);
	assert_posted("[checked]");
	/* Unreadable answers do not prove that the guest is dead. */
	health_check(&health);
	processors_are("\"?\"");
	assert_posted("[checked]");
	health_check(&health);
	qemu_gets("human-monitor-command", "{\"command-line\":\"info registers -a\"}");
	qemu_fails("no");
	assert_posted("[checked]");
}

static void two_dead_answers_mean_dead(void **state)
{
	(void)state;
	health_check(&health);
	processors_are(DEAD);
	assert_posted("");
	assert_int_equal(ms_until(TIMER_HEALTH), 150);
	advance(150 * MS);
	processors_are(DEAD);
	assert_posted("[verdict dead][checked]");
	assert_logged(
		"vm: error: the guest is dead: every processor is halted with interrupts off\n");
}

static void one_dead_answer_does_not_mean_dead(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) { /* nor one in each of two checks */
		health_check(&health);
		processors_are(DEAD);
		advance(150 * MS);
		processors_are(BUSY);
		assert_posted("[checked]");
	}
}

static void a_qemu_that_does_not_answer_is_unhealthy(void **state)
{
	(void)state;
	health_check(&health);
	advance(4 * S - 1);
	assert_posted("");
	advance(1);
	assert_posted("[checked: QEMU does not answer]");
	processors_are(DEAD); /* too late */
	assert_posted("");
	assert_false(is_armed(TIMER_HEALTH));
	qemu_hangs();
	health_check(&health);
	assert_posted("[checked: QEMU does not answer]");
}

static void a_second_check_shares_the_answer(void **state)
{
	(void)state;
	health_check(&health);
	advance(3 * S);
	health_check(&health);
	assert_int_equal(ms_until(TIMER_HEALTH), 1000);
	processors_are(BUSY);
	assert_posted("[checked]");
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
		health_answered(&health, rows[i].id); /* not queried */
		health_check(&health);
		advance(1 * S);
		processors_are(BUSY);
		assert_posted("");
		assert_true(probes.list[rows[i].id].wanted);
		assert_false(probes.list[rows[i].other].wanted);
		health_answered(&health, rows[i].other);
		assert_posted("");
		health_answered(&health, rows[i].id);
		assert_posted("[checked]");
		health_check(&health);
		advance(1 * S);
		processors_are(BUSY);
		assert_int_equal(ms_until(TIMER_HEALTH), 3000); /* of four seconds */
		advance(3 * S);
		assert_posted(rows[i].told);
		probes_reset(&probes);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_with_running_processors_is_healthy),
		TEST(two_dead_answers_mean_dead),
		TEST(one_dead_answer_does_not_mean_dead),
		TEST(a_qemu_that_does_not_answer_is_unhealthy),
		TEST(a_second_check_shares_the_answer),
		TEST(a_service_has_to_answer),
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
