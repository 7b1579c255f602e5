/* See show_qr.h. */
#include "agent/cli/show_qr.h"

#include <stdio.h>
#include <string.h>

enum { SIZE_MOST = 177, QUIET = 2 }; /* squares */

static bool is_valid(const json_t *qr, size_t size)
{
	const json_t *rows = json_object_get(qr, "rows"), *row;
	size_t y;

	if (size < 1 || size > SIZE_MOST || json_array_size(rows) != size)
		return false;
	json_array_foreach(rows, y, row) {
		const char *text = json_string_value(row);

		if (text == NULL || strlen(text) != size || strspn(text, "01") != size)
			return false;
	}
	return true;
}

/* Outside of the code all is light. */
static bool is_light(const json_t *qr, size_t size, size_t x, size_t y)
{
	if (x < QUIET || y < QUIET || x >= size + QUIET || y >= size + QUIET)
		return true;
	return json_string_value(json_array_get(json_object_get(qr, "rows"), y - QUIET))[x - QUIET] == '0';
}

int show_qr(const struct cli *cli, const json_t *qr)
{
	/* A character is twice as high as it is wide. [upper half][lower half], of which the light ones are drawn. */
	static const char *const halves[2][2] = { { " ", "\u2584" }, { "\u2580", "\u2588" } };
	size_t size = (size_t)document_number(qr, "size");

	if (!is_valid(qr, size))
		return -1;
	for (size_t y = 0; y < size + (size_t)2 * QUIET; y += 2) {
		(void)fputs(cli_sgr(cli, "\x1b[97;40m"), stdout);
		for (size_t x = 0; x < size + (size_t)2 * QUIET; x++)
			(void)fputs(halves[is_light(qr, size, x, y)][is_light(qr, size, x, y + 1)], stdout);
		(void)printf("%s\n", cli_sgr(cli, "\x1b[0m"));
	}
	return 0;
}
