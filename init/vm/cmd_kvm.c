/* cmd_kvm.c - vm kvm: the result of the KVM test (host/kvm.h). */
#include <stdio.h>

#include "base/error.h"
#include "format/json.h"
#include "host/kvm.h"
#include "vm/cmd.h"

#define BOUND_MS 50

int cmd_kvm(const struct command *self, int argc, char **argv, char **envp)
{
	struct kvm_result r;
	char reason[2 * sizeof r.reason];
	char fix[2 * sizeof r.fix];
	bool json;
	int status;

	(void)envp;
	if (!cmd_only_option(self, argc, argv, "--json", &json, &status))
		return status;
	bool works = kvm_prove("/dev/kvm", BOUND_MS, &r);

	if (json)
		(void)printf("{\"works\":%s,\"verdict\":\"%s\",\"step\":\"%s\",\"errno\":%d,"
			     "\"signal\":%d,\"exit_reason\":%d,\"loop_ms\":%.3f,\"made_node\":%s,"
			     "\"brief\":\"%s\",\"reason\":%s,\"fix\":%s}\n",
			     works ? "true" : "false", kvm_verdict_name(r.verdict), r.step, r.error,
			     r.signal, r.exit_reason, (double)r.loop_ns / 1e6,
			     r.made_node ? "true" : "false", r.brief,
			     json_quote(r.reason, reason, sizeof reason),
			     json_quote(r.fix, fix, sizeof fix));
	else
		(void)printf("%s: %s\n%s%s%s", works ? "KVM works" : "KVM does not work", r.reason,
			     r.fix[0] ? "fix: " : "", r.fix, r.fix[0] ? "\n" : "");
	return works ? EXIT_CLEAN : EXIT_NOT_READY;
}
