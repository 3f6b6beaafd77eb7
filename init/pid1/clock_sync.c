/* clock_sync.c - see clock_sync.h. */
#include "pid1/clock_sync.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "config/guest_profile.h"
#include "pid1/supervisor.h"
#include "proto/ssh.h"

#define SECOND UINT64_C(1000000000)
/* Who resumes a guest to use it at once does not wait for us, and we do not wait long for him. */
#define FIRST_NS (1 * SECOND)
/* Its sshd does not answer yet. */
#define AGAIN_NS (60 * SECOND)
#define TRIES	 10
#define BUSY_S	 "20"

static const char *set_command(const struct supervisor *v)
{
	return profile_of((enum guest)v->plan->s.guest)->set_clock;
}

/* The command for NOW and LATE seconds more. */
static void command_for(const struct supervisor *v, int late, char out[64])
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(out, 64, "%s@%lld", set_command(v),
		       (long long)now.tv_sec + (now.tv_nsec >= 500000000) + late);
}

static void is_set(struct supervisor *v)
{
	v->clock.due = false;
	timers_set(&v->timers, TIMER_CLOCK, 0);
	log_info("the guest's clock is set");
}

static void on_clock(struct supervisor *v, int status, const char *line)
{
	(void)line;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		is_set(v);
		return;
	}
	v->clock.due = true;
	if (++v->clock.tries < TRIES) {
		timers_set(&v->timers, TIMER_CLOCK, clock_now() + AGAIN_NS);
		if (v->clock.tries > 1)
			return;
	}
	log_warning("the guest's clock could not be set%s: it stands where the state was saved",
		    v->clock.tries < TRIES ? " yet" : "");
}

void clock_ready(struct supervisor *v)
{
	v->clock = (struct guest_clock){.due = v->save.resumed && set_command(v)};
	timers_set(&v->timers, TIMER_CLOCK, v->clock.due ? clock_now() + FIRST_NS : 0);
}

void clock_timer(struct supervisor *v)
{
	char command[64];
	struct error err = {0};
	char *argv[] = {
		(char *)"vm",	(char *)"exec", (char *)"--via", (char *)"ssh", (char *)"--timeout",
		(char *)BUSY_S, (char *)"--",	command,	 NULL};
	struct child c = {.path = "/proc/self/exe", .argv = argv, .envp = environ, .no_core = true};

	if (v->state != VM_RUNNING || !v->clock.due)
		return;
	if (!ssh_possible(&v->plan->s)) {
		log_info(
			"the guest's clock stands where the state was saved: the first vm exec of "
			"root's sets it (by itself nothing is typed on the console; with a key for "
			"ssh it would be set by that)");
		return;
	}
	command_for(v, 1, command);
	v->clock.due = false; /* its own vm exec need not do it, too */
	if (!helper_start(v, HELPER_CLOCK, "clock", &c, on_clock, &err)) {
		v->clock.due = true;
		error_report(&err);
	}
}

void clock_request(struct supervisor *v, struct control *c, int slot, const char *arg)
{
	char line[80];
	int n = 0;

	if (strcmp(arg, "set") == 0 && v->clock.due) {
		is_set(v);
	} else if (!arg[0] && v->clock.due) {
		command_for(v, 0, line);
		n = (int)strlen(line);
		line[n++] = '\n';
		/* The line is its own for now. */
		timers_set(&v->timers, TIMER_CLOCK, clock_now() + AGAIN_NS);
	}
	control_answer(c, slot, EXIT_CLEAN, line, (size_t)n);
}
