/* cmd_kvm.c - vm kvm: the result of the KVM test (host/kvm.h). */
#include <stdio.h>

#include "base/error.h"
#include "base/json_write.h"
#include "host/kvm.h"
#include "vm/cmd.h"

#define BOUND_MS 50

static void print_json(const struct kvm_result *r, bool works)
{
	char text[2 * sizeof *r + 512];

	(void)json_write(text, sizeof text,
			 JSON_LIST(J_BOOL("works", works),
				   J_TEXT("verdict", kvm_verdict_name(r->verdict)),
				   J_TEXT("step", r->step), J_INT("errno", r->error),
				   J_INT("signal", r->signal), J_INT("exit_reason", r->exit_reason),
				   J_NUMBER("loop_ms", 3, (double)r->loop_ns / 1e6),
				   J_BOOL("made_node", r->made_node), J_TEXT("brief", r->brief),
				   J_TEXT("reason", r->reason), J_TEXT("fix", r->fix)));
	(void)puts(text);
}

int cmd_kvm(const struct command *self, int argc, char **argv, char **envp)
{
	struct kvm_result r;
	bool json;
	int status;

	(void)envp;
	if (!cmd_only_option(self, argc, argv, "--json", &json, &status))
		return status;
	bool works = kvm_test("/dev/kvm", BOUND_MS, &r);

	if (json)
		print_json(&r, works);
	else
		(void)printf("%s: %s\n%s%s%s", works ? "KVM works" : "KVM does not work", r.reason,
			     r.fix[0] ? "fix: " : "", r.fix, r.fix[0] ? "\n" : "");
	return works ? EXIT_CLEAN : EXIT_NOT_READY;
}
