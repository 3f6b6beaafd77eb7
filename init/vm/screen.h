/* screen.h - a guest that has only a screen and a keyboard: keys by QEMU's monitor, and the text of
 * the VGA card's memory. Shared by vm send, expect, script and screenshot. */
#ifndef VM_VM_SCREEN_H
#define VM_VM_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define SCREEN_ROWS    25
#define SCREEN_COLUMNS 80
#define SCREEN_CHORD   64

struct pattern_set;

/* What the monitor's sendkey(hmp-commands.hx) calls the keys that NAME stands for, joined by '-':
 * those of vm send (enter, tab, escape, backspace, ctrl-c) and f1 to f12, up, down, left, right,
 * home, end, pgup, pgdn, insert, delete, spc, a letter, a digit, with ctrl-, alt-, shift- in front.
 * False: there is no such key. */
bool screen_chord(const char *name, char chord[SCREEN_CHORD]);

/* The key that types the ASCII character C on a US keyboard; false: there is none. */
bool screen_char(char c, char chord[SCREEN_CHORD]);

/* Can each of the N bytes at TEXT be typed? The first that cannot goes into *BAD. */
bool screen_can_type(const char *text, size_t n, unsigned char *bad);

/* Press a key (screen_chord()), or type N bytes that can be typed (about ten per second, as a guest
 * without interrupts takes them). False with ERR (the monitor's answer, or no QEMU). */
bool screen_press(char **envp, const char *chord, struct error *err);
bool screen_type(char **envp, const char *text, size_t n, struct error *err);

/* The lines of a VGA card in text mode (80 by 25, at 0xb8000), without the blanks at their ends;
 * what is not ASCII is a dot. False with ERR: EXIT_BAD_SETTING without such a card, else no QEMU.
 */
bool screen_read(char **envp, char lines[SCREEN_ROWS][SCREEN_COLUMNS + 1], struct error *err);

/* Wait until a line matches one of SET, until END_NS (clock_now(); 0: no limit). Returns the
 * number of the expression, and the line, or -1 with ERR (EXIT_NOT_READY: not in time). */
int screen_wait(char **envp, struct pattern_set *set, uint64_t end_ns,
		char line[SCREEN_COLUMNS + 1], struct error *err);

#endif
