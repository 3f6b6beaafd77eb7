/* answers.h - recognises input that a terminal sends by itself: answers to a program's queries.
 *
 * If several terminals show one console, each of them answers each query; all answers but one must
 * be dropped (console/mux_client.c).
 */
#ifndef VM_FORMAT_ANSWERS_H
#define VM_FORMAT_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

/* The length of the answer at IN (N bytes); 0 if it is not an answer or incomplete (terminals write
 * an answer in one piece). Known: reports of device status, cursor position, attributes, modes,
 * parameters, window and keyboard (CSI), and of settings, version, capabilities, colours and
 * clipboard (DCS, OSC). Keys do not count, except xterm's Shift-F3, which has the form of a cursor
 * position in the first line. */
size_t terminal_answer(const uint8_t *in, size_t n);

#endif
