/* shell_requests.c - what the control socket is asked by who wants the guest's shell: can it be
 * reached, now or later, and may something be typed on the serial line (prompt.h). */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pid1/status.h"
#include "pid1/supervisor.h"
#include "pid1/waiters.h"

enum reach { REACH_NOW, REACH_LATER, REACH_NOT };

/* A pause that is over by itself: a snapshot, a warm state, the reset button. */
static bool pauses_for_us(const struct lifecycle *l)
{
	return lifecycle_any(l, 1u << COND_SNAPSHOT_SAVE | 1u << COND_SNAPSHOT_LOAD |
					1u << COND_SAVING_WARM | 1u << COND_HELD |
					1u << COND_RESETTING);
}

/* Can a shell be reached? WHY gets one line either way. */
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

static void answer(struct control *c, int slot, bool yes, const char *why)
{
	char line[320];
	int n = snprintf(line, sizeof line, "%s\n", why);

	control_answer(c, slot, yes ? EXIT_CLEAN : EXIT_NOT_READY, line, (size_t)n);
}

/* "shell": when it can be reached; "shell now": at once; "guest": at once, yes if ever. */
bool requests_wait_shell(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	char why[300];
	enum reach r = reach(v, why, sizeof why);

	if (strcmp(arg, "guest") == 0)
		answer(c, slot, r != REACH_NOT, why);
	else if (strcmp(arg, "shell now") == 0 || (strcmp(arg, "shell") == 0 && r != REACH_LATER))
		answer(c, slot, r == REACH_NOW, why);
	else if (strcmp(arg, "shell") == 0)
		(void)control_wait(c, slot, WAITS_SHELL);
	else
		return false;
	return true;
}

void waiters_shell(struct supervisor *v)
{
	char why[300];
	enum reach r = reach(v, why, sizeof why);

	for (int i = 0; i < CONTROL_CLIENTS && r != REACH_LATER; i++)
		if (v->control.clients[i].fd >= 0 && v->control.clients[i].waits_for == WAITS_SHELL)
			answer(&v->control, i, r == REACH_NOW, why);
}

/* `prompt`: does one stand on the serial line? If not, the last line; EXIT_ASK_AGAIN when nothing
 * that could have been one has come yet. `prompt TEXT`: a shell's prompt ends in TEXT. */
void requests_prompt(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	struct prompt *p = &v->prompt;
	char line[PROMPT_LINE + 1];

	if (*arg)
		prompt_learn(p, arg);
	bool stands = prompt_stands(p, clock_now());
	int n = snprintf(line, sizeof line, "%s\n", p->placed ? "" : p->line);

	control_answer(c, slot,
		       stands	 ? EXIT_CLEAN
		       : p->ever ? EXIT_NOT_READY
				 : EXIT_ASK_AGAIN,
		       line, (size_t)n);
}
