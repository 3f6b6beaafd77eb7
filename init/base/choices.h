/* choices.h - the words of "a|b|c", as the tables of settings and parameters have them. */
#ifndef VM_BASE_CHOICES_H
#define VM_BASE_CHOICES_H

/* The index of the word TEXT in CHOICES, from 0; -1: it is not one of them. */
int choice_index(const char *choices, const char *text);

#endif
