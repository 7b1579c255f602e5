/* Numbers and columns for display. Pure, except that format_table_print() prints. */
#ifndef LANYARD_AGENT_FORMAT_H
#define LANYARD_AGENT_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum { FORMAT_MAX = 64 };

/* "0 B", "999 B", "1.2 kB", "118 MB": powers of 1,000, at most three digits and a point. */
const char *format_bytes(char out[FORMAT_MAX], int64_t bytes);
/* "5s", "1m05s", "2h07m", "3d04h"; "?" below 0. */
const char *format_duration(char out[FORMAT_MAX], int64_t seconds);
/* Local time, "2024-05-06 07:08:09". */
const char *format_time(char out[FORMAT_MAX], int64_t unix_s);

/* "1 file", "2 files": n and its noun. */
const char *format_count(char out[FORMAT_MAX], int64_t n, const char *one, const char *many);

/* Columns that text takes on a terminal; text is safe for it already. */
size_t format_width(const char *text);
/* text cut in its middle to at most width columns. Fresh. */
char *format_cut(const char *text, size_t width);

/* Rows of cells, printed aligned; the last column is as wide as it is. */
struct table {
	size_t columns;
	size_t cells;
	char **cell;             /* owned, each owned */
	const char *const *head; /* of each column, above the rows; NULL: none; lent */
};
#define TABLE_INIT(n) ((struct table){ .columns = (n) })
/* "14:05" of today, "Tuesday" of the last six days, otherwise the date. */
const char *format_since(char out[FORMAT_MAX], int64_t unix_s, int64_t now_s);
/* Adds a row of `columns` cells, which are taken over (fresh texts). */
void format_table_row(struct table *t, char *const *cells);
/* Prints it on stdout and empties it. */
void format_table_print(struct table *t);

#endif
