/* teach.h - the interface between the kernel (main.c) and the machine (x86.c, virt.c). */
#ifndef TEACH_H
#define TEACH_H

#include <stdint.h>

#define SECTOR 512u

/* Run by the first processor; never returns. */
void kmain(void);
/* Run by every other processor, on its own stack. */
void kmain_other(unsigned cpu);

void machine_start(void);
/* Write a character to every console. */
void machine_put(char c);
/* Wait for the next character from the serial line. */
char machine_get(void);
/* Start the other processors. Returns how many there are. */
unsigned machine_start_others(void);
/* Read or write sector N of the file system's disk. 0: there is no such disk or sector. */
int machine_read(uint32_t n, void *buf);
int machine_write(uint32_t n, const void *buf);
/* Halt this processor with interrupts off. */
void machine_stop(void) __attribute__((noreturn));

#endif
