/* clock_sync.c - see clock_sync.h. */
#include "pid1/clock_sync.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "pid1/env.h"
#include "pid1/helper.h"
#include "proto/ssh.h"

#define SECOND UINT64_C(1000000000)
/* A client's first command sets the clock itself; wait this long for one. */
#define FIRST_NS (1 * SECOND)
/* Interval of attempts while the guest's sshd does not answer. */
#define AGAIN_NS (60 * SECOND)
#define TRIES	 10
#define BUSY_S	 "20"

static const char *set_command(const struct clock_sync *c)
{
	return c->env->plan->set_clock;
}

/* The command that sets the clock to NOW plus LATE seconds. */
static void command_for(const struct clock_sync *c, int late, char out[64])
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(out, 64, "%s@%lld", set_command(c),
		       (long long)now.tv_sec + (now.tv_nsec >= 500000000) + late);
}

static void is_set(struct clock_sync *c)
{
	c->due = false;
	env_timer(c->env, TIMER_CLOCK, 0);
	log_info("the guest's clock is set");
}

static void on_clock(void *arg, int status, const char *line)
{
	struct clock_sync *c = arg;

	(void)line;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		is_set(c);
		return;
	}
	c->due = true;
	if (++c->tries < TRIES) {
		env_timer(c->env, TIMER_CLOCK, clock_now() + AGAIN_NS);
		if (c->tries > 1)
			return;
	}
	log_warning("the guest's clock could not be set%s: it has the time of the saved state",
		    c->tries < TRIES ? " yet" : "");
	log_line(LOG_WARNING, "  fix: ", "set it in the guest, or by vm exec true");
}

void clock_init(struct clock_sync *c, const struct env *env)
{
	*c = (struct clock_sync){.env = env};
}

void clock_ready(struct clock_sync *c)
{
	c->due = c->env->life->resumed && set_command(c);
	c->tries = 0;
	env_timer(c->env, TIMER_CLOCK, c->due ? clock_now() + FIRST_NS : 0);
}

void clock_timer(struct clock_sync *c)
{
	char command[64];
	struct error err = {0};
	char *argv[] = {
		(char *)"vm",	(char *)"exec", (char *)"--via", (char *)"ssh", (char *)"--timeout",
		(char *)BUSY_S, (char *)"--",	command,	 NULL};
	struct child child = {
		.path = c->env->plan->vm, .argv = argv, .envp = environ, .no_core = true};

	if (c->env->life->phase != LIFE_RUNNING || !c->due)
		return;
	if (!ssh_possible(&c->env->plan->s)) {
		log_info("the guest's clock has the time of the saved state: the first vm exec as "
			 "root sets it, or vm ssh's key (VM_SSH_KEY) would");
		return;
	}
	command_for(c, 1, command);
	c->due = false; /* `vm exec`, which is the helper, would set it once more */
	if (!helper_start(c->env->helpers, HELPER_CLOCK, "clock", &child, on_clock, c, &err)) {
		c->due = true;
		error_report(&err);
	}
}

bool clock_command(struct clock_sync *c, char command[64])
{
	if (!c->due)
		return false;
	command_for(c, 0, command);
	/* A client has the serial line; try again later. */
	env_timer(c->env, TIMER_CLOCK, clock_now() + AGAIN_NS);
	return true;
}

void clock_set(struct clock_sync *c)
{
	if (c->due)
		is_set(c);
}
