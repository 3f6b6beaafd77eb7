/* waiters.c - see waiters.h. */
#include "pid1/waiters.h"

#include <stdio.h>
#include <string.h>

#include "pid1/status.h"
#include "pid1/supervisor.h"

void waiters_answer_health(struct supervisor *v, int slot, const char *wrong)
{
	char why[160], line[164];
	bool ready = status_why(v, why, sizeof why);

	(void)snprintf(line, sizeof line, "%s\n", ready && wrong ? wrong : why);
	control_answer(&v->control, slot, ready && !wrong ? EXIT_CLEAN : EXIT_NOT_READY, line);
}

/* Answer all clients that wait for WHAT with the status of the guest. */
static void answer_all(struct supervisor *v, int what, const char *wrong)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (v->control.clients[i].fd >= 0 && v->control.clients[i].waits_for == what)
			waiters_answer_health(v, i, wrong);
}

void waiters_checked(struct supervisor *v, const char *wrong)
{
	answer_all(v, WAITS_HEALTH, wrong);
}

void waiters_ready(struct supervisor *v)
{
	answer_all(v, WAITS_READY, NULL);
	waiters_shell(v);
}

static void answer_with(struct supervisor *v, int what, int status, const char *text)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		if (v->control.clients[i].fd >= 0 && v->control.clients[i].waits_for == what)
			control_answer(&v->control, i, status, text);
}

void waiters_login(struct supervisor *v)
{
	answer_with(v, WAITS_LOGIN, EXIT_CLEAN, "login prompt on the serial console\n");
	waiters_shell(v);
}

void waiters_answered(struct supervisor *v, enum probe_id which)
{
	if (which == PROBE_SSH)
		answer_with(v, WAITS_SSH, EXIT_CLEAN, "the guest's sshd answers\n");
	else
		answer_with(v, WAITS_HTTP, EXIT_CLEAN, "the guest's web server answers\n");
}

void waiters_probe(struct supervisor *v)
{
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		if (v->control.clients[i].fd < 0)
			continue;
		if (v->control.clients[i].waits_for == WAITS_SSH)
			probe_want(&v->probes, PROBE_SSH);
		if (v->control.clients[i].waits_for == WAITS_HTTP)
			probe_want(&v->probes, PROBE_HTTP);
	}
}

/* A guest that has panicked will not become ready. */
void waiters_problem(struct supervisor *v)
{
	static const int waits[] = {WAITS_READY, WAITS_LOGIN, WAITS_SSH, WAITS_HTTP, WAITS_WARM};

	for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
		answer_all(v, waits[i], NULL);
	waiters_shell(v);
}

/* Clients that wait for the end get the guest's exit status, others EXIT_NOT_READY. */
static int status_at_end(const struct control_client *client, int status)
{
	return client->waits_for == WAITS_GONE ? status : EXIT_NOT_READY;
}

void waiters_exit(struct supervisor *v, int status)
{
	char text[64];

	(void)snprintf(text, sizeof text, "the guest has ended, exit status %d\n", status);
	control_farewell(&v->control, status_at_end, status, text);
}

void waiters_warm(struct supervisor *v, int status, const char *line)
{
	answer_with(v, WAITS_WARM, status, line);
}

void waiters_screen(struct supervisor *v, int status, const char *line)
{
	answer_with(v, WAITS_SCREEN, status, line);
}
