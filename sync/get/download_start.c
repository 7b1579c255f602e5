/* How a download begins, or goes on where it was parked. See get_internal.h. */
#include "sync/get/get_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "sync/share/reserve.h"

enum { FREE_MIN = 1 << 20 }; /* bytes that must be free before a download goes on that the full disk stopped */

static struct download *part_holder(const struct get *g, const char *name)
{
	struct download *d;

	HASH_FIND(hh_name, g->parts, name, PART_NAME, d);
	return d;
}

const char *get_path(const struct get *g, const struct content *c)
{
	char name[PART_NAME + 1];

	for (int slot = 0; slot < PART_SLOTS; slot++) {
		const struct download *d;

		part_name(name, c, slot);
		d = part_holder(g, name);
		/* Of one that ends, the path may be gone. */
		if (d != NULL && d->slot != NULL && content_equal(&d->c, c))
			return d->path;
	}
	return NULL;
}

/* The same content is on its way for another path: d's path waits for that download, and then copies the file, or goes
 * on with the part if the other path was only a file's earlier name. */
static bool wait_for(struct download *other, const struct download *d)
{
	if (other->waiter != NULL && strcmp(other->waiter, d->path) != 0)
		return false;
	if (other->waiter == NULL)
		other->waiter = mem_strdup(d->path);
	source_refresh(other);
	return true;
}

/* Gives d a part's name that no other download uses. GET_GOES_ON: it has one; else why it has to wait. */
static enum get_why claim_name(struct download *d)
{
	struct get *g = d->g;
	char name[PART_NAME + 1];

	for (int slot = 0; slot < PART_SLOTS; slot++) {
		struct download *other;

		part_name(name, &d->c, slot);
		other = part_holder(g, name);
		/* A parked download is taken over, since this path has a source. */
		if (other != NULL && other->parked) {
			download_drop(other, true);
			other = part_holder(g, name);
		}
		if (other != NULL && other->slot == NULL)
			return GET_BUSY;
		if (other != NULL && wait_for(other, d))
			return GET_SAME;
		if (other != NULL)
			continue;
		if (!spare_take(g, name))
			return GET_BUSY;
		memcpy(d->name, name, sizeof(d->name));
		(void)snprintf(d->part_file, sizeof(d->part_file), "%s.part", d->name);
		HASH_ADD(hh_name, g->parts, name, PART_NAME, d);
		return GET_GOES_ON;
	}
	return GET_BUSY;
}

static void one_block(struct blocklist *l, const struct content *c)
{
	l->n = 1;
	l->b = MEM_NEW(struct block);
	l->b[0].len = (uint32_t)c->size;
	memcpy(l->b[0].hash, c->root, sizeof(c->root));
}

static void start_memory(struct download *d)
{
	struct blocklist list;

	one_block(&list, &d->c);
	download_set_list(d, &list);
	d->state = DOWNLOAD_GETTING;
	download_set(d, 0, BLOCK_NEEDED);
}

static enum get_why start_part(struct download *d)
{
	enum get_why why = claim_name(d);

	if (why != GET_GOES_ON)
		return why;
	if (d->c.nblocks == 1)
		one_block(&d->list, &d->c);
	else
		d->g->c.hooks->find_list(d->g->c.arg, d->owner, &d->list);
	coming_heir_open(d);
	return GET_GOES_ON;
}

static bool is_small(const struct content *c)
{
	return c->nblocks == 1 && c->size <= QUEUE_SMALL_MAX;
}

struct download *download_new(struct get *g, const struct download_owner *o, const struct content *c)
{
	struct download *d = MEM_NEW(struct download);

	d->g = g;
	d->owner = o->owner;
	d->path = o->path;
	d->liars = o->liars;
	d->slot = o->slot;
	d->c = *c;
	d->memory = is_small(&d->c);
	d->part = -1;
	d->leaves.fd = -1;
	d->map = -1;
	DL_APPEND(g->downloads, d);
	g->ndownloads++;
	*d->slot = d;
	return d;
}

static bool is_here(const void *arg, uint32_t block)
{
	const struct download *d = arg;

	return d->state_of[block] == BLOCK_HAVE;
}

/* Whether the disk that was full has taken some space back. */
static struct get_stop check_disk(const struct download *d)
{
	struct statvfs st;

	if (fstatvfs(d->part, &st) == 0 && (uint64_t)st.f_bavail * st.f_frsize < FREE_MIN)
		return get_disk(ENOSPC);
	if (d->g->c.reserve && d->have < d->list.n && reserve_check(d->part, reserve_needed(&d->list, is_here, d)) < 0)
		return get_disk(RESERVE_REACHED);
	return get_why(GET_GOES_ON);
}

/* Goes on where it was parked, unless the disk is still full. */
static struct get_stop start_parked(struct download *d)
{
	struct get_stop stop = d->full ? check_disk(d) : get_why(GET_GOES_ON);
	struct get *g = d->g;

	if (stop.why != GET_GOES_ON)
		return stop;
	download_unpark(d);
	d->full = false;
	d->moved_ms = get_now(g);
	announce_all(d);
	if (d->state == DOWNLOAD_READY) {
		download_leave_lane_if_light(d);
		g->c.hooks->ready(g->c.arg, d->owner);
		return stop;
	}
	download_set_hungry(d, d->needed > 0);
	if (d->state == DOWNLOAD_GETTING && d->have == d->list.n && d->jobs == 0)
		download_complete(d);
	return stop;
}

/* A download that has a source, or needs none any more, goes on or begins. Without a source only that is begun which a
 * local file may have. */
struct get_stop download_start(struct download *d, const struct queue_entry *lane, bool has_copy)
{
	d->lane = *lane;
	d->in_lane = true;
	source_refresh(d);
	source_forgive(d);
	if (d->parked && (d->have == d->list.n || source_some(d)))
		return start_parked(d);
	if (!source_some(d) && (d->memory || !has_copy))
		return get_why(source_reason(d));
	if (d->parked)
		return start_parked(d);
	if (!d->memory)
		return get_why(start_part(d));
	start_memory(d);
	return get_why(GET_GOES_ON);
}
