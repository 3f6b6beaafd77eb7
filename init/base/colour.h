/* colour.h - colours and progress bars for a terminal.
 *
 * Only text of this program is coloured. NO_COLOR (https://no-color.org) and CLICOLOR=0 turn
 * colours off, CLICOLOR_FORCE=1 turns them on for pipes; a log file never has any.
 */
#ifndef VM_BASE_COLOUR_H
#define VM_BASE_COLOUR_H

#include <stdbool.h>
#include <stddef.h>

enum colour { COLOUR_RED, COLOUR_YELLOW, COLOUR_GREEN, COLOUR_CYAN };

/* Whether FD is a terminal that can move its cursor (TERM is set, and is not dumb). */
bool terminal_is_smart(int fd);

/* Whether output to FD is coloured. */
bool colour_wanted(int fd);

/* The sequences that begin a colour and end any colour. */
const char *colour_begin(enum colour colour);
extern const char colour_end[];

/* The greatest length of both together. */
#define COLOUR_BYTES 16

/* Draw a bar and TEXT, escaped and cut to the terminal's width, over the current line of standard
 * error. PART is from 0 to 1; below 0 it is unknown, and a mark moves with TURN. */
void bar_draw(double part, unsigned long turn, const char *text);

#endif
