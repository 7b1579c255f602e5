/* Unfinished downloads of an earlier run: see parts.h. */
#include "sync/get/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

enum { FOUND_MAX = 4096, MAP_MAX = 40 << 20, FILE_NAME = PART_NAME + 8 };

static void remove_part(const struct parts *p, const char *base)
{
	char name[FILE_NAME];

	(void)snprintf(name, sizeof(name), "%s.map", base);
	unlinkat(p->dir, name, 0);
	(void)snprintf(name, sizeof(name), "%s.part", base);
	unlinkat(p->dir, name, 0);
}

/* The content and path of a part, by its map; false when the map is damaged or of another content. */
static bool read_part_map(const struct parts *p, const char *name, struct found_part *found)
{
	struct part_map m;
	size_t n = 0;
	char *text = fs_read_file(p->dir, name, MAP_MAX, &n);
	bool good = text != NULL && part_map_decode(&m, (const uint8_t *)text, n) == 0;

	free(text);
	if (!good)
		return false;
	good = part_name_fits(found->name, &m.content);
	if (good) {
		found->path = m.path;
		m.path = NULL;
		found->content = m.content;
	}
	part_map_clear(&m);
	return good;
}

/* Without a part, a crash came between the rename into the share and the removal of the map. */
static bool has_part(const struct parts *p, const char *base)
{
	char part[FILE_NAME];
	struct fs_stat st;

	(void)snprintf(part, sizeof(part), "%s.part", base);
	return fs_stat_at(p->dir, part, &st) < 0 || st.kind != 0;
}

static void find_map(void *arg, const char *name)
{
	struct parts *p = arg;
	struct found_part found = { .wanted = false };

	if (strlen(name) != PART_NAME + 4 || p->n == FOUND_MAX)
		return;
	memcpy(found.name, name, PART_NAME);
	if (!has_part(p, found.name) || !read_part_map(p, name, &found)) {
		remove_part(p, found.name);
		return;
	}
	p->found = mem_realloc(p->found, p->n + 1, sizeof(*p->found));
	p->found[p->n++] = found;
}

/* A part without a map is of no use. */
static void find_part(void *arg, const char *name)
{
	const struct parts *p = arg;
	char map[FILE_NAME];
	struct fs_stat st;

	if (strlen(name) != PART_NAME + 5)
		return;
	(void)snprintf(map, sizeof(map), "%.*s.map", (int)PART_NAME, name);
	if (fs_stat_at(p->dir, map, &st) == 0 && st.kind == 0)
		unlinkat(p->dir, name, 0);
}

static void remove_coming(void *arg, const char *name)
{
	const struct parts *p = arg;

	unlinkat(p->dir, name, 0);
}

void parts_find(struct parts *p)
{
	if (!p->coming_stay)
		fs_each_name(p->dir, ".coming", remove_coming, p);
	fs_each_name(p->dir, ".map", find_map, p);
	fs_each_name(p->dir, ".part", find_part, p);
}

void parts_remove_unwanted(const struct parts *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!p->found[i].wanted)
			remove_part(p, p->found[i].name);
	}
}

void parts_clear(struct parts *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->found[i].path);
	free(p->found);
	p->found = NULL;
	p->n = 0;
}
