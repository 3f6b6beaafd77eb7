/* screen.c - see screen.h. Both directions use QEMU's monitor (hmp-commands.hx: sendkey, xp): of
 * the QMP commands, pmemsave would write a file, and send-key has no advantage. */
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
#define HOLD_MS	   40 /* how long a key is held down; QEMU's own default is 100 */
#define KEY_NS	   (100 * 1000000L)
#define LOOK_NS	   (200 * 1000000L)
#define CELLS	   (SCREEN_ROWS * SCREEN_COLUMNS)
#define XP_COMMAND "monitor xp /2000hx 0xb8000"
#define XP_MAX	   65536
#define NO_CARD_FIX                                                                                \
	"set QEMU_VGA=std; a guest in a graphics mode has no text: vm screenshot shows it"
#define STATUS_FIX "vm status shows whether the guest runs"

_Static_assert(CELLS == 2000, "XP_COMMAND reads that many");

/* ---- keys -------------------------------------------------------------------------------- */

bool screen_char(char c, char chord[KEY_CHORD])
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
		(void)snprintf(chord, KEY_CHORD, "%s%c", isupper((unsigned char)c) ? "shift-" : "",
			       tolower((unsigned char)c));
		return true;
	}
	for (size_t i = 0; c && i < sizeof rows / sizeof *rows; i++)
		if (c == rows[i].plain || c == rows[i].shifted) {
			(void)snprintf(chord, KEY_CHORD, "%s%s", c == rows[i].plain ? "" : "shift-",
				       rows[i].qemu);
			return true;
		}
	return false;
}

bool screen_can_type(const char *text, size_t n, unsigned char *bad)
{
	char chord[KEY_CHORD];

	for (size_t i = 0; i < n; i++)
		if (!screen_char(text[i], chord)) {
			*bad = (unsigned char)text[i];
			return false;
		}
	return true;
}

/* The monitor returns no status: a command that succeeds prints nothing. */
bool screen_press(char **envp, const char *chord, struct error *err)
{
	char request[KEY_CHORD + 40];
	char answer[300];

	(void)snprintf(request, sizeof request, "monitor sendkey %s %d", chord, HOLD_MS);
	int status = control_ask(envp, request, ASK_S, answer, sizeof answer);

	if (status == EXIT_CLEAN && !answer[0])
		return true;
	return error_set(err, status == EXIT_CLEAN ? EXIT_QEMU_FAILED : status,
			 status == EXIT_CLEAN ? "use the names of keys of QEMU's sendkey"
					      : STATUS_FIX,
			 "the key %s cannot be pressed: %s", chord, answer);
}

bool screen_type(char **envp, const char *text, size_t n, struct error *err)
{
	char chord[KEY_CHORD];

	/* QEMU's keyboard drops keys when its queue of 16 is full (hw/input/ps2.c). */
	for (size_t i = 0; i < n; i++) {
		if (!screen_char(text[i], chord) || !screen_press(envp, chord, err))
			return false;
		(void)nanosleep(&(struct timespec){.tv_nsec = KEY_NS}, NULL);
	}
	return true;
}

/* ---- the text ---------------------------------------------------------------------------- */

/* The next cell in the answer at *AT: a word 0xAACC of attribute and character. */
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

static bool unreadable(int status, const char *why, struct error *err)
{
	return error_set(err, status, status == EXIT_BAD_SETTING ? NO_CARD_FIX : STATUS_FIX,
			 "the screen cannot be read: %s", why);
}

static bool has_display(char **envp, struct error *err)
{
	char why[200];
	int status = control_ask(envp, "screenshot possible", ASK_S, why, sizeof why);

	return status == EXIT_CLEAN || unreadable(status, why, err);
}

static bool read_text(char **envp, char lines[SCREEN_ROWS][SCREEN_COLUMNS + 1], struct error *err)
{
	static char answer[XP_MAX];
	const char *at = answer;
	bool card = false;
	int status = control_ask(envp, XP_COMMAND, ASK_S, answer, sizeof answer);

	if (status != EXIT_CLEAN)
		return unreadable(status, answer, err);
	for (unsigned i = 0; i < CELLS; i++) {
		unsigned cell;

		if (!next_cell(&at, &cell))
			return error_set(err, EXIT_BAD_SETTING, NO_CARD_FIX,
					 "the display has no VGA text: %.200s", answer);
		card = card || cell != 0xffff; /* reads return all ones where no device responds */
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
			(void)error_set(err, EXIT_NOT_READY,
					"give it longer, or correct the expression; vm screenshot "
					"--text shows the screen",
					"not in time; the last line: %s", lines[last]);
			return -1;
		}
		(void)nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
	}
}
