/* consoles.c - the supervisor's relays: QEMU's serial line and its monitor, who may connect to them
 * and where, and what is kept of what they say.
 */
#include <stdio.h>

#include "guest/files.h"
#include "guest/supervisor.h"
#include "host/listen.h"

#define SCROLLBACK	   (256 * 1024)
#define CONSOLE_CLIENTS	   64
#define MONITOR_SCROLLBACK (16 * 1024)
#define MONITOR_CLIENTS	   8

static void on_serial(const uint8_t *buf, size_t n, void *arg)
{
	supervisor_on_serial(arg, buf, n);
}

static void on_break(void *arg)
{
	struct supervisor *v = arg;

	(void)qmp_send(&v->qmp, "chardev-send-break", "{\"id\":\"serial\"}", NULL, NULL);
}

static bool open_relay(struct supervisor *v, enum relay_id which, struct error *err)
{
	const struct settings *s = &v->plan->s;
	bool serial = which == RELAY_SERIAL;
	long port = serial ? s->serial_port : s->monitor_port;
	int listener = -1;

	if (port) {
		listener = listen_tcp(s->bind, (uint16_t)port,
				      serial ? "SERIAL_PORT" : "MONITOR_PORT", err);
		if (listener < 0)
			return false;
	}
	struct relay_config config = {
		.name = serial ? "serial console" : "monitor",
		.ref_type = REF_RELAY,
		.ref_index = (uint8_t)which,
		.epoll = v->epoll,
		.ring_size = serial ? SCROLLBACK : MONITOR_SCROLLBACK,
		.clients_max = serial ? CONSOLE_CLIENTS : MONITOR_CLIENTS,
		.greeting =
			serial ? "[serial console of the guest; telnet's escape character leaves]"
			       : "[QEMU's monitor; `help` lists the commands, `quit` cuts the "
				 "guest's power]",
		.telnet_listener = listener,
		.raw_listener = -1,
		.log_fd = serial ? files_open_console(s, &v->plan->identity) : -1,
		.observe = serial ? on_serial : NULL,
		.on_break = serial ? on_break : NULL,
		.arg = v,
	};

	v->relays[which] = relay_new(&config, err);
	return v->relays[which] != NULL;
}

bool consoles_open(struct supervisor *v, struct error *err)
{
	return open_relay(v, RELAY_SERIAL, err) && open_relay(v, RELAY_MONITOR, err);
}

void consoles_reopen_logs(struct supervisor *v)
{
	relay_log(v->relays[RELAY_SERIAL], files_open_console(&v->plan->s, &v->plan->identity));
}
