/* keys.h - key names: the byte on a serial line and the key on a keyboard. */
#ifndef VM_VM_KEYS_H
#define VM_VM_KEYS_H

#include <stdbool.h>

#define KEY_CHORD 64

/* The byte of KEY (`enter`, `tab`, `escape`, `backspace`, `ctrl-c`) on a serial line. -1: none. */
int key_byte(const char *name);

/* NAME in the syntax of the monitor's sendkey (hmp-commands.hx), joined by '-': the keys of
 * key_byte() and f1 to f12, up, down, left, right, home, end, pgup, pgdn, insert, delete, spc, a
 * letter, a digit, with the prefixes ctrl-, alt-, shift-. False: unknown key. */
bool key_chord(const char *name, char chord[KEY_CHORD]);

#endif
