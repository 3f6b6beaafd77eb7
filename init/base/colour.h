/* colour.h - colours and progress bars for a terminal.
 *
 * Only texts of this program are put between colours. NO_COLOR (https://no-color.org) and
 * CLICOLOR=0 turn them off, CLICOLOR_FORCE=1 puts them into pipes as well; a log file never has
 * any.
 */
#ifndef VM_BASE_COLOUR_H
#define VM_BASE_COLOUR_H

#include <stdbool.h>
#include <stddef.h>

enum colour { COLOUR_RED, COLOUR_YELLOW, COLOUR_GREEN, COLOUR_CYAN };

/* Is FD a terminal that can move its cursor (TERM is set, and is not dumb)? */
bool terminal_is_smart(int fd);

/* Does FD get colours? */
bool colour_wanted(int fd);

/* The sequences that begin a colour and that end any. */
const char *colour_begin(enum colour colour);
extern const char colour_end[];

/* The longest of both together. */
#define COLOUR_BYTES 16

/* Draw a bar and TEXT, escaped and cut to the terminal's width, over the line of standard error in
 * which the cursor is. PART is from 0 to 1, or below 0 if it is not known: a mark then moves with
 * TURN. */
void bar_draw(double part, unsigned long turn, const char *text);

#endif
