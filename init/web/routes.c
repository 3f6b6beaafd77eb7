/* routes.c - the server's routes and their parameters, as it serves them and as docs/api.yaml
 * describes them (scripts/openapi.py). */
#include <string.h>

#include "web/web.h"

#define PARAMETERS (const struct parameter[])
#define END_OF_PARAMETERS                                                                          \
	{                                                                                          \
		.name = NULL                                                                       \
	}
#define FILE_OF_PAGE                                                                               \
	{                                                                                          \
		.name = "file", .in = IN_PATH, .required = true, .help = "its name"                \
	}
#define NAME_OF(help_)                                                                             \
	{                                                                                          \
		.name = "name", .in = IN_PATH, .required = true, .help = (help_)                   \
	}
#define QUERY(name_, help_)                                                                        \
	{                                                                                          \
		.name = (name_), .in = IN_QUERY, .help = (help_)                                   \
	}
#define GUEST_PATH(name_, help_)                                                                   \
	{                                                                                          \
		.name = (name_), .in = IN_QUERY, .required = true, .min = 1, .max = 3999,          \
		.help = (help_)                                                                    \
	}
#define HEADER(name_, help_)                                                                       \
	{                                                                                          \
		.name = (name_), .in = IN_HEADER, .help = (help_)                                  \
	}
#define TEXT_OF(name_, max_, help_)                                                                \
	{                                                                                          \
		.name = (name_), .required = true, .min = 1, .max = (max_), .help = (help_)        \
	}
#define TIMEOUT(default_)                                                                          \
	{                                                                                          \
		.name = "timeout", .type = PARAMETER_INTEGER, .dflt = (default_), .min = 1,        \
		.max = 86400, .option = "--timeout"                                                \
	}
#define SWITCH(name_, option_)                                                                     \
	{                                                                                          \
		.name = (name_), .type = PARAMETER_BOOL, .option = (option_)                       \
	}
/* An option of vm profile, which checks the value. */
#define MATRIX(name_, option_)                                                                     \
	{                                                                                          \
		.name = (name_), .type = PARAMETER_TEXT_OR_NUMBER, .max = 1000,                    \
		.option = (option_)                                                                \
	}

const struct route routes[] = {
	{.method = "GET",
	 .path = "/",
	 .handle = handle_page,
	 .open = true,
	 .id = "page",
	 .summary = "The page; with a token, the cookie and a redirect to it",
	 .parameters = PARAMETERS{QUERY("token", "the token"), END_OF_PARAMETERS}},
	{.method = "POST",
	 .path = "/login",
	 .handle = handle_login,
	 .open = true,
	 .id = "login",
	 .summary = "Exchange the token for the cookie",
	 .parameters =
		 PARAMETERS{{.name = "token", .in = IN_FORM, .required = true, .help = "the token"},
			    END_OF_PARAMETERS}},
	{.method = "GET",
	 .path = "/assets/{file}",
	 .handle = static_serve,
	 .open = true,
	 .id = "asset",
	 .summary = "A file of the page",
	 .parameters = PARAMETERS{FILE_OF_PAGE, END_OF_PARAMETERS}},
	{.method = "GET",
	 .path = "/api/v1/status",
	 .handle = handle_status,
	 .id = "status",
	 .command = "status --json"},
	{.method = "GET",
	 .path = "/api/v1/health",
	 .handle = handle_health,
	 .id = "health",
	 .command = "health",
	 .summary = "Is the guest ready and healthy?"},
	{.method = "GET",
	 .path = "/api/v1/settings",
	 .handle = handle_settings,
	 .id = "settings",
	 .command = "settings --json"},
	{.method = "GET",
	 .path = "/api/v1/events",
	 .handle = events_open,
	 .id = "events",
	 .summary = "Events of events.jsonl (by their names), log, status and profile",
	 .parameters = PARAMETERS{HEADER("Last-Event-ID", "the last id that was received"),
				  END_OF_PARAMETERS}},
	{.method = "WS",
	 .path = "/api/v1/console",
	 .id = "console",
	 .summary = "WebSocket: the serial console's bytes",
	 .parameters = PARAMETERS{QUERY("readonly", "1: input is ignored"),
				  QUERY("live", "1: without the scrollback"), END_OF_PARAMETERS}},
	{.method = "WS",
	 .path = "/api/v1/display",
	 .id = "display",
	 .summary = "WebSocket: RFB of the guest's display (subprotocol binary, or none)"},
	{.method = "POST",
	 .path = "/api/v1/monitor",
	 .handle = handle_monitor,
	 .id = "monitor",
	 .command = "monitor",
	 .parameters = PARAMETERS{TEXT_OF("command", 3900, "a line"), END_OF_PARAMETERS}},
	{.method = "POST",
	 .path = "/api/v1/exec",
	 .handle = handle_exec,
	 .id = "exec",
	 .command = "exec",
	 .parameters = PARAMETERS{TEXT_OF("command", 16000, "a line for the guest's shell"),
				  TIMEOUT(60), END_OF_PARAMETERS}},
	{.method = "POST",
	 .path = "/api/v1/send",
	 .handle = handle_send,
	 .id = "send",
	 .command = "send",
	 .parameters =
		 PARAMETERS{{.name = "text", .max = 4000, .help = "text, typed as it is"},
			    {.name = "keys", .option = "--key"},
			    {.name = "screen",
			     .type = PARAMETER_BOOL,
			     .help = "type on the guest's keyboard, as vm send --screen does"},
			    END_OF_PARAMETERS}},
	{.method = "POST",
	 .path = "/api/v1/expect",
	 .handle = handle_expect,
	 .id = "expect",
	 .command = "expect",
	 .parameters = PARAMETERS{TEXT_OF("pattern", 2000, "a POSIX extended regular expression"),
				  TIMEOUT(30),
				  {.name = "from", .choices = "now|start", .option = "--from"},
				  SWITCH("screen", "--screen"),
				  END_OF_PARAMETERS}},
	{.method = "POST",
	 .path = "/api/v1/push",
	 .handle = handle_push,
	 .upload = true,
	 .id = "push",
	 .command = "push",
	 .parameters = PARAMETERS{GUEST_PATH("to", "a directory of the guest"), END_OF_PARAMETERS}},
	{.method = "GET",
	 .path = "/api/v1/pull",
	 .handle = handle_pull,
	 .id = "pull",
	 .command = "pull",
	 .summary = "Copy a file or directory out of the guest",
	 .parameters = PARAMETERS{GUEST_PATH("path", "its path in the guest"), END_OF_PARAMETERS}},
	{.method = "GET",
	 .path = "/api/v1/snapshot",
	 .handle = handle_snapshot_list,
	 .id = "snapshotList",
	 .command = "snapshot list --json",
	 .summary = "The snapshots"},
	{.method = "POST",
	 .path = "/api/v1/snapshot",
	 .handle = handle_snapshot_save,
	 .id = "snapshotSave",
	 .command = "snapshot save",
	 .summary = "Save a snapshot",
	 .parameters = PARAMETERS{{.name = "name", .required = true, .min = 1, .help = "its name"},
				  END_OF_PARAMETERS}},
	{.method = "POST",
	 .path = "/api/v1/snapshot/{name}/load",
	 .handle = handle_snapshot_load,
	 .id = "snapshotLoad",
	 .command = "snapshot load",
	 .summary = "Load a snapshot",
	 .parameters = PARAMETERS{NAME_OF("its name"), END_OF_PARAMETERS}},
	{.method = "DELETE",
	 .path = "/api/v1/snapshot/{name}",
	 .handle = handle_snapshot_delete,
	 .id = "snapshotDelete",
	 .command = "snapshot delete",
	 .summary = "Delete a snapshot",
	 .parameters = PARAMETERS{NAME_OF("its name"), END_OF_PARAMETERS}},
	{.method = "POST",
	 .path = "/api/v1/stop",
	 .handle = handle_stop,
	 .id = "stop",
	 .command = "stop",
	 .summary = "Shut the guest down; the container ends with it",
	 .parameters = PARAMETERS{SWITCH("now", "--now"), END_OF_PARAMETERS}},
	{.method = "POST",
	 .path = "/api/v1/suspend",
	 .handle = handle_suspend,
	 .id = "suspend",
	 .summary = "Save the guest's state and stop (VM_STOP=suspend)"},
	{.method = "POST",
	 .path = "/api/v1/reset",
	 .handle = handle_reset,
	 .id = "reset",
	 .command = "reset"},
	{.method = "POST",
	 .path = "/api/v1/pause",
	 .handle = handle_pause,
	 .id = "pause",
	 .summary = "Pause the processors"},
	{.method = "POST",
	 .path = "/api/v1/continue",
	 .handle = handle_continue,
	 .id = "continue",
	 .summary = "Continue the processors"},
	{.method = "POST",
	 .path = "/api/v1/warm",
	 .handle = handle_warm,
	 .id = "warm",
	 .command = "warm"},
	{.method = "GET",
	 .path = "/api/v1/screenshot.png",
	 .handle = handle_screenshot,
	 .id = "screenshot",
	 .command = "screenshot",
	 .summary = "A picture of the guest's display"},
	{.method = "GET",
	 .path = "/api/v1/profile",
	 .handle = handle_profiles,
	 .id = "profiles",
	 .summary = "The profiles in VM_LOG_DIR"},
	{.method = "POST",
	 .path = "/api/v1/profile",
	 .handle = handle_profile_start,
	 .id = "profileStart",
	 .command = "profile",
	 .parameters = PARAMETERS{MATRIX("cpus", "--cpus"), MATRIX("cpu_models", "--cpu-models"),
				  MATRIX("ram", "--ram"), MATRIX("accels", "--accels"),
				  MATRIX("machines", "--machines"), MATRIX("buses", "--buses"),
				  MATRIX("boot", "--boot"), MATRIX("samples", "--samples"),
				  MATRIX("warm_up", "--warm-up"), MATRIX("until", "--until"),
				  MATRIX("jobs", "--jobs"), MATRIX("timeout", "--timeout"),
				  END_OF_PARAMETERS}},
	{.method = "GET",
	 .path = "/api/v1/profile/{name}",
	 .handle = handle_profile,
	 .id = "profile",
	 .summary = "A profile's results.json",
	 .parameters = PARAMETERS{NAME_OF("its name"), END_OF_PARAMETERS}},
	{.method = "GET",
	 .path = "/api/v1/profile/{name}/status",
	 .handle = handle_profile_status,
	 .id = "profileStatus",
	 .command = "profile status --json",
	 .summary = "How far a run is, also one that vm-web has not started",
	 .parameters = PARAMETERS{NAME_OF("its name"), END_OF_PARAMETERS}},
	{.method = "GET",
	 .path = "/api/v1/profile/{name}/{file}",
	 .handle = handle_profile_file,
	 .id = "profileFile",
	 .summary = "A file of a profile",
	 .parameters =
		 PARAMETERS{NAME_OF("the profile"),
			    {.name = "file", .in = IN_PATH, .required = true, .help = "the file"},
			    END_OF_PARAMETERS}},
	{.method = "GET",
	 .path = "/metrics",
	 .handle = handle_metrics,
	 .id = "metrics",
	 .summary = "OpenMetrics"},
	{.method = "POST",
	 .path = "/mcp",
	 .handle = handle_mcp,
	 .id = "mcp",
	 .command = "mcp",
	 .summary = "A message of the Model Context Protocol",
	 .parameters = PARAMETERS{HEADER("MCP-Protocol-Version", "the protocol's revision"),
				  HEADER("Mcp-Method", "the message's method"),
				  HEADER("Mcp-Name", "the tool's name"), END_OF_PARAMETERS}},
	{.method = "GET",
	 .path = "/{file}",
	 .handle = static_serve,
	 .open = true,
	 .id = "file",
	 .summary = "A file of the page",
	 .parameters = PARAMETERS{FILE_OF_PAGE, END_OF_PARAMETERS}},
	{.method = NULL},
};

/* Does PATH match PATTERN? The text for {…} goes to PARTS. */
static bool fits(const char *pattern, const char *path, char parts[2][256])
{
	int n = 0;

	while (*pattern) {
		if (*pattern == '{') {
			size_t len = strcspn(path, "/");

			if (len == 0 || len >= 256 || n == 2)
				return false;
			memcpy(parts[n], path, len);
			parts[n++][len] = '\0';
			path += len;
			pattern += strcspn(pattern, "}") + 1;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

const struct route *route_find(const char *method, const char *path, char parts[2][256],
			       bool *other_method)
{
	*other_method = false;
	for (const struct route *r = routes; r->method; r++) {
		/* A path that exists for another method is not looked up as a file. */
		if ((*other_method && strchr(r->path, '{')) || !fits(r->path, path, parts))
			continue;
		if (strcmp(r->method, method) == 0 ||
		    (strcmp(r->method, "WS") == 0 && strcmp(method, "GET") == 0))
			return r;
		*other_method = strcmp(r->method, "WS") != 0 && strcmp(method, "WS") != 0;
	}
	return NULL;
}
