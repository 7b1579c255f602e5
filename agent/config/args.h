/* Command lines from tables: long options with or without a value, anywhere among the other words, "--" ends them.
 * Also parses the values that several places use: numbers, durations and sizes. Pure. */
#ifndef LANYARD_AGENT_ARGS_H
#define LANYARD_AGENT_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum args_kind {
	ARGS_END,  /* ends a table */
	ARGS_FLAG, /* to: bool; "--name" */
	ARGS_TEXT, /* to: const char *; "--name VALUE" or "--name=VALUE"; twice is an error */
	ARGS_LIST, /* to: struct args_list; may be repeated */
	ARGS_MORE  /* to: another table, looked through after this one; ends a table */
};

struct args_option {
	enum args_kind kind;
	const char *name; /* without dashes; an option of one letter is given with one dash */
	void *to;
};

/* Values in the order given; they stay argv's. The caller frees v. */
struct args_list {
	const char **v;
	size_t n;
};

/* Fills in what the options say and moves the other words to the front of argv. Returns how many these are, -1 with
 * *why (fresh text). With `stop` it stops before the first word that is not an option, and returns its index in argv
 * (argc: none). argv[0] is the first word, not the program's name. */
int args_parse(const struct args_option *options, bool stop, int argc, char **argv, char **why);

/* A whole number in [min, max]; -1 for anything else. */
int args_number(const char *text, int64_t min, int64_t max, int64_t *n);
/* "90", "90s", "15m", "24h", "7d" in seconds, 1 s to 100 years; -1 for anything else. */
int args_duration(const char *text, int64_t *seconds);
/* "500", "64K", "10M", "2G" in bytes, K being `thousand` (1000 or 1024) of them, 1 to 1 PB; -1 for anything else. */
int args_size(const char *text, int thousand, int64_t *bytes);

#endif
