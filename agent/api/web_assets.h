/* The files of agent/web/, which the build puts into the program, as a door for browsers sends them. */
#ifndef LANYARD_AGENT_WEB_ASSETS_H
#define LANYARD_AGENT_WEB_ASSETS_H

#include <stddef.h>

/* Made by scripts/embed-web; a NULL name ends the table. */
struct web_file {
	const char *name;
	const unsigned char *p, *end;
};
extern const struct web_file web_files[];
extern const struct web_file web_api_description; /* agent/api/openapi.json */

enum { WEB_ETAG_MAX = 20 };
struct web_asset {
	const unsigned char *p;
	size_t n;
	const char *type;
	char etag[WEB_ETAG_MAX]; /* with its quotation marks; another one when the bytes are others */
};

/* path: of a request: "/" is index.html, "/web/NAME" any file. -1: there is no such file. */
int web_asset_find(const char *path, struct web_asset *asset);

#endif
