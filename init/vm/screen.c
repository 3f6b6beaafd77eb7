/* screen.c - see screen.h. Both ways go by QEMU's monitor (hmp-commands.hx: sendkey, xp), as its
 * QMP commands would write a file (pmemsave) or have no more to say (send-key). */
#include "vm/screen.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/io.h"
#include "base/log.h"
#include "format/pattern.h"
#include "vm/cmd.h"

#define ASK_S	   10
#define HOLD_MS	   40 /* a key is down; QEMU's own default is 100 */
#define KEY_NS	   (100 * 1000000L)
#define LOOK_NS	   (200 * 1000000L)
#define CELLS	   (SCREEN_ROWS * SCREEN_COLUMNS)
#define XP_COMMAND "monitor xp /2000hx 0xb8000"
#define XP_MAX	   65536
#define NO_CARD_FIX                                                                                \
	"set QEMU_VGA=std; a guest in a graphics mode has no text: vm screenshot shows it"

_Static_assert(CELLS == 2000, "XP_COMMAND reads that many");

/* ---- keys -------------------------------------------------------------------------------- */

static const struct key {
	const char *name, *qemu; /* NULL: the same (qapi/ui.json, QKeyCode) */
} keys[] = {
	{"enter", "ret"}, {"escape", "esc"}, {"tab", NULL},   {"backspace", NULL}, {"spc", NULL},
	{"up", NULL},	  {"down", NULL},    {"left", NULL},  {"right", NULL},	   {"home", NULL},
	{"end", NULL},	  {"pgup", NULL},    {"pgdn", NULL},  {"insert", NULL},	   {"delete", NULL},
	{"f1", NULL},	  {"f2", NULL},	     {"f3", NULL},    {"f4", NULL},	   {"f5", NULL},
	{"f6", NULL},	  {"f7", NULL},	     {"f8", NULL},    {"f9", NULL},	   {"f10", NULL},
	{"f11", NULL},	  {"f12", NULL},     {"shift", NULL}, {"ctrl", NULL},	   {"alt", NULL},
};

static const char *key_name(const char *name, size_t n)
{
	static char single[2];

	if (n == 1 && (islower((unsigned char)*name) || isdigit((unsigned char)*name))) {
		single[0] = *name;
		return single;
	}
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strlen(keys[i].name) == n && memcmp(keys[i].name, name, n) == 0)
			return keys[i].qemu ? keys[i].qemu : keys[i].name;
	return NULL;
}

bool screen_chord(const char *name, char chord[SCREEN_CHORD])
{
	size_t used = 0;

	for (;;) {
		size_t n = strcspn(name, "-");
		const char *qemu = key_name(name, n);

		if (!qemu || used + strlen(qemu) + 2 > SCREEN_CHORD)
			return false;
		used += (size_t)snprintf(chord + used, SCREEN_CHORD - used, "%s%s", used ? "-" : "",
					 qemu);
		if (!name[n])
			return true;
		name += n + 1;
	}
}

bool screen_char(char c, char chord[SCREEN_CHORD])
{
	static const struct {
		char plain, shifted;
		const char *qemu;
	} rows[] = {{'1', '!', "1"},
		    {'2', '@', "2"},
		    {'3', '#', "3"},
		    {'4', '$', "4"},
		    {'5', '%', "5"},
		    {'6', '^', "6"},
		    {'7', '&', "7"},
		    {'8', '*', "8"},
		    {'9', '(', "9"},
		    {'0', ')', "0"},
		    {'-', '_', "minus"},
		    {'=', '+', "equal"},
		    {'[', '{', "bracket_left"},
		    {']', '}', "bracket_right"},
		    {';', ':', "semicolon"},
		    {'\'', '"', "apostrophe"},
		    {'`', '~', "grave_accent"},
		    {'\\', '|', "backslash"},
		    {',', '<', "comma"},
		    {'.', '>', "dot"},
		    {'/', '?', "slash"},
		    {' ', ' ', "spc"},
		    {'\r', '\r', "ret"},
		    {'\n', '\n', "ret"},
		    {'\t', '\t', "tab"},
		    {033, 033, "esc"},
		    {0177, 0177, "backspace"}};

	if (islower((unsigned char)c) || isupper((unsigned char)c)) {
		(void)snprintf(chord, SCREEN_CHORD, "%s%c",
			       isupper((unsigned char)c) ? "shift-" : "",
			       tolower((unsigned char)c));
		return true;
	}
	for (size_t i = 0; c && i < sizeof rows / sizeof *rows; i++)
		if (c == rows[i].plain || c == rows[i].shifted) {
			(void)snprintf(chord, SCREEN_CHORD, "%s%s",
				       c == rows[i].plain ? "" : "shift-", rows[i].qemu);
			return true;
		}
	return false;
}

bool screen_can_type(const char *text, size_t n, unsigned char *bad)
{
	char chord[SCREEN_CHORD];

	for (size_t i = 0; i < n; i++)
		if (!screen_char(text[i], chord)) {
			*bad = (unsigned char)text[i];
			return false;
		}
	return true;
}

/* The monitor has no status of its own: a command that it takes prints nothing. */
bool screen_press(char **envp, const char *chord, struct error *err)
{
	char request[SCREEN_CHORD + 40];
	char answer[300];

	(void)snprintf(request, sizeof request, "monitor sendkey %s %d", chord, HOLD_MS);
	int status = client_ask(envp, request, ASK_S, answer, sizeof answer);

	if (status == EXIT_CLEAN && !answer[0])
		return true;
	return error_set(err, status == EXIT_CLEAN ? EXIT_QEMU_FAILED : status, "",
			 "the key %s cannot be pressed: %s", chord, answer);
}

bool screen_type(char **envp, const char *text, size_t n, struct error *err)
{
	char chord[SCREEN_CHORD];

	/* QEMU's keyboard drops what comes when its queue of 16 is full (hw/input/ps2.c). */
	for (size_t i = 0; i < n; i++) {
		if (!screen_char(text[i], chord) || !screen_press(envp, chord, err))
			return false;
		(void)nanosleep(&(struct timespec){.tv_nsec = KEY_NS}, NULL);
	}
	return true;
}

/* ---- the text ---------------------------------------------------------------------------- */

/* The next cell in the answer at *AT: a word 0xAACC, of attribute and character. */
static bool next_cell(const char **at, unsigned *cell)
{
	const char *p = *at;
	char *end;

	for (;;) {
		p += strspn(p, " \r\n");
		const char *word = p;

		p += strcspn(p, " \r\n");
		if (p == word)
			return false;
		if (p[-1] == ':') /* an address */
			continue;
		if (strncmp(word, "0x", 2) != 0)
			return false;
		unsigned long value = strtoul(word, &end, 16);

		if (end != p || value > 0xffff)
			return false;
		*cell = (unsigned)value;
		*at = p;
		return true;
	}
}

static bool has_display(char **envp, struct error *err)
{
	char why[200];
	int status = client_ask(envp, "screenshot possible", ASK_S, why, sizeof why);

	return status == EXIT_CLEAN ||
	       error_set(err, status, "", "the screen cannot be read: %s", why);
}

static bool read_text(char **envp, char lines[SCREEN_ROWS][SCREEN_COLUMNS + 1], struct error *err)
{
	static char answer[XP_MAX];
	const char *at = answer;
	bool card = false;
	int status = client_ask(envp, XP_COMMAND, ASK_S, answer, sizeof answer);

	if (status != EXIT_CLEAN)
		return error_set(err, status, "", "the screen cannot be read: %s", answer);
	for (unsigned i = 0; i < CELLS; i++) {
		unsigned cell;

		if (!next_cell(&at, &cell))
			return error_set(err, EXIT_BAD_SETTING, NO_CARD_FIX,
					 "the display has no VGA text: %.200s", answer);
		card = card || cell != 0xffff; /* which nobody answers reads so */
		unsigned char c = cell & 0xff;

		lines[i / SCREEN_COLUMNS][i % SCREEN_COLUMNS] = (char)(c == 0		    ? ' '
								       : c < ' ' || c > '~' ? '.'
											    : c);
	}
	if (!card)
		return error_set(err, EXIT_BAD_SETTING, NO_CARD_FIX, "the display has no VGA text");
	for (unsigned row = 0; row < SCREEN_ROWS; row++) {
		size_t n = SCREEN_COLUMNS;

		while (n > 0 && lines[row][n - 1] == ' ')
			n--;
		lines[row][n] = '\0';
	}
	return true;
}

bool screen_read(char **envp, char lines[SCREEN_ROWS][SCREEN_COLUMNS + 1], struct error *err)
{
	return has_display(envp, err) && read_text(envp, lines, err);
}

/* The number of the expression that LINE matches, or -1. */
static int match(struct pattern_set *set, const char *line)
{
	char text[SCREEN_COLUMNS + 2];
	int n = snprintf(text, sizeof text, "%s\n", line);
	struct pattern_bits fired;

	pattern_set_reset(set);
	(void)pattern_feed(set, (const uint8_t *)text, (size_t)n, &fired);
	for (int i = 0; i < PATTERNS_MAX; i++)
		if (fired.bits[i / 64] >> (i % 64) & 1)
			return i;
	return -1;
}

int screen_wait(char **envp, struct pattern_set *set, uint64_t end_ns,
		char line[SCREEN_COLUMNS + 1], struct error *err)
{
	static char lines[SCREEN_ROWS][SCREEN_COLUMNS + 1];

	if (!has_display(envp, err))
		return -1;
	for (;;) {
		unsigned last = 0;

		if (!read_text(envp, lines, err))
			return -1;
		for (unsigned i = 0; i < SCREEN_ROWS; i++) {
			int which = match(set, lines[i]);

			if (which >= 0) {
				memcpy(line, lines[i], sizeof lines[i]);
				return which;
			}
			last = lines[i][0] ? i : last;
		}
		if (end_ns && clock_now() >= end_ns) {
			(void)error_set(err, EXIT_NOT_READY, "", "not in time; the last line: %s",
					lines[last]);
			return -1;
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
	}
}
