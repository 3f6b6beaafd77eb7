/* warm_start.c - see warm_start.h. */
#include "pid1/warm_start.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pid1/env.h"
#include "pid1/savestate.h"

#define SECOND UINT64_C(1000000000)
/* How often to look whether a snapshot that began before is done. */
#define SNAPSHOT_LOOK_NS (SECOND / 5)

static void save_warm(struct warm_start *w)
{
	struct error err = {0};
	char line[1400];

	warm_start_cancel(w);
	if (lifecycle_any(w->env->life, COND_ANY_SNAPSHOT)) {
		w->delayed = true;
		env_timer(w->env, TIMER_WARM, clock_now() + SNAPSHOT_LOOK_NS);
		return;
	}
	w->asked = false;
	if (savestate_begin(w->save, SAVING_WARM, &err))
		return;
	(void)snprintf(line, sizeof line, "the warm state cannot be saved: %s\n", err.message);
	log_warning("%.*s", (int)strlen(line) - 1, line);
	post(w->env, NOTICE_WARM_ENDS, .value = err.status, .text = line);
}

/* How long to wait for the ssh server after the guest is ready. */
#define SSH_S 60

/* The login prompt usually comes before the network is up. In a guest that is resumed from such a
 * state, a client that connects too early waits six seconds: QEMU's NAT retransmits a lost SYN
 * after that time (libslirp: tcp_newtcpcb(), TCPTV_SRTTDFLT). So the state is saved only after the
 * ssh server answers, if there is one. */
static bool await_ssh(struct warm_start *w)
{
	if (!probe_possible(w->probes, PROBE_SSH) || probe_answered(w->probes, PROBE_SSH))
		return false;
	w->awaits_ssh = true;
	probe_want(w->probes, PROBE_SSH);
	env_timer(w->env, TIMER_WARM, clock_now() + SSH_S * SECOND);
	log_info("the state is saved when the guest's ssh server answers, or in %d s", SSH_S);
	return true;
}

void warm_start_ssh_answered(struct warm_start *w)
{
	if (w->awaits_ssh)
		save_warm(w);
}

void warm_start_cancel(struct warm_start *w)
{
	w->awaits_ssh = w->delayed = false;
	env_timer(w->env, TIMER_WARM, 0);
}

void warm_start_timer(struct warm_start *w)
{
	if (w->awaits_ssh)
		log_info("no ssh server has answered for %d s", SSH_S);
	if (w->awaits_ssh || w->delayed)
		save_warm(w);
}

void warm_start_ready(struct warm_start *w)
{
	bool wanted = env_settings(w->env)->warm && !w->env->life->resumed;

	if ((w->asked || wanted) && !await_ssh(w))
		save_warm(w);
}

bool warm_start_ask(struct warm_start *w, struct error *err)
{
	bool ready = w->env->life->ready;

	if (ready ? !savestate_begin(w->save, SAVING_WARM, err)
		  : !savestate_possible(w->save, SAVING_WARM, err))
		return false;
	if (ready)
		warm_start_cancel(w);
	w->asked = !ready;
	return true;
}

void warm_start_init(struct warm_start *w, const struct env *env, struct savestate *save,
		     struct port_probes *probes)
{
	*w = (struct warm_start){.env = env, .save = save, .probes = probes};
}
