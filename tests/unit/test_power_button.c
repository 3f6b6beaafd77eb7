/* test_power_button.c - reading the power button's enable bit from QEMU's monitor. */
#include "room.h"

#include "pid1/power_button.h"

static int off;

static void on_reply(struct qmp *q, const struct json *doc, const struct json_value *result,
		     const char *error, void *arg)
{
	(void)q, (void)doc, (void)error, (void)arg;
	off = power_button_off(result);
}

static int set_up(void **state)
{
	off = -1;
	return room_set_up(state);
}

static void query_button(void)
{
	off = -1;
	assert_true(power_button_ask(&room.env, on_reply, NULL));
	qemu_gets("human-monitor-command", "{\"command-line\":\"i/h 0x602\"}");
}

static void bit_8_of_the_enable_register(void **state)
{
	static const struct {
		const char *text;
		int off;
	} rows[] = {
		{"\"portw[0x0602] = 0x0000\\r\\n\"", 1}, {"\"portw[0x0602] = 0x0020\\r\\n\"", 1},
		{"\"portw[0x0602] = 0x0100\\r\\n\"", 0}, {"\"portw[0x0602] = 0x0521\\r\\n\"", 0},
		{"\"portw[0x0602] = 0xfeff\"", 1},	 {"\"portw[0x0602] = 0xffff\"", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		query_button();
		qemu_returns(rows[i].text);
		assert_int_equal(off, rows[i].off);
	}
}

/* A text that is not understood does not mean that the guest ignores the button. */
static void other_texts_are_ignored(void **state)
{
	static const char *const texts[] = {
		"\"\"",
		"\"unknown command: 'i/h 0x602'\\r\\n\"",
		"\"portw[0x0602] = \"",
		"\"portw[0x0602] = 0x00000\"",
		"\"portw[0x0602] = 0x000\"",
		"\"portw[0x0602] = 0x0000 and more\"",
		"\"portw[0x0602] = 0xzzzz\"",
		"{}",
		"17",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		query_button();
		qemu_returns(texts[i]);
		assert_int_equal(off, false);
	}
	query_button();
	qemu_fails("no");
	assert_int_equal(off, false);
	assert_false(power_button_off(NULL));
}

static void machines_without_the_register_are_not_queried(void **state)
{
	static const struct {
		const char *machine;
		bool asked;
	} rows[] = {{"pc", true},     {"pc-i440fx-9.2", true}, {"q35", true},  {"pc-q35-8.2", true},
		    {"isapc", false}, {"microvm", false},      {"virt", false}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		room.plan.s.machine = rows[i].machine;
		assert_int_equal(power_button_ask(&room.env, on_reply, NULL), rows[i].asked);
		if (rows[i].asked)
			qemu_acks("human-monitor-command", "{\"command-line\":\"i/h 0x602\"}");
		qemu_is_idle();
	}
}

static void a_qemu_that_does_not_answer(void **state)
{
	(void)state;
	qemu_hangs();
	assert_false(power_button_ask(&room.env, on_reply, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, room_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bit_8_of_the_enable_register),
		TEST(other_texts_are_ignored),
		TEST(machines_without_the_register_are_not_queried),
		TEST(a_qemu_that_does_not_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
