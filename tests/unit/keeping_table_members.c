/* The members' owners of keeping_table.h: what the peers' layer, news_in and fetch do, in short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <utlist.h>

#include "tests/unit/keeping_table.h"

#include "base/fs.h"
#include "base/sha256.h"
#include "tests/unit/noise.h"

/* --- a member's owner --- */

static int m_cores(void *arg, uint64_t peer, const struct msg_cores *m)
{
	struct table_member *e = arg;
	uint8_t *p;
	size_t n;

	(void)peer;
	if (!e->up)
		return -1;
	e->cores += m->ncores;
	if (m->upto > e->sent)
		e->sent = m->upto;
	p = msg_cores_encode(m, &n);
	return table_send(e->t, e->who, VERA, LETTER_CORES, p, n);
}

int table_send_vault(struct table_member *e, const struct msg_vault *m)
{
	uint8_t *p;
	size_t n;

	if (!e->up)
		return -1;
	p = msg_vault_encode(m, &n);
	return table_send(e->t, e->who, VERA, LETTER_VAULT, p, n);
}

static int m_vault(void *arg, uint64_t peer, const struct msg_vault *m)
{
	(void)peer;
	return table_send_vault(arg, m);
}

static int m_object(void *arg, uint64_t peer, uint32_t request, uint8_t status, uint8_t *bytes, size_t n)
{
	struct table_member *e = arg;

	(void)peer;
	if (!e->up) {
		free(bytes);
		return -1;
	}
	return table_send_object(e->t, e->who, VERA, request, status, bytes, n);
}

static size_t any_room(void *arg, uint64_t peer, bool bulk)
{
	(void)arg;
	(void)peer;
	(void)bulk;
	return 16 << 20;
}

static bool m_accepts(void *arg, const char *path, bool is_dir)
{
	const struct table_member *e = arg;

	(void)is_dir;
	return e->ignored == NULL || strcmp(e->ignored, path) != 0;
}

static bool m_equal(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
	return true;
}

/* What news_in and fetch make of a record, in short. */
static void take_record(struct table_member *e, const struct msg_record *m)
{
	struct blocklist list = { 0 };
	struct record ours = { 0 }, r;

	e->news++;
	record_copy(&r, &m->record);
	r.via = e->t->vault_id;
	if (index_get(e->index, r.path, &ours) <= 0 || version_compare(&r.version, &ours.version) == VERSION_NEWER) {
		const struct table_file *f = table_file_of(e->t, &r.content);

		if (m->blocks.n > 0)
			assert_int_equal(blocklist_decode(&list, m->blocks.p, m->blocks.n), 0);
		/* Longer ones are asked for by fetch. */
		assert_int_equal(index_put(e->index, &r,
		                           list.n > 0                   ? &list
		                           : f != NULL && f->list.n > 1 ? &f->list
		                                                        : NULL),
		                 0);
		blocklist_clear(&list);
	}
	record_clear(&ours);
	record_clear(&r);
}

static void m_news(void *arg, uint64_t peer, const struct msg_news *m)
{
	struct table_member *e = arg;
	struct msg_vault ack = { .what = MSG_VAULT_ACK };
	struct index_peer p;

	assert_true(m->after <= e->got);
	for (size_t i = 0; i < m->nrecords; i++)
		take_record(e, &m->records[i]);
	if (m->upto > e->got)
		e->got = m->upto;
	assert_int_equal(index_peer_get(e->index, peer, &p), 0);
	p.received = e->got;
	assert_int_equal(index_peer_put(e->index, peer, &p), 0);
	ack.epoch = ack.have_epoch = p.epoch;
	ack.have_seq = ack.settled = e->got;
	(void)m_vault(e, peer, &ack);
}

static bool m_fetching(void *arg)
{
	(void)arg;
	return false; /* it has at once what it is told */
}

static void m_misbehaved(void *arg, uint64_t peer, const char *what)
{
	(void)peer;
	(void)what;
	((struct table_member *)arg)->misbehaved++;
}

static void m_rolled_back(void *arg, uint64_t peer)
{
	(void)peer;
	((struct table_member *)arg)->rolled_back++;
}

static void m_block(void *arg, uint64_t peer, uint32_t request, struct slab *bytes)
{
	struct table_member *e = arg;

	(void)peer;
	(void)request;
	free(e->block);
	e->nblock = bytes->n;
	e->none += bytes->n == 0;
	e->objects += bytes->n > 0;
	e->block = mem_dup(bytes->p != NULL ? bytes->p : (const uint8_t *)"", bytes->n);
	slab_free(bytes);
}

static void m_list(void *arg, uint64_t peer, uint32_t request, uint32_t first, const uint8_t *blocks, size_t n)
{
	(void)arg;
	(void)peer;
	(void)request;
	(void)first;
	(void)blocks;
	(void)n;
}

static void state(void *arg)
{
	(void)arg;
}

const struct keeping_ops table_member_ops = {
	.cores = m_cores,
	.vault = m_vault,
	.object = m_object,
	.room = any_room,
	.accepts = m_accepts,
	.rosters_equal = m_equal,
	.news = m_news,
	.fetching = m_fetching,
	.misbehaved = m_misbehaved,
	.rolled_back = m_rolled_back,
	.block = m_block,
	.list = m_list,
	.state = state,
};

static void note_settled(struct table_member *e, const struct msg_vault *m)
{
	struct index_peer p;
	uint64_t id = e->t->vault_id;

	assert_int_equal(index_peer_get(e->index, id, &p), 0);
	if (m->what == MSG_VAULT_HELLO && p.epoch != m->epoch)
		p = (struct index_peer){ .epoch = m->epoch };
	e->settled = m->have_epoch == index_epoch(e->index) ? m->settled : 0;
	assert_true(e->settled <= e->sent || m->what == MSG_VAULT_HELLO);
	p.settled = e->settled;
	p.settled_epoch = index_epoch(e->index);
	assert_int_equal(index_peer_put(e->index, id, &p), 0);
}

void table_member_hears(struct table_member *e, const struct msg_vault *m)
{
	switch (m->what) {
	case MSG_VAULT_HELLO:
		e->hellos++;
		note_settled(e, m);
		keeping_up(e->keeping, e->t->vault_id, m);
		break;
	case MSG_VAULT_ACK:
		note_settled(e, m);
		keeping_settled(e->keeping, e->t->vault_id);
		break;
	default:
		keeping_vault_in(e->keeping, e->t->vault_id, m);
	}
}
