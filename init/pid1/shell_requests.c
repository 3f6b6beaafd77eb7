/* shell_requests.c - what the control socket is asked by who wants the guest's shell: can it be
 * reached, now or later, and may something be typed on the serial line (prompt.h). */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pid1/supervisor.h"

enum reach { REACH_NOW, REACH_LATER, REACH_NOT };

/* A pause that is over by itself: a snapshot, a warm state, the reset button. */
static bool pauses_for_us(const struct supervisor *v)
{
	return snapshots_pausing(v) || v->save.saving == SAVING_WARM || v->held ||
	       v->resetting != RESET_NONE;
}

/* Can a shell be reached? WHY gets one line either way. */
static enum reach reach(const struct supervisor *v, char *why, size_t size)
{
	bool over = v->life.panicked || v->life.halted || v->life.dead || v->life.late ||
		    v->save.saving == SAVING_SUSPENDED;
	bool ready = supervisor_ready(v, why, size);

	if (over || v->io_error || v->weighing || v->state == VM_STOPPING || v->state == VM_DOWN)
		return REACH_NOT;
	if (v->state == VM_PAUSED)
		return pauses_for_us(v) ? REACH_LATER : REACH_NOT;
	return v->state == VM_RUNNING && (ready || v->life.ready || v->login_seen) ? REACH_NOW
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

void requests_shell(struct supervisor *v)
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
