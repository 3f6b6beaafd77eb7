/* main.c - the table of sub-commands, and nothing else.
 *
 * The same program is /init, the container's entry point, and `vm` on PATH. Called as init without
 * arguments it runs the guest; everything else is a sub-command.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "pid1/plain_init.h"
#include "pid1/run.h"
#include "vm/cmd.h"

static const struct command commands[] = {
	{"run", "", "run the guest to its end (what PID 1 does)",
	 "Settings are environment variables: vm settings.\n", cmd_run},
	{"check", "[--json]",
	 "check settings, image and KVM: every problem at once, each with its fix",
	 "Exit status 0, or that of the first problem. Nothing is started or written.\n",
	 cmd_check},
	{"args", "[--shell]", "print the QEMU command line, one argument a line",
	 "--shell prints one line, quoted for a shell. Numbers of descriptors (fd=3, ...) are what "
	 "PID 1 hands over.\n",
	 cmd_args},
	{"kvm", "[--json]", "prove by running code whether KVM works here",
	 "Exit status 0 when it does, 1 when it does not; the line says at which step and why.\n",
	 cmd_kvm},
	{"cpus", "[--json] [MODEL]", "list the CPU models that this emulator offers",
	 "With what each lacks under the accelerator of this start (QEMU_ACCEL=tcg vm cpus for the "
	 "other).\n"
	 "MODEL: the names of its features, for QEMU_CPU=MODEL,+feature,-feature.\n",
	 cmd_cpus},
	{"machines", "[--json]", "list the machine types that this emulator offers",
	 "QEMU_ARCH and VM_QEMU say which emulator.\n", cmd_machines},
	{"settings", "[--json|--markdown]",
	 "print every setting: name, value in force, default, meaning", "", cmd_settings},
	{"markers", "[GUEST | --check FILE | --match FILE|GUEST]",
	 "print, check or try what is looked for on the guest's console",
	 "GUEST is hurd, mach, linux, minix, exov6 or generic (the default); FILE one of your own "
	 "(VM_MARKERS).\n"
	 "--match prints line, kind and name of what fires in a console.log on standard input.\n",
	 cmd_markers},
	{"status", "[--json]", "say what the guest is doing", "", cmd_request},
	{"health", "[--hold S]",
	 "exit 0 when the guest is ready, 1 when not (yet), with one line why",
	 "--hold: an answer that was given three times before is held back until it changes, at "
	 "most "
	 "S\nseconds. This is the image's HEALTHCHECK; the engine's timeout has to be above S.\n",
	 cmd_health},
	{"wait", "[--for ready|login|ssh|http|exit] [--timeout S]",
	 "wait until the guest is ready, or has ended",
	 "ready (the default) is what VM_READY says; login: a login prompt on the serial console; "
	 "ssh, "
	 "http:\n"
	 "the guest's sshd or web server answers through the forward; exit: the guest has ended, "
	 "and "
	 "the\n"
	 "exit status is its own. Status 1 when the time is over, or the guest has panicked.\n",
	 cmd_wait},
	{"console", "[--read-only]", "the serial console on this terminal; Ctrl-] opens a menu",
	 "The scrollback comes first. Every key goes to the guest, Ctrl-C too; the menu leaves, "
	 "sends a\n"
	 "break, shows the status, powers the guest down or cuts its power. --read-only types "
	 "nothing,\n"
	 "and Ctrl-C leaves. From a pipe, its bytes are typed and the console is followed to the\n"
	 "guest's end.\n",
	 cmd_console},
	{"monitor", "COMMAND...", "run a command of QEMU's monitor and print what it says",
	 "For example: vm monitor info status\n", cmd_request},
	{"exec",
	 "[--login USER] [--timeout S] [--env NAME[=VALUE]] [--dir DIR] [--via serial|ssh] "
	 "[--stay] "
	 "[--interrupt] [--prompt TEXT] [--no-wait] [--] COMMAND...",
	 "run a command in the guest, on its serial console or by ssh",
	 "Prints what the command prints; the exit status is the command's, 124 when --timeout was "
	 "over (the\n"
	 "command is then ended by ^C). One argument is a line for the guest's shell, several are "
	 "quoted.\n"
	 "A guest that is not ready yet is waited for, within --timeout; --no-wait: that is an "
	 "error.\n"
	 "--env sets a variable (NAME alone: as it is here), any number of them; --dir is where it "
	 "runs.\n"
	 "On the console nothing is typed unless a prompt stands there: of a login, or of a shell, "
	 "ending in\n"
	 "\"# \" or \"$ \", or as --prompt says.\n"
	 "--login logs in as USER (VM_LOGIN_USER), --stay does not log out, --interrupt ends by ^C "
	 "what\n"
	 "runs on the console. --via ssh uses the key of VM_SSH_KEY. --poweroff in place of a "
	 "command gives\n"
	 "the guest's own command to shut down, and does not wait for it.\n",
	 cmd_exec},
	{"send", "[--enter] [--key KEY] TEXT...", "type on the guest's serial console",
	 "In this order; TEXT knows \\r \\n \\t \\e \\xHH \\\\. KEY is break (a serial break), "
	 "enter, tab, escape,\n"
	 "backspace or ctrl-c and the like.\n",
	 cmd_send},
	{"expect", "[--timeout S] [--from start|now] REGEX",
	 "wait until the serial console shows an expression, and print that line",
	 "--from start looks at what has come already, as far as it is kept. Status 1 when the "
	 "time is\n"
	 "over, 69 when the guest has ended, 74 when the connection fell behind.\n",
	 cmd_expect},
	{"script", "[--quiet] [--boot] FILE",
	 "type and wait as a file says, and end with its exit status",
	 "FILE (- for standard input) has one step a line: send TEXT, line TEXT (with a return), "
	 "key "
	 "KEY,\n"
	 "expect REGEX, fail REGEX, timeout S, exit STATUS; docs/automation.md. What the console "
	 "shows is\n"
	 "printed. Status 1 when an expectation was not met in time or a fail was, 69 when the "
	 "guest "
	 "ended.\n"
	 "--boot starts a guest for it, which ends with it; status 125 when that cannot be "
	 "started.\n",
	 cmd_script},
	{"push", "[--via ssh|serial] [--login USER] PATH... DEST",
	 "copy files and directories into the guest",
	 "DEST is a directory in the guest, or the new name of a single PATH; owners (as root), "
	 "modes "
	 "and\n"
	 "links are kept, contents compared on both sides, and only then renamed into place. By "
	 "ssh "
	 "where\n"
	 "the guest answers, else over the serial console: slow, and as exact.\n",
	 cmd_push},
	{"pull", "[--via ssh|serial] [--login USER] [--max-size SIZE] PATH... DEST",
	 "copy files and directories out of the guest",
	 "The same the other way: PATHs are the guest's, DEST is here. Files, directories and "
	 "links\n"
	 "only, without set-id bits, for the owner of the destination; devices, FIFOs and names\n"
	 "that lead out of it are refused, each with a line, and the status is 1. --max-size: the\n"
	 "most bytes (suffixes K, M, G, T; 16G), holes in files included.\n",
	 cmd_pull},
	{"screenshot", "FILE.png", "write what the guest's display shows",
	 "The guest needs a display: QEMU_VGA (the Hurd has one) or ENABLE_VNC=1.\n",
	 cmd_screenshot},
	{"overlay", "[reset]", "where QEMU_DISK_MODE=overlay keeps what the guest writes",
	 "reset removes it: the next start begins with the image as it is. Not while a guest uses "
	 "it.\n",
	 cmd_overlay},
	{"profile", "[OPTIONS | compare A.json B.json [--json] | report DIR]",
	 "boot a matrix of machines again and again and measure every phase",
	 "--cpus 1,2,4,8 --cpu-models LIST --ram LIST --accels LIST --machines LIST --buses LIST\n"
	 "--boot disk,kernel   the matrix; what is not given is as the settings say\n"
	 "--samples 3          of each cell, after --warm-up 1 that does not count\n"
	 "--until ready        or a marker's name (vm markers), login, ssh, http\n"
	 "--timeout 600        seconds for each sample; --jobs 1: how many run at once\n"
	 "--baseline FILE      expected times or an earlier results.json\n"
	 "--markers FILE       instead of the guest's; --out DIR: where the report goes\n"
	 "Every sample has a throwaway disk. compare tells by Welch's test whether B differs from "
	 "A, report\n"
	 "writes a report's documents again. Status 1 when a cell could not be measured. "
	 "docs/profile.md.\n",
	 cmd_profile},
	{"snapshot", "save NAME [--force] | load NAME | delete NAME | list [--json]",
	 "keep moments of the guest, and go back to them",
	 "Of a guest that runs, disk and memory; of one that is stopped, the disk. They are kept "
	 "in what\n"
	 "the guest writes to: its qcow2 image or its overlay. --force replaces one of the same "
	 "name.\n",
	 cmd_snapshot},
	{"image",
	 "info|check|resize|create|convert [--json] [--repair] [--format raw|qcow2] "
	 "[--cluster-size S] [--preallocation M] NAME...",
	 "look at, check, grow, make or convert a disk image (qemu-img)",
	 "info [FILE], check [--repair] [FILE], resize [FILE] [+]SIZE, create FILE SIZE, convert "
	 "FROM TO.\n"
	 "Without FILE: the image that a start would use. Refused while a guest runs on it. New "
	 "ones "
	 "are\n"
	 "qcow2 with lazy refcounts, clusters of 64K and no preallocation unless asked for "
	 "(docs/guests.md).\n",
	 cmd_image},
	{"stop", "[--now]", "stop the guest cleanly and wait for it; again: one step harder",
	 "--now skips asking the guest. The exit status is that of the container.\n", cmd_request},
	{"reset", "", "reset the machine, like its reset button", "", cmd_request},
	{"warm", "", "save the state of the guest, once it is ready, for starts that resume it",
	 "On a throwaway disk. Starts with VM_WARM=1 then begin where the guest is now; they do so "
	 "in less\n"
	 "than a second, and any number of them at once. Prints size and time.\n",
	 cmd_request},
	{"init", "COMMAND [ARGUMENTS...]", "run a program under this init instead of a guest",
	 "Orphans are reaped, signals passed on; exits with the program's status, 128+n when a "
	 "signal\n"
	 "ended it, 126 or 127 when it could not be run.\n",
	 cmd_init},
	{"commit-state", "PART DIR N", "", "", cmd_commit_state},
	{"unpack", "SUMS MEMBER NAME z|- MAX", "", "", cmd_unpack},
	{"version", "", "print the version", "", cmd_version},
};

#define COMMANDS (sizeof commands / sizeof *commands)

static void print_usage(FILE *to)
{
	(void)fputs("usage: vm COMMAND [ARGUMENTS]\n\n", to);
	for (size_t i = 0; i < COMMANDS; i++)
		if (commands[i].about[0])
			(void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].about);
	(void)fputs("\nvm COMMAND --help says more.\n", to);
}

static int print_help(const struct command *c)
{
	(void)printf("usage: vm %s%s%s\n\n%s.\n%s", c->name, c->synopsis[0] ? " " : "", c->synopsis,
		     c->about, c->help);
	return EXIT_CLEAN;
}

int main(int argc, char **argv, char **envp)
{
	const char *slash = strrchr(argv[0], '/');
	const char *called = slash ? slash + 1 : argv[0];
	char *run[] = {(char *)"run", NULL};

	clock_start();
	if (argc < 2 && strcmp(called, "init") == 0)
		return cmd_run(&commands[0], 1, run, envp);
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_BAD_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return EXIT_CLEAN;
	}
	if (strcmp(argv[1], "--version") == 0)
		argv[1] += 2;
	for (size_t i = 0; i < COMMANDS; i++) {
		const struct command *c = &commands[i];

		if (strcmp(argv[1], c->name) != 0)
			continue;
		if (argc > 2 && strcmp(argv[2], "--help") == 0)
			return print_help(c);
		return c->run(c, argc - 1, argv + 1, envp);
	}
	log_error("there is no command %s", argv[1]);
	log_line(LOG_ERROR, "  fix: ",
		 "vm --help lists the commands; to run a program in the container: init COMMAND");
	return EXIT_BAD_USAGE;
}
