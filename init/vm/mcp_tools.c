/* mcp_tools.c - the table of the tools of vm mcp (mcp.h). */
#include <stdio.h>
#include <string.h>

#include "vm/mcp.h"

#define PARAMS (const struct mcp_param[])
#define END_OF_PARAMS                                                                              \
	{                                                                                          \
		.name = NULL                                                                       \
	}
/* Maximum length of a command line of vm exec, and of a path. */
enum { COMMAND = 3400, PATH = 1000, NAME = 200, LIST = 400 };

#define VIA                                                                                        \
	{                                                                                          \
		.name = "via", .type = MCP_TEXT, .choices = "ssh|serial",                          \
		.help = "the way into the guest"                                                   \
	}
#define USER                                                                                       \
	{                                                                                          \
		.name = "user", .type = MCP_TEXT, .min = 1, .max = NAME,                           \
		.help = "log in as this user instead of VM_LOGIN_USER"                             \
	}
#define MATRIX(name_, help_)                                                                       \
	{                                                                                          \
		.name = (name_), .type = MCP_TEXT, .min = 1, .max = LIST, .help = (help_)          \
	}
#define NUMBER(name_, min_, max_, help_)                                                           \
	{                                                                                          \
		.name = (name_), .type = MCP_INT, .min = (min_), .max = (max_), .help = (help_)    \
	}
#define BOOL(name_, help_)                                                                         \
	{                                                                                          \
		.name = (name_), .type = MCP_BOOL, .help = (help_)                                 \
	}

/* The schema of structuredContent: the members that it always has, and those that it may have. */
#define OUTPUT(always_, ...) .always = (always_), .output = JSON_LIST(__VA_ARGS__)
#define OF(name_, type_)     J_OBJECT(name_, J_TEXT("type", type_))

const struct mcp_tool mcp_tools[] = {
	{.name = "status",
	 .title = "Guest status",
	 .about = "State of the guest: running or not, ready or why not, boot phases with times, "
		  "disk, network, ports, accelerator, console counters.",
	 .params = PARAMS{END_OF_PARAMS},
	 OUTPUT("state|ready|why", OF("state", "string"), OF("ready", "boolean"),
		OF("why", "string")),
	 .read_only = true,
	 .idempotent = true,
	 .prepare = mcp_prepare_status,
	 .finish = mcp_finish_json},
	{.name = "exec",
	 .title = "Run a command in the guest",
	 .about = "Run a shell command line in the guest and return its output and exit status. "
		  "Waits until the guest is ready. Over the serial console by default: standard "
		  "input is empty, and both output streams are one.",
	 .params = PARAMS{{.name = "command",
			   .type = MCP_TEXT,
			   .required = true,
			   .min = 1,
			   .max = COMMAND,
			   .help = "a line for the guest's shell, without a line end"},
			  NUMBER("timeout", 1, 86400,
				 "seconds until the command is ended by ^C (default 60)"),
			  {.name = "env",
			   .type = MCP_TEXTS,
			   .max = 32,
			   .help = "environment variables, each NAME=VALUE"},
			  {.name = "directory",
			   .type = MCP_TEXT,
			   .min = 1,
			   .max = PATH,
			   .help = "run the command in this directory of the guest"},
			  USER,
			  VIA,
			  BOOL("interrupt", "first end the program on the console with ^C"),
			  END_OF_PARAMS},
	 OUTPUT("exit_status|output|truncated", OF("exit_status", "integer"),
		OF("output", "string"), OF("stderr", "string"),
		J_OBJECT("truncated", J_TEXT("type", "boolean"),
			 J_TEXT("description", "only the last 256 KiB of the output are here"))),
	 .destructive = true,
	 .prepare = mcp_prepare_exec,
	 .finish = mcp_finish_exec},
	{.name = "console_read",
	 .title = "Read the serial console",
	 .about = "The last lines of the guest's serial console, without escape sequences.",
	 .params =
		 PARAMS{NUMBER("lines", 1, 10000, "number of lines (default 100)"), END_OF_PARAMS},
	 .read_only = true,
	 .idempotent = true,
	 .prepare = mcp_prepare_console_read,
	 .finish = mcp_finish_lines},
	{.name = "console_send",
	 .title = "Type on the console",
	 .about = "Type text, then keys, then Enter on the serial console, or on the keyboard of "
		  "the guest's screen. Nothing is waited for: use expect or console_read.",
	 .params = PARAMS{{.name = "text",
			   .type = MCP_TEXT,
			   .max = 4096,
			   .help = "text, typed as it is"},
			  {.name = "keys",
			   .type = MCP_TEXTS,
			   .max = 32,
			   .help = "keys: enter, tab, escape, backspace, ctrl-c, break; with "
				   "screen also f1, up, ctrl-alt-delete and the like"},
			  BOOL("enter", "press Enter at the end"),
			  BOOL("screen", "on the keyboard instead of the serial console"),
			  END_OF_PARAMS},
	 .destructive = true,
	 .prepare = mcp_prepare_console_send,
	 .finish = mcp_finish_text},
	{.name = "expect",
	 .title = "Wait for console output",
	 .about = "Wait until a line of the serial console matches a regular expression, and "
		  "return the line. An error if it does not come in time.",
	 .params = PARAMS{{.name = "pattern",
			   .type = MCP_TEXT,
			   .required = true,
			   .min = 1,
			   .max = 1000,
			   .help = "a POSIX extended regular expression"},
			  NUMBER("timeout", 1, 86400, "seconds to wait (default 30)"),
			  {.name = "from",
			   .type = MCP_TEXT,
			   .choices = "now|start",
			   .help = "start: also search earlier output; now (default): new output "
				   "only"},
			  BOOL("screen", "match the screen's text (VGA, 80 by 25) instead"),
			  END_OF_PARAMS},
	 OUTPUT("line", OF("line", "string")),
	 .read_only = true,
	 .prepare = mcp_prepare_expect,
	 .finish = mcp_finish_expect},
	{.name = "screenshot",
	 .title = "Picture of the display",
	 .about = "A picture (PNG) of the guest's display, or the text on it. The guest needs a "
		  "display: QEMU_VGA, or ENABLE_VNC=1.",
	 .params = PARAMS{BOOL("text", "the lines of a screen in VGA's text mode instead"),
			  END_OF_PARAMS},
	 .read_only = true,
	 .idempotent = true,
	 .prepare = mcp_prepare_screenshot,
	 .finish = mcp_finish_screenshot},
	{.name = "push",
	 .title = "Write a file in the guest",
	 .about = "Write a file in the guest, from text or base64 given here, or copy a file or "
		  "directory of the container into the guest.",
	 .params = PARAMS{{.name = "to",
			   .type = MCP_TEXT,
			   .required = true,
			   .min = 1,
			   .max = PATH,
			   .help = "the path in the guest"},
			  {.name = "text",
			   .type = MCP_TEXT,
			   .max = MCP_FILE_MAX,
			   .help = "the file's content as text"},
			  {.name = "base64",
			   .type = MCP_TEXT,
			   .max = MCP_FILE_MAX / 3 * 4 + 4,
			   .help = "the file's content in base64"},
			  {.name = "from",
			   .type = MCP_TEXT,
			   .min = 1,
			   .max = PATH,
			   .help = "a file or directory of the container; the host's share/ is "
				   "/share"},
			  VIA,
			  USER,
			  END_OF_PARAMS},
	 .destructive = true,
	 .idempotent = true,
	 .prepare = mcp_prepare_push,
	 .finish = mcp_finish_text},
	{.name = "pull",
	 .title = "Read a file of the guest",
	 .about = "Return a file of the guest, up to 4 MiB: as text if it is UTF-8, else as a "
		  "resource in base64; or copy a file or directory into the container.",
	 .params = PARAMS{{.name = "from",
			   .type = MCP_TEXT,
			   .required = true,
			   .min = 1,
			   .max = PATH,
			   .help = "the path in the guest"},
			  {.name = "to",
			   .type = MCP_TEXT,
			   .min = 1,
			   .max = PATH,
			   .help = "a path in the container instead of a result; the host's "
				   "share/ is /share"},
			  VIA,
			  USER,
			  END_OF_PARAMS},
	 .idempotent = true,
	 .prepare = mcp_prepare_pull,
	 .finish = mcp_finish_pull},
	{.name = "snapshot",
	 .title = "Snapshots",
	 .about = "List, save, load or delete snapshots of the guest's disk and memory.",
	 .params = PARAMS{{.name = "action",
			   .type = MCP_TEXT,
			   .required = true,
			   .choices = "list|save|load|delete",
			   .help = "what to do"},
			  {.name = "name",
			   .type = MCP_TEXT,
			   .min = 1,
			   .max = NAME,
			   .help = "the snapshot's name; not with list"},
			  BOOL("force", "save: replace a snapshot of the same name"),
			  END_OF_PARAMS},
	 .destructive = true,
	 .prepare = mcp_prepare_snapshot,
	 .finish = mcp_finish_snapshot},
	{.name = "reset",
	 .title = "Reset the machine",
	 .about = "Reset the machine, like its reset button. Unsaved data in the guest is lost.",
	 .params = PARAMS{END_OF_PARAMS},
	 .destructive = true,
	 .prepare = mcp_prepare_reset,
	 .finish = mcp_finish_text},
	{.name = "stop",
	 .title = "Shut the guest down",
	 .about = "Shut the guest down and wait for its end; its container ends with it, and so "
		  "does this server.",
	 .params = PARAMS{BOOL("now", "do not ask the guest; cut its power"), END_OF_PARAMS},
	 .destructive = true,
	 .prepare = mcp_prepare_stop,
	 .finish = mcp_finish_stop},
	{.name = "profile",
	 .title = "Measure the boot",
	 .about = "Boot a matrix of machines repeatedly, each on a throwaway disk, and measure "
		  "each boot phase; takes minutes. The running guest is not touched. Returns the "
		  "report and the directory that it is in. Lists are separated by commas.",
	 .params = PARAMS{NUMBER("samples", 1, 100, "samples per cell (default 3)"),
			  NUMBER("warm_up", 0, 10, "boots per cell that do not count (default 1)"),
			  MATRIX("cpus", "processor counts (default 1,2,4,8)"),
			  MATRIX("cpu_models", "values of QEMU_CPU"),
			  MATRIX("ram", "values of QEMU_RAM"),
			  MATRIX("accels", "values of QEMU_ACCEL: kvm, tcg"),
			  MATRIX("machines", "values of QEMU_MACHINE"),
			  MATRIX("buses", "values of QEMU_DISK_BUS"),
			  MATRIX("boot", "disk, direct or kernel"),
			  MATRIX("until", "a marker, or ready (default), login, ssh, http"),
			  NUMBER("timeout", 1, 86400, "seconds per sample (default 600)"),
			  NUMBER("jobs", 1, 64, "samples at the same time (default 1)"),
			  END_OF_PARAMS},
	 .prepare = mcp_prepare_profile,
	 .finish = mcp_finish_profile},
	{.name = NULL},
};

const struct mcp_tool *mcp_tool_find(const char *name)
{
	for (const struct mcp_tool *t = mcp_tools; t->name; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

/* The schema of structuredContent. */
static void output_schema(const struct mcp_tool *t, char *buf, size_t size)
{
	char always[256];

	(void)json_write(buf, size,
			 JSON_LIST(J_TEXT("type", "object"), J_MEMBERS("properties", t->output),
				   J_RAW("required", mcp_words(t->always, always, sizeof always))));
}

const char *mcp_tools_json(struct text *out)
{
	static char schema[16384];
	static char output[2048];

	for (const struct mcp_tool *t = mcp_tools; t->name; t++) {
		if (!mcp_schema(t->params, schema, sizeof schema))
			(void)json_write(schema, sizeof schema,
					 JSON_LIST(J_TEXT("type", "object")));
		if (t->output)
			output_schema(t, output, sizeof output);
		text_list_add(out, JSON_LIST(J_TEXT("name", t->name), J_TEXT("title", t->title),
					     J_TEXT("description", t->about),
					     J_RAW("inputSchema", schema),
					     J_RAW("outputSchema", t->output ? output : NULL),
					     J_OBJECT("annotations", J_TEXT("title", t->title),
						      J_BOOL("readOnlyHint", t->read_only),
						      J_BOOL("destructiveHint", t->destructive),
						      J_BOOL("idempotentHint", t->idempotent),
						      J_BOOL("openWorldHint", false))));
	}
	return text_list_end(out);
}
