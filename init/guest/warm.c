/* warm.c - when a state is saved or has been resumed: VM_WARM=1, `vm warm`, the guest's clock.
 * (state.h)
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/profile.h"
#include "guest/supervisor.h"

static void save_warm(struct supervisor *v)
{
	struct error err = {0};
	char line[1400];

	v->save.warm_asked = false;
	if (state_save(v, SAVING_WARM, &err))
		return;
	(void)snprintf(line, sizeof line, "the warm state cannot be saved: %s\n", err.message);
	log_warning("%.*s", (int)strlen(line) - 1, line);
	requests_warm(v, err.status, line);
}

#define CLOCK_NS UINT64_C(3000000000)

void state_ready(struct supervisor *v)
{
	if (v->save.resumed && profile_of((enum guest)v->plan->s.guest)->set_clock)
		timers_set(&v->timers, TIMER_CLOCK, clock_now() + CLOCK_NS);
	if (v->save.warm_asked || (v->plan->s.warm && !v->save.resumed))
		save_warm(v);
}

static void on_clock(struct supervisor *v, int status, const char *line)
{
	(void)v, (void)line;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		log_info("the guest's clock is set");
	else
		log_warning("the guest's clock could not be set: it stands where the state was "
			    "saved");
}

/* The emulated clock chip goes on with the host's time; a system that has read it when it booted
 * does not notice. */
void state_set_clock(struct supervisor *v)
{
	char command[64];
	struct error err = {0};
	struct timespec now;
	char *argv[] = {(char *)"vm", (char *)"exec", (char *)"--timeout",
			(char *)"20", (char *)"--",   command,
			NULL};
	struct child c = {.path = "/proc/self/exe", .argv = argv, .envp = environ, .no_core = true};
	const char *set = profile_of((enum guest)v->plan->s.guest)->set_clock;

	if (v->state != VM_RUNNING || !set)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(command, sizeof command, "%s@%lld", set, (long long)now.tv_sec + 1);
	if (!helper_start(v, HELPER_CLOCK, "clock", &c, on_clock, &err))
		error_report(&err);
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
