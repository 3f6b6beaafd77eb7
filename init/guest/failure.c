/* failure.c - a QEMU that does not start, cannot be talked to, or dies: what it was and what helps.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"
#include "guest/supervisor.h"

#define SECOND UINT64_C(1000000000)
/* From its start to its greeting QEMU takes tenths of a second; this is for a host that swaps. */
#define GREETING_S 120

/* QEMU's last line, which is what it died of, into BUF; "" when it said nothing. */
static const char *last_words(const struct supervisor *v, char *buf, size_t size)
{
	size_t len;
	const char *line = tail_line(&v->tail, &len);

	(void)snprintf(buf, size, "%s%.*s", len ? ": " : "", (int)len, line);
	return buf;
}

/* The setting behind QEMU's words, and the way out, into BUF (QEMU's net/slirp.c,
 * util/qemu-sockets.c and gdbstub; util/oslib-posix.c). */
static const char *fix_for(const struct supervisor *v, char *buf, size_t size)
{
	const struct settings *s = &v->plan->s;
	const char *other = "choose another port, or end what has it (ss -ltnup shows it)";

	if (strstr(v->tail.text, "Could not set up host forwarding rule"))
		(void)snprintf(buf, size, "a port of QEMU_HOSTFWDS=%s is in use: %s", s->hostfwds,
			       other);
	else if (strstr(v->tail.text, ": -vnc ") && strstr(v->tail.text, "Address already in use"))
		(void)snprintf(buf, size, "VNC_PORT=%ld is in use: %s", s->vnc_port, other);
	else if (strstr(v->tail.text, ": -gdb ") && strstr(v->tail.text, "Address already in use"))
		(void)snprintf(buf, size, "GDB_PORT=%ld is in use: %s", s->gdb_port, other);
	else if (strstr(v->tail.text, "gtk initialization failed") ||
		 strstr(v->tail.text, "Could not initialize SDL"))
		(void)snprintf(buf, size,
			       "DISPLAY must name an X11 display whose socket is in /tmp/.X11-unix "
			       "(mount it), and that lets QEMU's user in (xhost, or XAUTHORITY); "
			       "else VM_DISPLAY=none");
	else if (s->display && strstr(v->tail.text, "Display '"))
		(void)snprintf(buf, size,
			       "build the image with UI=1 (Debian: qemu-system-gui; Alpine: "
			       "qemu-ui-gtk, qemu-ui-sdl), or leave VM_DISPLAY unset");
	else if (strstr(v->tail.text, "Cannot allocate memory"))
		(void)snprintf(buf, size,
			       "lower QEMU_RAM=%ld, or raise the limit (docker --memory, ulimit "
			       "-v): QEMU takes up to 1 GiB beside the guest's memory",
			       s->ram_mb);
	else
		(void)snprintf(buf, size,
			       "read QEMU's message above and qemu.log; vm check and vm args show "
			       "what was started");
	return buf;
}

int failure_status(const struct supervisor *v)
{
	char fix[512];
	struct error err = {0};
	int st = v->qemu_status;

	(void)fix_for(v, fix, sizeof fix);
	if (WIFSIGNALED(st))
		(void)error_set(&err, EXIT_QEMU_FAILED,
				v->ran ? "if it was SIGKILL, memory may have run out: lower "
					 "QEMU_RAM or raise the container's limit"
				       : fix,
				"QEMU was killed by signal %d (%s)%s", WTERMSIG(st),
				strsignal(WTERMSIG(st)),
				v->ran ? " while the guest ran: what it had not written is lost"
				       : "");
	else {
		char words[300];

		(void)error_set(&err, EXIT_QEMU_FAILED, fix,
				"QEMU ended with status %d before the guest %s%s", WEXITSTATUS(st),
				v->ran ? "did" : "ran", last_words(v, words, sizeof words));
	}
	error_report(&err);
	return err.status;
}

/* A guest that has not run cannot be made to without QMP. */
static void give_up(struct supervisor *v, const char *what)
{
	log_error("%s: %s", v->plan->args.argv[0], what);
	log_line(LOG_ERROR, "  fix: ",
		 "if VM_QEMU is set, it has to name a QEMU that talks QMP on the descriptor it is "
		 "given (vm args); else read qemu.log");
	v->given_up = true;
	supervisor_climb(v, LADDER_NOW);
}

void failure_await_greeting(struct supervisor *v)
{
	long limit = v->plan->s.boot_timeout;

	if (limit == 0 || limit > GREETING_S)
		limit = GREETING_S;
	timers_set(&v->timers, TIMER_GREETING, clock_now() + (uint64_t)limit * SECOND);
}

void failure_no_greeting(struct supervisor *v)
{
	if (v->qmp.state != QMP_READY && !v->qemu_ended && v->ladder.rung == RUNG_NONE)
		give_up(v, "it does not answer on QMP");
}

void failure_qmp_lost(struct supervisor *v)
{
	char what[200];

	if (v->state == VM_DOWN || v->ladder.rung != RUNG_NONE)
		return;
	(void)snprintf(what, sizeof what, "QMP: %s", v->qmp.why_closed);
	if (v->qmp.eof) /* most often QEMU ends, and why is still to be seen */
		log_warning("%s", what);
	else if (v->ran)
		log_warning("%s; the guest runs on, and can only be stopped by a signal to QEMU",
			    what);
	else
		give_up(v, what);
}
