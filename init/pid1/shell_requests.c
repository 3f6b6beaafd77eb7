/* shell_requests.c - the request `shell` (proto/control.h): whether the guest's shell can be
 * reached, and whether input may be sent to the serial line (prompt.h). */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pid1/status.h"
#include "pid1/supervisor.h"
#include "pid1/waiters.h"

enum reach { REACH_NOW, REACH_LATER, REACH_NOT };

/* Whether the guest is paused by us and will be continued: a snapshot, a warm state, `vm reset`. */
static bool pauses_for_us(const struct lifecycle *l)
{
	return lifecycle_any(l, 1u << COND_SNAPSHOT_SAVE | 1u << COND_SNAPSHOT_LOAD |
					1u << COND_SAVING_WARM | 1u << COND_HELD |
					1u << COND_CONTINUING | 1u << COND_RESETTING);
}

/* WHY gets one line in each case. */
static enum reach reach(const struct supervisor *v, char *why, size_t size)
{
	const struct lifecycle *l = &v->life;
	bool over = lifecycle_over(l) || l->verdict == VERDICT_DEAD || l->verdict == VERDICT_LATE ||
		    lifecycle_any(l, 1u << COND_SUSPENDING | 1u << COND_DISK_ERROR |
					     1u << COND_CHECKING_WRITES);
	bool ready = status_why(v, why, size);

	if (over || l->phase == LIFE_STOPPING || l->phase == LIFE_DOWN)
		return REACH_NOT;
	if (l->phase == LIFE_PAUSED)
		return pauses_for_us(l) ? REACH_LATER : REACH_NOT;
	return l->phase == LIFE_RUNNING && (ready || l->ready || l->login) ? REACH_NOW
									   : REACH_LATER;
}

static void answer_reach(struct control *c, int slot, bool yes, const char *why)
{
	char line[320];

	(void)snprintf(line, sizeof line, "%s\n", why);
	control_answer(c, slot, yes ? EXIT_CLEAN : EXIT_NOT_READY, line);
}

static void shell_await(struct supervisor *v, int slot, const char *when)
{
	struct control *c = &v->control;
	char why[300];
	enum reach r = reach(v, why, sizeof why);

	if (strcmp(when, "ever") == 0)
		answer_reach(c, slot, r != REACH_NOT, why);
	else if (strcmp(when, "wait") == 0 && r == REACH_LATER)
		(void)control_wait(c, slot, WAITS_SHELL);
	else
		answer_reach(c, slot, r == REACH_NOW, why);
}

/* The answer about the console's prompt. */
struct line_state {
	int status;
	const char *name, *last;
};

static struct line_state line_state(struct prompt *p)
{
	bool shown = prompt_shown(p, clock_now());
	const char *last = p->placed ? "" : p->line;

	if (shown)
		return (struct line_state){EXIT_CLEAN, "prompt", last};
	return p->ever ? (struct line_state){EXIT_NOT_READY, "busy", last}
		       : (struct line_state){EXIT_ASK_AGAIN, "silent", last};
}

/* Pass the serial line to client SLOT, preceded by what a shell client needs to know. */
static void open_shell(struct supervisor *v, int slot, bool clock)
{
	struct control *c = &v->control;
	struct relay *r = v->env.relays[RELAY_SERIAL];
	struct line_state line = line_state(&v->prompt);
	uint64_t number = c->clients[slot].number;
	char command[64] = "";
	char text[CONTROL_TAKE + 1];

	if (!relay_has_slot(r, RELAY_LIVE)) {
		control_answer(c, slot, EXIT_NO_SLOT, REQUESTS_NO_SLOT);
		return;
	}
	if (clock)
		(void)clock_command(&v->clock, command);
	(void)snprintf(text, sizeof text, "%s\n%s\n%s %s\n", v->env.plan->guest_name, command,
		       line.name, line.last);
	(void)relay_adopt(r, control_take(c, slot, text), RELAY_LIVE, number);
}

/* WHEN CLOCK [PROMPT] */
static void shell_open(struct supervisor *v, int slot, const char *arg)
{
	struct control *c = &v->control;
	char why[300];
	size_t when = strcspn(arg, " ");
	const char *rest = arg + when + (arg[when] == ' ');
	size_t n = strcspn(rest, " ");
	bool clock = n == 5 && memcmp(rest, "clock", n) == 0;
	enum reach r = reach(v, why, sizeof why);

	if (rest[n] == ' ' && rest[n + 1])
		prompt_learn(&v->prompt, rest + n + 1);
	if (when == 4 && memcmp(arg, "stop", when) == 0)
		open_shell(v, slot, false);
	else if (r == REACH_NOW)
		open_shell(v, slot, clock);
	else if (r == REACH_NOT || when != 4 || memcmp(arg, "wait", when) != 0)
		answer_reach(c, slot, false, why);
	else
		(void)control_wait(c, slot, clock ? WAITS_SHELL_CLOCK : WAITS_SHELL_STREAM);
}

static void answer_shell(struct supervisor *v, int slot, bool yes, const char *why)
{
	int what = v->control.clients[slot].waits_for;

	if (what == WAITS_SHELL || (!yes && what > WAITS_SHELL))
		answer_reach(&v->control, slot, yes, why);
	else if (what > WAITS_SHELL)
		open_shell(v, slot, what == WAITS_SHELL_CLOCK);
}

void waiters_shell(struct supervisor *v)
{
	char why[300];
	enum reach r = reach(v, why, sizeof why);

	for (int i = 0; i < CONTROL_CLIENTS && r != REACH_LATER; i++)
		if (v->control.clients[i].fd >= 0)
			answer_shell(v, i, r == REACH_NOW, why);
}

/* [PROMPT] */
static void shell_line(struct supervisor *v, int slot, const char *prompt)
{
	char line[PROMPT_LINE + 1];

	if (*prompt)
		prompt_learn(&v->prompt, prompt);
	struct line_state state = line_state(&v->prompt);

	(void)snprintf(line, sizeof line, "%s\n", state.last);
	control_answer(&v->control, slot, state.status, line);
}

/* PROMPT */
static void shell_seen(struct supervisor *v, int slot, const char *prompt)
{
	prompt_seen(&v->prompt, prompt);
	shell_line(v, slot, "");
}

void requests_shell(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	static const struct {
		const char *word;
		void (*handle)(struct supervisor *v, int slot, const char *arg);
	} rows[] = {{"open", shell_open},
		    {"await", shell_await},
		    {"line", shell_line},
		    {"seen", shell_seen}};
	size_t n = strcspn(arg, " ");

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strlen(rows[i].word) == n && memcmp(rows[i].word, arg, n) == 0) {
			rows[i].handle(v, slot, arg + n + (arg[n] == ' '));
			return;
		}
	control_answer(c, slot, EXIT_BAD_USAGE, "shell takes open, await, line or seen\n");
}
