/* commands.c - the table of sub-commands: name, arguments, help, options. */
#include "vm/commands.h"

#include <string.h>

#include "vm/cmd.h"

/* Options that several commands have. */
#define OPTION(name_, value_, help_)                                                               \
	{                                                                                          \
		.name = (name_), .value = (value_), .help = (help_)                                \
	}
#define JSON(of) OPTION("--json", "", "print " of " as JSON")
#define LOGIN	 OPTION("--login", "USER", "log in as USER instead of VM_LOGIN_USER")
#define END_OF_OPTIONS                                                                             \
	{                                                                                          \
		.name = NULL                                                                       \
	}
#define OPTIONS (const struct command_option[])

/* Groups, in the order of --help. */
#define LIFE	"Run, watch and stop a guest"
#define BEFORE	"Check a start"
#define CONSOLE "Console, display and monitor"
#define INSIDE	"Commands and files in the guest"
#define DISKS	"Disks and saved states"
#define MEASURE "Measurements"
#define OTHER	"Other"

const struct command commands[] = {
	{.group = LIFE,
	 .name = "run",
	 .synopsis = "",
	 .about = "Run the guest until it ends; this is what PID 1 does",
	 .help = "Settings are environment variables; 'vm settings' lists them. The exit status "
		 "says how the guest ended.",
	 .run = cmd_run},
	{.group = LIFE,
	 .name = "status",
	 .synopsis = "[--json]",
	 .about = "Show the status of the guest",
	 .options = OPTIONS{JSON("the status"), END_OF_OPTIONS},
	 .run = cmd_request},
	{.group = LIFE,
	 .name = "top",
	 .synopsis = "[--once]",
	 .about = "Watch the guest: status, boot phases, CPU and memory, console",
	 .help = "Fills the terminal and redraws when something changes. A phase's bar is the "
		 "time since the phase before it. q quits.",
	 .options = OPTIONS{{"--once", "", "print the same once as text, also without a terminal"},
			    END_OF_OPTIONS},
	 .run = cmd_top},
	{.group = LIFE,
	 .name = "health",
	 .synopsis = "[--hold S]",
	 .about = "Exit with 0 if the guest is ready and healthy, else with 1",
	 .help = "Prints one line with the reason. This is the health check of the image.",
	 .options = OPTIONS{{"--hold", "S",
			     "after three equal answers, delay the next one until it changes, for "
			     "at most S seconds; the engine's health timeout must be longer"},
			    END_OF_OPTIONS},
	 .run = cmd_health},
	{.group = LIFE,
	 .name = "wait",
	 .synopsis = "[--for ready|login|ssh|http|exit] [--timeout S]",
	 .about = "Wait until the guest is ready or has ended",
	 .help = "Exits with 1 if the time is up or the guest has panicked.",
	 .options =
		 OPTIONS{{"--for", "ready|login|ssh|http|exit",
			  "ready (default): as VM_READY defines it; login: a login prompt on the "
			  "serial console; ssh, http: an answer of that server through the "
			  "forwarded port; exit: the end of the guest, whose status is returned"},
			 {"--timeout", "S", "wait at most S seconds"},
			 END_OF_OPTIONS},
	 .run = cmd_wait},
	{.group = LIFE,
	 .name = "stop",
	 .synopsis = "[--now]",
	 .about = "Shut the guest down and wait for its end",
	 .help = "A second 'vm stop' skips to the next step (docs/lifecycle.md). The exit status "
		 "is "
		 "that of the container.",
	 .options = OPTIONS{{"--now", "", "do not ask the guest; cut its power"}, END_OF_OPTIONS},
	 .run = cmd_request},
	{.group = LIFE,
	 .name = "reset",
	 .synopsis = "",
	 .about = "Reset the machine, like its reset button",
	 .run = cmd_request},
	{.group = BEFORE,
	 .name = "check",
	 .synopsis = "[--json]",
	 .about = "Check settings, disk image and KVM; report all problems with fixes",
	 .help = "Starts and writes nothing. The exit status is 0, or that of the first problem.",
	 .options = OPTIONS{JSON("the result"), END_OF_OPTIONS},
	 .run = cmd_check},
	{.group = BEFORE,
	 .name = "args",
	 .synopsis = "[--shell]",
	 .about = "Print the QEMU command line, one argument per line",
	 .help = "File descriptor numbers (fd=3, ...) are those that PID 1 passes to QEMU.",
	 .options = OPTIONS{{"--shell", "", "print one line, quoted for a shell"}, END_OF_OPTIONS},
	 .run = cmd_args},
	{.group = BEFORE,
	 .name = "kvm",
	 .synopsis = "[--json]",
	 .about = "Test whether KVM works here by running code under it",
	 .help = "Exits with 0 if it works, else with 1 and the step that failed.",
	 .options = OPTIONS{JSON("the result"), END_OF_OPTIONS},
	 .run = cmd_kvm},
	{.group = BEFORE,
	 .name = "cpus",
	 .synopsis = "[--json] [MODEL]",
	 .about = "List the CPU models of this QEMU",
	 .help = "Shows for each model the features that are missing under the accelerator in use; "
		 "QEMU_ACCEL selects another. With MODEL: list the feature names for "
		 "QEMU_CPU=MODEL,+feature,-feature.",
	 .options = OPTIONS{JSON("the list"), END_OF_OPTIONS},
	 .run = cmd_cpus},
	{.group = BEFORE,
	 .name = "machines",
	 .synopsis = "[--json]",
	 .about = "List the machine types of this QEMU",
	 .help = "QEMU_ARCH and VM_QEMU select the emulator.",
	 .options = OPTIONS{JSON("the list"), END_OF_OPTIONS},
	 .run = cmd_machines},
	{.group = BEFORE,
	 .name = "settings",
	 .synopsis = "[--json|--markdown]",
	 .about = "List all settings: name, value in force, default, meaning",
	 .options = OPTIONS{JSON("the list"),
			    {"--markdown", "", "print the table of docs/settings.md"},
			    END_OF_OPTIONS},
	 .run = cmd_settings},
	{.group = BEFORE,
	 .name = "markers",
	 .synopsis = "[GUEST | --check FILE | --match FILE|GUEST]",
	 .about = "Print, check or test the markers that are matched on the console",
	 .help = "GUEST is hurd, mach, linux, minix, exov6 or generic (default). FILE is a marker "
		 "file of your own, as for VM_MARKERS (docs/markers.md).",
	 .first = "hurd|mach|linux|minix|exov6|generic",
	 .options = OPTIONS{{"--check", "FILE", "check a marker file"},
			    {"--match", "FILE",
			     "read a console.log from standard input; print line number, kind and "
			     "name of each marker that matches"},
			    END_OF_OPTIONS},
	 .run = cmd_markers},
	{.group = CONSOLE,
	 .name = "console",
	 .synopsis = "[--read-only | --scrollback]",
	 .about = "Connect this terminal to the serial console; Ctrl-] opens a menu",
	 .help = "Shows the scrollback first. All keys go to the guest, including Ctrl-C. The menu "
		 "disconnects, sends a break, shows the status, shuts the guest down or cuts its "
		 "power.\n"
		 "If standard input is a pipe, its bytes are typed and the console is printed "
		 "until "
		 "the guest ends.",
	 .options = OPTIONS{{"--read-only", "", "type nothing; Ctrl-C disconnects"},
			    {"--scrollback", "",
			     "print the stored console output without escape sequences, and exit"},
			    END_OF_OPTIONS},
	 .run = cmd_console},
	{.group = CONSOLE,
	 .name = "send",
	 .synopsis = "[--screen] [--enter] [--key KEY] TEXT...",
	 .about = "Type on the serial console, or on the guest's keyboard",
	 .help = "Text and keys are sent in the order given. TEXT may contain the escapes \\r \\n "
		 "\\t "
		 "\\e \\xHH \\\\. Everything after -- is text.",
	 .options = OPTIONS{{"--enter", "", "send a carriage return"},
			    {"--key", "KEY",
			     "send a key: break (a serial break), enter, tab, escape, backspace, "
			     "ctrl-c and the like"},
			    {"--screen", "",
			     "first option: type on the keyboard, as on a US layout; keys are also "
			     "f1, up, home, ctrl-alt-delete and the like"},
			    END_OF_OPTIONS},
	 .run = cmd_send},
	{.group = CONSOLE,
	 .name = "expect",
	 .synopsis = "[--timeout S] [--from start|now] [--screen] REGEX",
	 .about = "Wait for a regular expression on the console; print the line",
	 .help = "Exits with 1 if the time is up, 69 if the guest has ended, 74 if the connection "
		 "fell behind.",
	 .options = OPTIONS{{"--timeout", "S", "wait at most S seconds"},
			    {"--from", "start|now",
			     "start: also search the scrollback; now (default): new output only"},
			    {"--screen", "", "match the screen's text (VGA, 80 by 25) instead"},
			    END_OF_OPTIONS},
	 .run = cmd_expect},
	{.group = CONSOLE,
	 .name = "script",
	 .synopsis = "[--quiet] [--boot] [--junit FILE] [--tap] FILE",
	 .about = "Run a script of console input and expected output",
	 .help = "FILE (- for standard input) has one step per line: send TEXT, line TEXT (with a "
		 "return), key KEY, expect REGEX, fail REGEX, timeout S, exit STATUS, and "
		 "screen-send, -line, "
		 "-key, -expect for the screen and keyboard (docs/automation.md). Console output "
		 "is printed.\n"
		 "Exits with 1 if an expected text did not come in time or a fail expression "
		 "matched, 69 if the guest ended.",
	 .first = "FILE",
	 .options =
		 OPTIONS{{"--quiet", "", "do not print console output"},
			 {"--junit", "FILE",
			  "write FILE when the script ends: JUnit XML, a test case for each step"},
			 {"--tap", "",
			  "print TAP, a test for each step, instead of console output"},
			 {"--boot", "",
			  "start a guest for the script and end it afterwards; exit with 125 if it "
			  "cannot be started, as 'git bisect run' expects"},
			 END_OF_OPTIONS},
	 .run = cmd_script},
	{.group = CONSOLE,
	 .name = "screenshot",
	 .synopsis = "[--text | FILE.png]",
	 .about = "Save a picture of the guest's display, or print its text",
	 .help = "The guest needs a display: QEMU_VGA (set by default for the Hurd) or "
		 "ENABLE_VNC=1.",
	 .first = "FILE",
	 .options = OPTIONS{{"--text", "", "print the lines of a screen in VGA's text mode"},
			    END_OF_OPTIONS},
	 .run = cmd_screenshot},
	{.group = CONSOLE,
	 .name = "monitor",
	 .synopsis = "[COMMAND...]",
	 .about = "Run a command of QEMU's monitor and print its output",
	 .help = "Example: vm monitor info status. Without COMMAND the lines of standard input are "
		 "commands; on a terminal it prompts, and Ctrl-D leaves.",
	 .run = cmd_request},
	{.group = INSIDE,
	 .name = "exec",
	 .synopsis = "[--login USER] [--timeout S] [--env NAME[=VALUE]] [--dir PATH] "
		     "[--via serial|ssh] [--stay] [--interrupt] [--prompt TEXT] [--no-wait] [--] "
		     "COMMAND...",
	 .about = "Run a command in the guest, over the serial console or ssh",
	 .help = "Waits until the guest is ready, prints the command's output and exits with its "
		 "status. A single argument is a line for the guest's shell; several are quoted.\n"
		 "On the serial console nothing is typed unless a prompt is there: a login prompt, "
		 "or a shell prompt that ends in \"# \" or \"$ \" or as --prompt says.",
	 .options =
		 OPTIONS{LOGIN,
			 {"--timeout", "S",
			  "give up after S seconds: the command is ended by ^C, and the status is "
			  "124"},
			 {"--env", "NAME=VALUE",
			  "set an environment variable; NAME alone copies it from here; may be "
			  "repeated"},
			 {"--dir", "PATH", "run the command in this directory of the guest"},
			 {"--via", "serial|ssh",
			  "serial (default), or ssh with the key of VM_SSH_KEY"},
			 {"--stay", "", "do not log out afterwards"},
			 {"--interrupt", "", "first end the program on the console with ^C"},
			 {"--prompt", "TEXT",
			  "also treat TEXT at the end of a line as a shell prompt"},
			 {"--no-wait", "", "fail if the guest is not ready"},
			 {"--poweroff", "",
			  "instead of COMMAND: run the guest's own shutdown command and do not "
			  "wait"},
			 END_OF_OPTIONS},
	 .run = cmd_exec},
	{.group = INSIDE,
	 .name = "ssh",
	 .synopsis = "[--login USER] [--timeout S] [--tty] [--] [COMMAND...]",
	 .about = "Open a shell in the guest by ssh, or run COMMAND there",
	 .help = "Uses the forwarded port of the guest's port 22, the key of VM_SSH_KEY (or "
		 "ssh/id_ed25519 beside the image) and VM_LOGIN_USER. Waits until the guest is "
		 "ready and its ssh server answers. Standard input, output and error are the "
		 "command's; the exit status is its own, or 255 if ssh failed. A single argument "
		 "is a line for the guest's shell; several are quoted.",
	 .options = OPTIONS{LOGIN,
			    {"--timeout", "S", "wait at most S seconds for the ssh server"},
			    {"--tty", "", "give COMMAND a terminal, as ssh -t does"},
			    END_OF_OPTIONS},
	 .run = cmd_ssh},
	{.group = INSIDE,
	 .name = "push",
	 .synopsis = "[--via ssh|serial] [--login USER] PATH... DEST",
	 .about = "Copy files and directories into the guest",
	 .help = "DEST is a directory in the guest, or the new name of a single PATH. Modes, links "
		 "and, as root, owners are kept. Contents are compared by checksum before the "
		 "files are renamed into place.",
	 .first = "FILE",
	 .options = OPTIONS{{"--via", "ssh|serial",
			     "ssh (default where it answers), or the slower serial console"},
			    LOGIN,
			    END_OF_OPTIONS},
	 .run = cmd_push},
	{.group = INSIDE,
	 .name = "pull",
	 .synopsis = "[--via ssh|serial] [--login USER] [--max-size SIZE] PATH... DEST",
	 .about = "Copy files and directories out of the guest",
	 .help = "PATHs are the guest's; DEST is here. Files, directories and links only, without "
		 "set-user-ID and set-group-ID bits; all belong to the owner of DEST. Devices, "
		 "FIFOs "
		 "and names that lead outside DEST are refused, each with a message, and the "
		 "status "
		 "is 1.",
	 .options = OPTIONS{{"--via", "ssh|serial",
			     "ssh (default where it answers), or the slower serial console"},
			    LOGIN,
			    {"--max-size", "SIZE",
			     "accept at most SIZE bytes, holes included (suffixes K, M, G, T; "
			     "default 16G)"},
			    END_OF_OPTIONS},
	 .run = cmd_pull},
	{.group = DISKS,
	 .name = "image",
	 .synopsis = "info|check|resize|create|convert [--json] [--repair] [--format raw|qcow2] "
		     "[--from-format F] "
		     "[--cluster-size S] [--preallocation M] NAME...",
	 .about = "Inspect, check, resize, create or convert a disk image",
	 .help = "info [FILE], check [--repair] [FILE], resize [FILE] [+]SIZE, create FILE SIZE, "
		 "convert [--from-format F] FROM TO. The default FILE is the image that a start "
		 "would use. Refused while a guest runs on the image.\n"
		 "An image of another virtual machine is converted if its format is named and it "
		 "is "
		 "one file (a vmdk of several parts is not). qemu-img reads it as QEMU's user "
		 "and opens no other file.\n"
		 "New images are qcow2 with lazy refcounts, 64 KiB clusters and no preallocation "
		 "unless options say otherwise (docs/guests.md).",
	 .first = "info|check|resize|create|convert",
	 .options = OPTIONS{JSON("the result of info"),
			    {"--repair", "", "check: repair the image"},
			    {"--format", "raw|qcow2", "format of an existing image"},
			    {"--from-format", "F",
			     "convert: format of FROM: vmdk, vdi, vhdx, vpc (or vhd), qcow2, raw"},
			    {"--cluster-size", "S", "cluster size of a new image, e.g. 2M"},
			    {"--preallocation", "M",
			     "preallocation of a new image: off, metadata, falloc or full"},
			    END_OF_OPTIONS},
	 .run = cmd_image},
	{.group = DISKS,
	 .name = "fsck",
	 .synopsis = "[--yes]",
	 .about = "Check and repair the ext2-4 file systems of the guest's disks",
	 .help = "While no guest runs. e2fsck -p repairs what is safe; the disk is unchanged if "
		 "more is needed. A start does this automatically after a power cut (VM_FSCK).",
	 .options = OPTIONS{{"--yes", "",
			     "answer all of e2fsck's questions with yes (e2fsck -y); "
			     "files may be lost, so copy the image before"},
			    END_OF_OPTIONS},
	 .run = cmd_fsck},
	{.group = DISKS,
	 .name = "overlay",
	 .synopsis = "[reset]",
	 .about = "Show or reset the overlay of QEMU_DISK_MODE=overlay",
	 .help = "reset deletes the overlay: the next start begins with the unchanged image. "
		 "Refused while a guest uses it.",
	 .first = "reset",
	 .run = cmd_overlay},
	{.group = DISKS,
	 .name = "snapshot",
	 .synopsis = "save NAME [--force] | load NAME | delete NAME | list [--json]",
	 .about = "Save and restore snapshots of the guest",
	 .help = "Of a running guest: disk and memory. Of a stopped one: the disk. Snapshots are "
		 "stored in the qcow2 image or overlay that the guest writes to.",
	 .first = "save|load|delete|list",
	 .options = OPTIONS{{"--force", "", "save: replace a snapshot of the same name"},
			    JSON("the list"),
			    END_OF_OPTIONS},
	 .run = cmd_snapshot},
	{.group = DISKS,
	 .name = "warm",
	 .synopsis = "",
	 .about = "Save the state of the ready guest, for fast starts with VM_WARM=1",
	 .help = "Needs a throwaway disk. Any number of starts with VM_WARM=1 resume the state, "
		 "in less than a second, also at the same time. Prints size and time.",
	 .run = cmd_request},
	{.group = MEASURE,
	 .name = "profile",
	 .synopsis =
		 "[OPTIONS | compare A.json B.json [--json|--svg] | report DIR [--names paper] | "
		 "merge [--force] OUT DIR... | status DIR [--follow] [--json]]",
	 .about = "Boot a matrix of machines repeatedly and measure each boot phase",
	 .help = "The matrix is the product of the lists. The values of a list are separated by "
		 "commas, or by semicolons if the list has one. Without an option the setting "
		 "applies. Each sample boots on a throwaway disk. Exits with 1 if a cell of the "
		 "matrix has no result (docs/profile.md).\n"
		 "compare applies Welch's t-test to two reports. report writes the documents of a "
		 "report again. merge joins reports of shards or whole runs in the new directory "
		 "OUT; it exits with 1 if samples are missing. status shows a run's progress.",
	 .first = "compare|report|merge|status",
	 .options = OPTIONS{{"--cpus", "LIST",
			     "processor counts (default 1,2,4,8), or topologies: "
			     "1;2;sockets=1,cores=4"},
			    {"--archs", "LIST", "values of QEMU_ARCH"},
			    {"--cpu-models", "LIST", "values of QEMU_CPU"},
			    {"--ram", "LIST", "values of QEMU_RAM"},
			    {"--accels", "LIST", "values of QEMU_ACCEL"},
			    {"--machines", "LIST", "values of QEMU_MACHINE"},
			    {"--buses", "LIST", "values of QEMU_DISK_BUS"},
			    {"--caches", "LIST", "values of QEMU_CACHE"},
			    {"--aio", "LIST", "values of QEMU_AIO"},
			    {"--threads", "LIST", "of TCG: single, multi"},
			    {"--iothreads", "LIST",
			     "0, 1: a separate I/O thread for the disk (virtio)"},
			    {"--boot", "LIST",
			     "disk: by the firmware; direct: VM_BOOT=direct; kernel: QEMU_KERNEL"},
			    {"--samples", "N", "samples per cell (default 3)"},
			    {"--warm-up", "N",
			     "boots per cell before the samples, not counted (default 1)"},
			    {"--until", "PHASE",
			     "measure until this marker, or ready (default), login, ssh, http"},
			    {"--timeout", "S", "seconds per sample (default 600)"},
			    {"--jobs", "N", "samples at the same time (default 1)"},
			    {"--pin", "",
			     "pin each virtual processor to one of the host, if it has enough"},
			    {"--baseline", "FILE", "expected times, or an earlier results.json"},
			    {"--markers", "FILE", "markers instead of those of the guest"},
			    {"--out", "DIR", "directory for the report"},
			    {"--install", "SCRIPT",
			     "first install each cell's disk from QEMU_CDROM with this vm script"},
			    {"--install-size", "SIZE", "of these disks (default 4G)"},
			    {"--resume", "DIR",
			     "continue the run in DIR, with the same arguments; begin it if "
			     "there is none"},
			    {"--shard", "I/N", "measure part I of N of the matrix"},
			    {"--shard-by", "samples|cells",
			     "a shard has some samples of each cell (default), or some cells"},
			    {"--json", "", "compare, status: print the result as JSON"},
			    {"--names", "paper",
			     "also write the report with the file names of the MINIX papers"},
			    {"--svg", "", "compare: draw the result"},
			    {"--force", "",
			     "merge: also join reports whose guests or machines differ"},
			    {"--follow", "", "status: until the run ends"},
			    END_OF_OPTIONS},
	 .run = cmd_profile},
	{.group = OTHER,
	 .name = "init",
	 .synopsis = "COMMAND [ARGUMENTS...]",
	 .about = "Run a program under this init instead of a guest",
	 .help = "Reaps orphans and passes signals on. Exits with the status of the program, 128+n "
		 "if signal n ended it, 126 or 127 if it could not be run.",
	 .run = cmd_init},
	{.group = OTHER,
	 .name = "mcp",
	 .synopsis = "[--once [--protocol VERSION] [--method METHOD] [--name NAME]]",
	 .about = "Serve the Model Context Protocol on standard input and output",
	 .help = "For programs that let a language model use tools: docker exec -i CONTAINER vm "
		 "mcp. The tools are status, exec, console_read, console_send, expect, screenshot, "
		 "push, pull, snapshot, reset, stop and profile (docs/automation.md). Ends at the "
		 "end of standard input.",
	 .options = OPTIONS{{"--once", "",
			     "read one message up to the end of standard input, and print the "
			     "answer, for an HTTP server. Exits with 64 if the HTTP status is "
			     "400, 69 if it is 404"},
			    {"--protocol", "VERSION", "the request's header MCP-Protocol-Version"},
			    {"--method", "METHOD", "the request's header Mcp-Method"},
			    {"--name", "NAME", "the request's header Mcp-Name"},
			    END_OF_OPTIONS},
	 .run = cmd_mcp},
	{.group = OTHER,
	 .name = "messages",
	 .synopsis = "[--json] [PATTERN...]",
	 .about = "List all errors and warnings with exit status and fix",
	 .help = "PATTERN is a part of a message or of its fix, or a whole line from a log. \"…\" "
		 "stands for a variable part: a name, a number, the system's reason. A warning has "
		 "no "
		 "status; that of an error without one depends on what caused it.",
	 .options = OPTIONS{JSON("the list"), END_OF_OPTIONS},
	 .run = cmd_messages},
	{.group = OTHER,
	 .name = "version",
	 .synopsis = "",
	 .about = "Print the version",
	 .run = cmd_version},
	{.name = "state-files",
	 .synopsis = "PART ARGUMENT...",
	 .about = "",
	 .run = cmd_state_files},
	{.name = "snapshot-table",
	 .synopsis = "ACTION NAME OPTION DISK UID GID",
	 .about = "",
	 .run = cmd_snapshot_table},
	{.name = "companion", .synopsis = "NAME", .about = "", .run = cmd_companion},
	{.name = "unpack", .synopsis = "SUMS MEMBER NAME z|- MAX", .about = "", .run = cmd_unpack},
	{.name = NULL},
};

const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(name, c->name) == 0)
			return c;
	return NULL;
}
