/* teach.h - what the kernel (main.c) needs of a machine (x86.c). */
#ifndef TEACH_H
#define TEACH_H

#include <stdint.h>

#define SECTOR 512u

/* Run by the first processor; never returns. */
void kmain(void);
/* Run by each other one, with a stack of its own. */
void kmain_other(unsigned cpu);

void machine_start(void);
/* A character to every console. */
void machine_put(char c);
/* The next character that was typed on the serial line; waits for it. */
char machine_get(void);
/* Start the other processors. Returns how many there are. */
unsigned machine_start_others(void);
/* Sector N of the disk with the file system, into BUF or from it. 0: there is no such disk or
 * sector.
 */
int machine_read(uint32_t n, void *buf);
int machine_write(uint32_t n, const void *buf);
/* No interrupt and no instruction any more. */
void machine_stop(void) __attribute__((noreturn));

#endif
