/* How a download begins, or goes on where it was parked. See download_internal.h. */
#include "sync/fetch/download_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "sync/share/reserve.h"

enum { ROOM_MIN = 1 << 20 }; /* bytes that must be free before a download is tried again that found none */

static struct download *part_holder(const struct fetch *f, const char *name)
{
	struct download *d;

	HASH_FIND(hh_name, f->parts, name, PART_NAME, d);
	return d;
}

/* The same content is on its way for another path: one waits for it, and then copies it, or goes on with it where the other
 * path was only its name of before. */
static bool wait_for(struct download *other, const struct ticket *t)
{
	if (other->waiter != NULL && strcmp(other->waiter, t->want.path) != 0)
		return false;
	if (other->waiter == NULL)
		other->waiter = mem_strdup(t->want.path);
	source_refresh(other);
	return true;
}

/* Gives d a part's name that nobody uses. REASON_COUNT: it has one; else why its ticket has to wait. */
static enum reason claim_name(struct download *d)
{
	struct fetch *f = d->f;
	char name[PART_NAME + 1];

	for (int slot = 0; slot < PART_SLOTS; slot++) {
		struct download *other;

		part_name(name, &d->c, slot);
		other = part_holder(f, name);
		/* What nothing is done with is taken over: this path has a source. */
		if (other != NULL && other->parked) {
			download_drop(f, other->t, true);
			other = part_holder(f, name);
		}
		if (other != NULL && other->t == NULL)
			return REASON_NONE;
		if (other != NULL && wait_for(other, d->t))
			return REASON_SAME;
		if (other != NULL)
			continue;
		if (!spare_take(f, name))
			return REASON_NONE;
		memcpy(d->name, name, sizeof(d->name));
		(void)snprintf(d->part_file, sizeof(d->part_file), "%s.part", d->name);
		HASH_ADD(hh_name, f->parts, name, PART_NAME, d);
		return REASON_COUNT;
	}
	return REASON_NONE;
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

static void start_part(struct download *d)
{
	struct ticket *t = d->t;
	enum reason reason = claim_name(d);

	if (reason != REASON_COUNT) {
		ticket_wait(d->f, t, reason);
		return;
	}
	if (d->c.nblocks == 1) {
		one_block(&d->list, &d->c);
	} else if (t->blocks.n > 0) {
		d->list = t->blocks;
		t->blocks.b = NULL;
		ticket_drop_blocks(d->f, t);
	} else {
		(void)index_blocks(d->f->c.index, &d->c, &d->list);
	}
	download_open(d);
}

static bool is_small(const struct content *c)
{
	return c->nblocks == 1 && c->size <= QUEUE_SMALL_MAX;
}

static struct download *download_new(struct fetch *f, struct ticket *t)
{
	struct download *d = MEM_NEW(struct download);

	d->f = f;
	d->t = t;
	d->c = t->want.content;
	d->memory = is_small(&d->c);
	d->part = -1;
	d->map = -1;
	DL_APPEND(f->downloads, d);
	f->ndownloads++;
	t->download = d;
	return d;
}

static bool is_here(const void *arg, uint32_t block)
{
	const struct download *d = arg;

	return d->state_of[block] == BLOCK_HAVE;
}

static enum reason why_no_room(const struct download *d)
{
	struct statvfs st;

	if (fstatvfs(d->part, &st) == 0 && (uint64_t)st.f_bavail * st.f_frsize < ROOM_MIN)
		return REASON_FULL;
	if (d->f->reserve && d->have < d->list.n && reserve_check(d->part, reserve_needed(&d->list, is_here, d)) < 0)
		return REASON_RESERVED;
	return REASON_NONE;
}

/* On from where it was. */
static void start_parked(struct download *d)
{
	enum reason reason;
	struct fetch *f = d->f;

	if (d->full && (reason = why_no_room(d)) != REASON_NONE) {
		ticket_wait(f, d->t, reason);
		return;
	}
	download_unpark(d);
	d->full = false;
	if (d->state == DOWNLOAD_READY) {
		download_leave_lane_if_light(d);
		ticket_to(f, d->t, TICKET_PLACE);
		route_ticket(f, d->t);
		return;
	}
	download_set_hungry(d, d->needed > 0);
	if (d->state == DOWNLOAD_GETTING && d->have == d->list.n && d->jobs == 0)
		download_complete(d);
}

void download_start(struct fetch *f, struct ticket *t)
{
	struct download *d = t->download != NULL ? t->download : download_new(f, t);

	d->lane = t->queued;
	d->in_lane = true;
	ticket_to(f, t, TICKET_ACTIVE);
	source_refresh(d);
	source_forgive(d);
	if (d->parked && (d->have == d->list.n || source_any(d) != NULL)) {
		start_parked(d);
		return;
	}
	/* What was found in a local file needs no source. */
	if (source_any(d) == NULL && (d->memory || !t->settled))
		ticket_wait(f, t, source_reason(d));
	else if (d->parked)
		start_parked(d);
	else if (d->memory)
		start_memory(d);
	else
		start_part(d);
}
