/* answers.h - what a terminal types by itself: its answers to the questions of a program.
 *
 * Where several terminals show one console, each of them answers each question; all but one of the
 * answers are to be left out (console/mux_client.c).
 */
#ifndef VM_FORMAT_ANSWERS_H
#define VM_FORMAT_ANSWERS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the answer that begins at IN, of which there are N; 0 when what is there is none, or is
 * not whole (terminals write an answer in one piece). Known: reports of device status, cursor
 * position, attributes, modes, parameters, window and keyboard (CSI), and of settings, version,
 * capabilities, colours and clipboard (DCS, OSC). Keys are none of them; but Shift-F3 of xterm's is
 * written like a cursor position in the first line, and counts as that. */
size_t terminal_answer(const uint8_t *in, size_t n);

#endif
