/* screen.h - for guests that have only a screen and a keyboard: keys by QEMU's monitor, and text
 * from the VGA card's memory. Shared by vm send, expect, script and screenshot. */
#ifndef VM_VM_SCREEN_H
#define VM_VM_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "vm/keys.h"

#define SCREEN_ROWS    25
#define SCREEN_COLUMNS 80

struct pattern_set;

/* The key that types the ASCII character C on a US keyboard. False: there is none. */
bool screen_char(char c, char chord[KEY_CHORD]);

/* Can each of the N bytes at TEXT be typed? *BAD receives the first that cannot. */
bool screen_can_type(const char *text, size_t n, unsigned char *bad);

/* Press a key (key_chord()), or type N bytes that can be typed (about ten per second, because a
 * guest without interrupts accepts no more). False with ERR (the monitor's answer, or no QEMU). */
bool screen_press(char **envp, const char *chord, struct error *err);
bool screen_type(char **envp, const char *text, size_t n, struct error *err);

/* The lines of a VGA card in text mode (80 by 25, at 0xb8000) without trailing blanks; non-ASCII
 * characters become dots. False with ERR: EXIT_BAD_SETTING without such a card, else QEMU has
 * ended. */
bool screen_read(char **envp, char lines[SCREEN_ROWS][SCREEN_COLUMNS + 1], struct error *err);

/* Wait until a line matches one of SET, until END_NS (clock_now(); 0: no limit). Returns the number
 * of the expression, and the line; -1 with ERR (EXIT_NOT_READY: time limit reached). */
int screen_wait(char **envp, struct pattern_set *set, uint64_t end_ns,
		char line[SCREEN_COLUMNS + 1], struct error *err);

#endif
