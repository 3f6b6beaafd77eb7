/* waiters.h - clients of the control socket that wait for an event. */
#ifndef VM_PID1_WAITERS_H
#define VM_PID1_WAITERS_H

#include <stdbool.h>

#include "pid1/port_probe.h"

struct control;
struct supervisor;

/* control_client.waits_for */
enum {
	WAITS_NOT,
	WAITS_READY,
	WAITS_LOGIN,
	WAITS_SSH,
	WAITS_HTTP,
	WAITS_GONE,
	WAITS_MONITOR,
	WAITS_HEALTH,
	WAITS_SCREEN,
	WAITS_WARM,
	WAITS_SHELL,	    /* `shell await wait` */
	WAITS_SHELL_STREAM, /* `shell open wait -`, `shell open wait clock` */
	WAITS_SHELL_CLOCK
};

/* Tell client SLOT whether the guest is ready; WRONG is the result of a health check, NULL if
 * there is no problem. */
void waiters_answer_health(struct supervisor *v, int slot, const char *wrong);

/* Answer clients after an event: the guest is ready; the login prompt has come; a forwarded port
 * answers; a health check has ended; something is wrong with the guest. */
void waiters_ready(struct supervisor *v);
void waiters_login(struct supervisor *v);
void waiters_answered(struct supervisor *v, enum probe_id which);
void waiters_checked(struct supervisor *v, const char *wrong);
void waiters_problem(struct supervisor *v);
/* The warm state was saved or has failed: STATUS and LINE. waiters_screenshot(): the same for a
 * screenshot. */
void waiters_warm(struct supervisor *v, int status, const char *line);
void waiters_screen(struct supervisor *v, int status, const char *line);
/* Start the probes that clients wait for. */
void waiters_probe(struct supervisor *v);
/* PID 1 ends with STATUS. */
void waiters_exit(struct supervisor *v, int status);

/* shell_requests.c. Something has changed: answer the clients that wait for a shell, if one can be
 * reached now or never. */
void waiters_shell(struct supervisor *v);
#define REQUESTS_NO_SLOT "all console slots for commands are taken: end some of them\n"
/* `shell ARG`. */
void requests_shell(struct supervisor *v, struct control *c, int slot, const char *arg);

#endif
