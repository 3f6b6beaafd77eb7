/* test_clock.c - the clock of deadlines, driven by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/timers.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

static uint64_t fake_now;

static uint64_t fake_clock(void)
{
	return fake_now;
}

static int set_up(void **state)
{
	(void)state;
	fake_now = 1000 * S;
	clock_source(fake_clock);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	clock_source(NULL);
	return 0;
}

static void sleep_for(uint64_t wanted, uint64_t lasted)
{
	clock_sleeps(fake_now + wanted);
	fake_now += lasted;
}

static void a_standstill_does_not_count_as_time(void **state)
{
	uint64_t before = clock_now();

	(void)state;
	sleep_for(250 * MS, 10 * S);
	assert_true(clock_woke() == 9750 * MS);
	assert_true(clock_now() - before == 250 * MS);
	sleep_for(250 * MS, 5 * S);
	assert_true(clock_woke() == 4750 * MS);
	assert_true(clock_now() - before == 500 * MS);
	assert_true(clock_monotonic(clock_now()) == fake_now);
}

static void a_busy_host_is_not_a_standstill(void **state)
{
	uint64_t before = clock_now();

	(void)state;
	for (int i = 0; i < 100; i++) {
		sleep_for(250 * MS, 1200 * MS);
		assert_true(clock_woke() == 0);
	}
	assert_true(clock_now() - before == 120 * S);
	/* Later than that each time: the deadline is late, but passes. */
	before = clock_now();
	for (int i = 0; i < 100; i++) {
		sleep_for(250 * MS, 60 * S);
		assert_true(clock_woke() > 0);
	}
	assert_true(clock_now() - before == 25 * S);
}

static void a_sleep_without_a_timeout_is_not_a_standstill(void **state)
{
	uint64_t before = clock_now();

	(void)state;
	clock_sleeps(0);
	fake_now += 3600 * S;
	assert_true(clock_woke() == 0);
	assert_true(clock_now() - before == 3600 * S);
	/* An earlier sleep has no effect. */
	fake_now += 3600 * S;
	assert_true(clock_woke() == 0);
}

struct loop {
	struct timers timers;
	int epoll, pipe[2];
};

/* A loop that wakes at once, because its pipe is readable. */
static void loop_make(struct loop *l)
{
	struct epoll_event ev = {.events = EPOLLIN};

	assert_true(timers_init(&l->timers));
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(pipe(l->pipe), 0);
	assert_int_equal(write(l->pipe[1], "", 1), 1);
	assert_int_equal(epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->pipe[0], &ev), 0);
}

static void loop_end(const struct loop *l)
{
	(void)close(l->epoll);
	(void)close(l->pipe[0]);
	(void)close(l->pipe[1]);
	(void)close(l->timers.fd);
}

/* The timers that expire when NS have passed during a sleep, of which *STOOD are a standstill. */
static int expired_after(struct loop *l, uint64_t ns, uint64_t *stood)
{
	struct epoll_event ev;

	/* The real timer descriptor does not follow this clock. */
	l->timers.armed = clock_monotonic(clock_now() + CLOCK_TICK_NS);
	fake_now += ns;
	assert_int_equal(timers_wait(&l->timers, l->epoll, &ev, 1, stood), 1);
	l->timers.armed = 0;
	return timers_due(&l->timers, clock_now());
}

static void timers_do_not_expire_in_a_standstill(void **state)
{
	struct loop l;
	uint64_t stood;
	int ticks = 0;
	int fired;

	(void)state;
	loop_make(&l);
	timers_set(&l.timers, 3, clock_now() + 6 * S);
	assert_int_equal(expired_after(&l, 600 * S, &stood), -1);
	assert_true(stood == 600 * S - CLOCK_TICK_NS);
	assert_int_equal(expired_after(&l, 10 * S, &stood), -1);
	assert_true(stood == 10 * S - CLOCK_TICK_NS);
	while ((fired = expired_after(&l, CLOCK_TICK_NS, &stood)) < 0)
		ticks++;
	assert_int_equal(fired, 3);
	assert_int_equal(ticks, 6 * S / CLOCK_TICK_NS - 3);
	loop_end(&l);
}

/* The timer's event may come iterations later: a freezer ends epoll_wait() with EINTR. */
static void a_standstill_counts_once(void **state)
{
	uint64_t before = clock_now();
	struct epoll_event ev;
	struct loop l;
	uint64_t stood;

	(void)state;
	loop_make(&l);
	timers_set(&l.timers, 3, clock_now() + 60 * S);
	fake_now += 10 * S;
	assert_int_equal(timers_wait(&l.timers, l.epoll, &ev, 1, &stood), 1);
	assert_true(stood == 10 * S - CLOCK_TICK_NS);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(timers_wait(&l.timers, l.epoll, &ev, 1, &stood), 1);
		assert_true(stood == 0);
	}
	assert_true(clock_now() - before == CLOCK_TICK_NS);
	assert_int_equal(timers_due(&l.timers, clock_now()), -1);
	assert_true(l.timers.armed == fake_now + CLOCK_TICK_NS);
	loop_end(&l);
}

static void a_timer_is_armed_only_with_a_deadline(void **state)
{
	struct loop l;
	uint64_t tick = fake_now + CLOCK_TICK_NS;

	(void)state;
	loop_make(&l);
	assert_true(l.timers.armed == 0);
	timers_set(&l.timers, 0, clock_now() + 60 * S);
	assert_true(l.timers.armed == tick);
	timers_set(&l.timers, 1, clock_now() + 100 * MS);
	assert_true(l.timers.armed == fake_now + 100 * MS);
	timers_set(&l.timers, 1, 0);
	assert_true(l.timers.armed != 0);
	timers_set(&l.timers, 0, 0);
	assert_true(l.timers.armed == 0);
	loop_end(&l);
}

/* With a pipe in place of the signals. */
static void an_event_loop_has_signals_and_timers(void **state)
{
	struct epoll_event events[2];
	struct error err = {0};
	bool seen[2] = {false, false};
	uint64_t stood;
	struct loop l;

	(void)state;
	assert_int_equal(pipe(l.pipe), 0);
	assert_true(timers_loop(&l.timers, l.pipe[0], &l.epoll, &err));
	assert_int_equal(write(l.pipe[1], "", 1), 1);
	timers_set(&l.timers, 5, 1);
	while (!seen[LOOP_SIGNALS] || !seen[LOOP_TIMERS]) {
		int n = timers_wait(&l.timers, l.epoll, events, 2, &stood);

		for (int i = 0; i < n; i++) {
			struct loop_ref ref = loop_ref_of(events[i].data.u64);

			assert_true(ref.fd == (ref.type ? l.timers.fd : l.pipe[0]));
			seen[ref.type] = true;
		}
	}
	assert_int_equal(timers_due(&l.timers, clock_now()), 5);
	(void)close(l.epoll);
	(void)close(l.timers.fd);
	assert_false(timers_loop(&l.timers, -1, &l.epoll, &err));
	assert_int_equal(err.status, EXIT_INTERNAL);
	assert_string_equal(err.message, "no event loop: Bad file descriptor");
	loop_end(&l);
}

static void the_time_of_day_agrees_with_gmtime(void **state)
{
	static const time_t days[] = {0,	  951782399,  951782400,  951868800,  1078012800,
				      1709164800, 1764413478, 4102444799, 4107542400, 253402300799};

	(void)state;
	for (size_t i = 0; i < sizeof days / sizeof *days; i++)
		for (time_t at = days[i]; at < days[i] + 400L * 86400; at += 86399) {
			struct timespec when = {at, 7000000};
			char want[64], have[CLOCK_UTC + 1] = "";
			struct tm tm;

			if (at > 253402300799)
				break;
			assert_non_null(gmtime_r(&at, &tm));
			(void)strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.007Z", &tm);
			clock_utc_of(&when, have);
			assert_string_equal(have, want);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_standstill_does_not_count_as_time, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_busy_host_is_not_a_standstill, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_sleep_without_a_timeout_is_not_a_standstill,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(timers_do_not_expire_in_a_standstill, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_standstill_counts_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_timer_is_armed_only_with_a_deadline, set_up,
						tear_down),
		cmocka_unit_test(an_event_loop_has_signals_and_timers),
		cmocka_unit_test(the_time_of_day_agrees_with_gmtime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
