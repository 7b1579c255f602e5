/* See web_assets.h. */
#include "agent/api/web_assets.h"

#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "base/sha256.h"

enum { ETAG_BYTES = 8 };

static const char *type_of(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = {
		{ ".html", "text/html; charset=utf-8" },
		{ ".css", "text/css; charset=utf-8" },
		{ ".js", "text/javascript; charset=utf-8" },
		{ ".svg", "image/svg+xml" },
		{ ".png", "image/png" },
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(dot, types[i].ending) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}

static void asset_of_file(const struct web_file *file, struct web_asset *asset)
{
	uint8_t hash[SHA256_SIZE];
	char hex[ETAG_BYTES * 2 + 1];

	asset->p = file->p;
	asset->n = (size_t)(file->end - file->p);
	asset->type = type_of(file->name);
	sha256(hash, asset->p, asset->n);
	hex_encode(hex, hash, ETAG_BYTES);
	asset->etag[0] = '"';
	memcpy(asset->etag + 1, hex, sizeof(hex) - 1);
	memcpy(asset->etag + sizeof(hex), "\"", 2);
}

int web_asset_find(const char *path, struct web_asset *asset)
{
	const char *name = strcmp(path, "/") == 0 ? "index.html" : NULL;

	if (strncmp(path, "/web/", 5) == 0)
		name = path + 5;
	for (const struct web_file *file = web_files; name != NULL && file->name != NULL; file++) {
		if (strcmp(file->name, name) != 0)
			continue;
		asset_of_file(file, asset);
		return 0;
	}
	return -1;
}
