/* keys.c - see keys.h. */
#include "vm/keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct key {
	const char *name, *qemu; /* qemu NULL: same as name (qapi/ui.json, QKeyCode) */
	char byte;		 /* on a serial line; 0: none */
} keys[] = {
	{"enter", "ret", '\r'},	   {"escape", "esc", 033}, {"tab", NULL, '\t'},
	{"backspace", NULL, 0177}, {"spc", NULL, 0},	   {"up", NULL, 0},
	{"down", NULL, 0},	   {"left", NULL, 0},	   {"right", NULL, 0},
	{"home", NULL, 0},	   {"end", NULL, 0},	   {"pgup", NULL, 0},
	{"pgdn", NULL, 0},	   {"insert", NULL, 0},	   {"delete", NULL, 0},
	{"f1", NULL, 0},	   {"f2", NULL, 0},	   {"f3", NULL, 0},
	{"f4", NULL, 0},	   {"f5", NULL, 0},	   {"f6", NULL, 0},
	{"f7", NULL, 0},	   {"f8", NULL, 0},	   {"f9", NULL, 0},
	{"f10", NULL, 0},	   {"f11", NULL, 0},	   {"f12", NULL, 0},
	{"shift", NULL, 0},	   {"ctrl", NULL, 0},	   {"alt", NULL, 0},
};

static const struct key *find(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strlen(keys[i].name) == n && memcmp(keys[i].name, name, n) == 0)
			return &keys[i];
	return NULL;
}

static const char *key_name(const char *name, size_t n)
{
	static char single[2];
	const struct key *k = find(name, n);

	if (n == 1 && (islower((unsigned char)*name) || isdigit((unsigned char)*name))) {
		single[0] = *name;
		return single;
	}
	return !k ? NULL : k->qemu ? k->qemu : k->name;
}

bool key_chord(const char *name, char chord[KEY_CHORD])
{
	size_t used = 0;

	for (;;) {
		size_t n = strcspn(name, "-");
		const char *qemu = key_name(name, n);

		if (!qemu || used + strlen(qemu) + 2 > KEY_CHORD)
			return false;
		used += (size_t)snprintf(chord + used, KEY_CHORD - used, "%s%s", used ? "-" : "",
					 qemu);
		if (!name[n])
			return true;
		name += n + 1;
	}
}

int key_byte(const char *name)
{
	const struct key *k = find(name, strlen(name));

	if (k && k->byte)
		return k->byte;
	if (strncmp(name, "ctrl-", 5) == 0 && name[5] && !name[6]) {
		char c = name[5] >= 'a' && name[5] <= 'z' ? (char)(name[5] - 0x20) : name[5];

		if (c >= '@' && c <= '_')
			return c - '@';
	}
	return -1;
}
