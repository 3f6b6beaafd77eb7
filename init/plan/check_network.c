/* check_network.c - see check_network.h. */
#include "plan/check_network.h"

#include <stdio.h>
#include <stdlib.h>

#include "host/tap.h"

void network_check(struct plan *plan)
{
	const struct settings *s = &plan->s;
	struct error err = {0};
	char path[4096];

	if (plan->facts.unattended && s->net != NET_USER && s->net != NET_NONE)
		(void)errors_add(
			&plan->errors, EXIT_BAD_SETTING, "set QEMU_NET=user or none for it",
			"QEMU_NET: the profiler's machines have no network but QEMU's own");
	else if (s->net == NET_TAP && !tap_check(s, &err))
		(void)errors_append(&plan->errors, &err);
	else if (s->net == NET_PASST && !find_program(getenv("PATH"), "passt", path, sizeof path))
		(void)errors_add(&plan->errors, EXIT_QEMU_FAILED,
				 "install it (Debian, Alpine: package passt), or use QEMU_NET=user",
				 "QEMU_NET=passt: there is no program passt on PATH");
}

bool network_open(struct plan *plan, struct error *err)
{
	if (plan->s.net == NET_TAP)
		plan->net_fd = tap_open(&plan->s, err);
	return plan->s.net != NET_TAP || plan->net_fd >= 0;
}

const char *network_describe(const struct settings *s, char buf[NETWORK_TEXT])
{
	char to[NETWORK_TEXT - 32] = "QEMU's own NAT";
	char card[32];

	if (s->net == NET_TAP)
		(void)snprintf(to, sizeof to, "the interface %s%s%s%s%s", s->tap,
			       s->tap_address ? ", here " : "",
			       s->tap_address ? s->tap_address : "",
			       s->tap_bridge ? ", on the bridge " : "",
			       s->tap_bridge ? s->tap_bridge : "");
	else if (s->net == NET_SOCKET)
		(void)snprintf(to, sizeof to, "the other machines of %s", s->net_socket);
	else if (s->net == NET_PASST)
		(void)snprintf(to, sizeof to, "passt");
	if (s->net == NET_NONE)
		(void)snprintf(buf, NETWORK_TEXT, "none");
	else
		(void)snprintf(
			buf, NETWORK_TEXT, "%s to %s",
			setting_choice(SETTING_QEMU_NET_MODEL, s->net_model, card, sizeof card),
			to);
	return buf;
}
