/* See format.h. */
#include "agent/format.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "base/mem.h"

const char *format_bytes(char out[FORMAT_MAX], int64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	double v = (double)bytes;
	int unit = -1;

	/* 999.5 would be printed as 1000. */
	while (v >= (unit < 0 ? 1000 : 999.5) && unit < 5) {
		v /= 1000;
		unit++;
	}
	if (unit < 0)
		(void)snprintf(out, FORMAT_MAX, "%d B", (int)bytes);
	else
		(void)snprintf(out, FORMAT_MAX, "%.*f %s", v < 9.95 ? 1 : 0, v, units[unit]);
	return out;
}

const char *format_duration(char out[FORMAT_MAX], int64_t seconds)
{
	long long s = seconds;

	if (s < 0)
		(void)snprintf(out, FORMAT_MAX, "?");
	else if (s < 60)
		(void)snprintf(out, FORMAT_MAX, "%llds", s);
	else if (s < 3600)
		(void)snprintf(out, FORMAT_MAX, "%lldm%02llds", s / 60, s % 60);
	else if (s < 86400)
		(void)snprintf(out, FORMAT_MAX, "%lldh%02lldm", s / 3600, s / 60 % 60);
	else
		(void)snprintf(out, FORMAT_MAX, "%lldd%02lldh", s / 86400, s / 3600 % 24);
	return out;
}

const char *format_time(char out[FORMAT_MAX], int64_t unix_s)
{
	time_t t = (time_t)unix_s;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL || strftime(out, FORMAT_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		(void)snprintf(out, FORMAT_MAX, "?");
	return out;
}

const char *format_since(char out[FORMAT_MAX], int64_t unix_s, int64_t now_s)
{
	time_t then = (time_t)unix_s, now = (time_t)now_s;
	struct tm a, b;
	size_t n;

	if (localtime_r(&then, &a) == NULL || localtime_r(&now, &b) == NULL)
		return "?";
	if (a.tm_year == b.tm_year && a.tm_yday == b.tm_yday)
		n = strftime(out, FORMAT_MAX, "%H:%M", &a);
	else if (unix_s <= now_s && now_s - unix_s < 6 * 86400)
		n = strftime(out, FORMAT_MAX, "%A", &a);
	else
		n = strftime(out, FORMAT_MAX, "%Y-%m-%d", &a);
	return n > 0 ? out : "?";
}

const char *format_count(char out[FORMAT_MAX], int64_t n, const char *one, const char *many)
{
	(void)snprintf(out, FORMAT_MAX, "%lld %s", (long long)n, n == 1 ? one : many);
	return out;
}

/* One character: its bytes, and the columns it takes. */
static size_t character(const char *text, size_t *columns)
{
	mbstate_t state = { 0 };
	wchar_t wide;
	size_t n = mbrtowc(&wide, text, strlen(text), &state);
	int w;

	*columns = 1;
	/* Outside a UTF-8 locale, each byte counts as a column. */
	if (n == 0 || n == (size_t)-1 || n == (size_t)-2)
		return 1;
	w = wcwidth(wide);
	*columns = w < 0 ? 1 : (size_t)w;
	return n;
}

size_t format_width(const char *text)
{
	size_t width = 0;

	while (*text != '\0') {
		size_t columns;

		text += character(text, &columns);
		width += columns;
	}
	return width;
}

/* How many bytes of text fit into width columns. */
static size_t fitting(const char *text, size_t width)
{
	const char *at = text;
	size_t columns;

	while (*at != '\0') {
		size_t n = character(at, &columns);

		if (columns > width)
			break;
		width -= columns;
		at += n;
	}
	return (size_t)(at - text);
}

char *format_cut(const char *text, size_t width)
{
	size_t have = format_width(text);
	const char *tail = text;
	size_t columns;

	if (have <= width)
		return mem_strdup(text);
	if (width < 5)
		return mem_printf("%.*s", (int)fitting(text, width), text);
	while (have > width - (width - 3) / 2 - 3) {
		tail += character(tail, &columns);
		have -= columns;
	}
	return mem_printf("%.*s...%s", (int)fitting(text, (width - 3) / 2), text, tail);
}

void format_table_row(struct table *t, char *const *cells)
{
	t->cell = mem_realloc(t->cell, t->cells + t->columns, sizeof(*t->cell));
	memcpy(t->cell + t->cells, cells, t->columns * sizeof(*cells));
	t->cells += t->columns;
}

/* Before the rows. */
static void add_head(struct table *t)
{
	t->cell = mem_realloc(t->cell, t->cells + t->columns, sizeof(*t->cell));
	memmove(t->cell + t->columns, t->cell, t->cells * sizeof(*t->cell));
	for (size_t i = 0; i < t->columns; i++)
		t->cell[i] = mem_strdup(t->head[i]);
	t->cells += t->columns;
}

void format_table_print(struct table *t)
{
	size_t *width = mem_calloc(t->columns, sizeof(*width));

	if (t->head != NULL && t->cells > 0)
		add_head(t);
	for (size_t i = 0; i < t->cells; i++) {
		size_t w = format_width(t->cell[i]);

		if (w > width[i % t->columns])
			width[i % t->columns] = w;
	}
	for (size_t i = 0; i < t->cells; i++) {
		bool last = i % t->columns == t->columns - 1;
		size_t pad = last ? 0 : width[i % t->columns] - format_width(t->cell[i]) + 2;

		(void)printf("%s%*s%s", t->cell[i], (int)pad, "", last ? "\n" : "");
		free(t->cell[i]);
	}
	free(width);
	free(t->cell);
	*t = TABLE_INIT(t->columns);
}
