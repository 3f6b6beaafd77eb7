/* warm_start.c - when a state is saved: VM_WARM=1, `vm warm`. (savestate.h) */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pid1/supervisor.h"

static void save_warm(struct supervisor *v)
{
	struct error err = {0};
	char line[1400];

	v->save.warm_asked = false;
	state_await_no_ssh(v);
	if (state_save(v, SAVING_WARM, &err))
		return;
	(void)snprintf(line, sizeof line, "the warm state cannot be saved: %s\n", err.message);
	log_warning("%.*s", (int)strlen(line) - 1, line);
	requests_warm(v, err.status, line);
}

#define SECOND UINT64_C(1000000000)
/* How long the guest's ssh server may come after the guest is ready. */
#define SSH_S 60

/* A login prompt is there before the network is, more often than not. Who resumes such a state and
 * knocks at once waits for 6 s: QEMU's NAT sends a SYN that was lost again after that time
 * (libslirp: tcp_newtcpcb(), TCPTV_SRTTDFLT). So the ssh server is in the state too, where it can
 * be. */
static bool await_ssh(struct supervisor *v)
{
	const struct probe *p = &v->probes[PROBE_SSH];

	if (p->port == 0 || p->answered)
		return false;
	v->save.awaits_ssh = true;
	probe_want(v, PROBE_SSH);
	timers_set(&v->timers, TIMER_WARM, clock_now() + SSH_S * SECOND);
	log_info("the state is saved when the guest's ssh server answers, or in %d s", SSH_S);
	return true;
}

void state_ssh_answered(struct supervisor *v)
{
	if (v->save.awaits_ssh)
		save_warm(v);
}

void state_await_no_ssh(struct supervisor *v)
{
	v->save.awaits_ssh = false;
	timers_set(&v->timers, TIMER_WARM, 0);
}

void state_no_ssh(struct supervisor *v)
{
	if (!v->save.awaits_ssh)
		return;
	log_info("no ssh server has answered for %d s", SSH_S);
	save_warm(v);
}

void state_ready(struct supervisor *v)
{
	clock_ready(v);
	if ((v->save.warm_asked || (v->plan->s.warm && !v->save.resumed)) && !await_ssh(v))
		save_warm(v);
}

void state_request(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	struct error err = {0};
	char line[1400];

	(void)arg;
	if (v->life.ready ? state_save(v, SAVING_WARM, &err)
			  : state_possible(v, SAVING_WARM, &err)) {
		v->save.warm_asked = !v->life.ready;
		requests_await_warm(c, slot);
		return;
	}
	(void)snprintf(line, sizeof line, "%s%s%s\n", err.message, err.fix[0] ? "; " : "", err.fix);
	control_answer(c, slot, err.status, line, strlen(line));
}
