/* See qr.h. */
#include "agent/api/qr.h"

#include <qrencode.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

json_t *qr_of_text(const char *text)
{
	QRcode *code = QRcode_encodeData((int)strlen(text), (const unsigned char *)text, 0, QR_ECLEVEL_L);
	json_t *rows;
	size_t size;
	char *row;

	if (code == NULL)
		return json_null();
	size = (size_t)code->width;
	rows = json_array();
	row = mem_calloc(size + 1, 1);
	for (size_t y = 0; y < size; y++) {
		for (size_t x = 0; x < size; x++)
			row[x] = (code->data[y * size + x] & 1) != 0 ? '1' : '0';
		json_array_append_new(rows, json_string(row));
	}
	explicit_bzero(row, size);
	free(row);
	/* Whoever sees it has the text. */
	explicit_bzero(code->data, size * size);
	QRcode_free(code);
	return json_pack("{s:I, s:o}", "size", (json_int_t)size, "rows", rows);
}
