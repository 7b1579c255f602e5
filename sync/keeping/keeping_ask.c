/* Single objects that were asked of a vault: their numbers, and opening what comes. Nothing of it is believed: an
 * object that nobody asked for is misbehaviour, one that does not open is none, and the vault is told so. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/keeping/keeping_objects_internal.h"
#include "sync/seal/patch.h"

enum {
	ASK_OPENING =
		64 << 20, /* bytes of objects that workers have, of one vault; what comes above is asked for again */
	ASK_SMALL = 96 << 10, /* opening one need not wait behind large ones */
};

/* One that a worker opens. */
struct keeping_opening {
	struct keeping_wanted *get;
	struct keeping_ask *ask; /* NULL: it was taken back */
	uint8_t kind;
	struct object_ref ref;
	struct keys *keys; /* a reference */
	/* Of a patch: what its head says it is made of, ascending, and the keys of these, references; what it is made
	 * of indeed, in its own order; and the length of the block. */
	struct object_ref refs[OBJECT_BASES_MAX], bases[OBJECT_BASES_MAX];
	struct keys *ref_keys[OBJECT_BASES_MAX], *base_keys[OBJECT_BASES_MAX];
	uint32_t nbases, len;
	uint8_t *sealed; /* owned */
	size_t n;
	int64_t offset;               /* of a block, in its file */
	struct keeping_leaves leaves; /* of a block that answers a request, and is none of a patch; owned */
	enum object_result result;
	struct object_plain plain;
};

void keeping_ask_free_if_over(struct keeping_wanted *g)
{
	if (g->v == NULL && g->jobs == 0)
		free(g);
}

static void ask_free(struct keeping_ask *a)
{
	keys_free(a->keys);
	free(a);
}

/* Whether it answers a request for a block. */
static bool ask_has_request(const struct keeping_ask *a)
{
	return a->kind == OBJECT_BLOCK && a->patched == NULL;
}

static bool ask_takes_patch(const struct keeping_ask *a)
{
	return ask_has_request(a) && !a->whole;
}

/* Off the tables: nobody finds it any more. */
static void ask_take_out(struct keeping_ask *a)
{
	struct keeping_wanted *g = a->get;

	HASH_DELETE(hh, g->asks, a);
	if (ask_has_request(a))
		HASH_DELETE(hh_request, g->requests, a);
	g->nasks--;
	g->bytes -= a->bytes;
	if (a->opening != NULL)
		a->opening->ask = NULL;
}

static void ask_over(struct keeping_ask *a, struct keeping_opened *o)
{
	ask_take_out(a);
	a->done(a, o);
	ask_free(a);
}

/* --- asking --- */

struct keeping_ask *keeping_ask_new(struct keeping_wanted *g, struct keys *keys)
{
	struct keeping_ask *a = MEM_NEW(struct keeping_ask), *taken;

	a->get = g;
	a->keys = keys_ref(keys);
	a->ref.generation = keys_about(keys)->id;
	do {
		a->number = ++g->number;
		HASH_FIND(hh, g->asks, &a->number, sizeof(a->number), taken);
	} while (taken != NULL);
	HASH_ADD(hh, g->asks, number, sizeof(a->number), a);
	g->nasks++;
	return a;
}

static void ask_say(struct keeping_wanted *g, enum msg_vault_what what, struct keeping_ask *const *asks, size_t n)
{
	struct msg_object_want *wants = mem_calloc(n, sizeof(*wants));
	struct msg_vault m = { .what = what, .wants = wants, .nwants = n };

	for (size_t i = 0; i < n; i++) {
		/* A patch will do for a block. */
		uint8_t kind = ask_takes_patch(asks[i]) ? OBJECT_PATCH : asks[i]->kind;

		wants[i] = (struct msg_object_want){ asks[i]->number, kind, asks[i]->ref.generation, { 0 } };
		memcpy(wants[i].name, asks[i]->ref.name, sizeof(wants[i].name));
	}
	(void)g->k->config.ops->vault(g->k->config.arg, g->v->peer, &m);
	free(wants);
}

void keeping_ask_send(struct keeping_wanted *g, struct keeping_ask *const *asks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct keeping_ask *a = asks[i];

		g->bytes += a->bytes;
		if (ask_has_request(a))
			HASH_ADD(hh_request, g->requests, request, sizeof(a->request), a);
	}
	if (n > 0)
		ask_say(g, MSG_VAULT_WANT, asks, n);
}

void keeping_ask_cancel(struct keeping_wanted *g, struct keeping_ask *const *asks, size_t n)
{
	uint32_t *numbers = mem_calloc(n + 1, sizeof(*numbers));
	struct msg_vault m = { .what = MSG_VAULT_CANCEL, .requests = numbers };

	for (size_t i = 0; i < n; i++) {
		if (asks[i]->opening == NULL) {
			numbers[m.nrequests++] = asks[i]->number;
			g->late++;
		}
		ask_take_out(asks[i]);
		ask_free(asks[i]);
	}
	if (m.nrequests > 0 && g->v != NULL)
		(void)g->k->config.ops->vault(g->k->config.arg, g->v->peer, &m);
	free(numbers);
}

void keeping_ask_drop_all(struct keeping_wanted *g)
{
	struct keeping_ask *a, *next;

	HASH_ITER(hh, g->asks, a, next) {
		ask_take_out(a);
		ask_free(a);
	}
}

/* --- opening --- */

/* Whether a page refers to just the blocks that are in it. */
static bool opening_page_fits(const struct keeping_opening *o, const struct object_head *head)
{
	size_t n;
	struct page_entry *list = page_decode(o->plain.p, o->plain.n, &n);
	bool fits = list != NULL;

	for (size_t i = 0; i < n && fits; i++) {
		fits = list[i].generation == 0 || list[i].generation == o->ref.generation;
		if (list[i].generation != 0)
			object_name(o->keys, OBJECT_BLOCK, list[i].sha, list[i].name);
	}
	fits = fits && page_has_refs(list, n, head);
	free(list);
	return fits;
}

/* Finds which of those that the head names this base is. */
static bool opening_base_fits(struct keeping_opening *o, const struct patch_base *base, uint32_t i)
{
	for (uint32_t k = 0; k < o->nbases; k++) {
		struct object_ref is = { .generation = base->generation };

		if (o->refs[k].generation != base->generation)
			continue;
		object_name(o->ref_keys[k], OBJECT_BLOCK, base->sha, is.name);
		if (!object_ref_equal(&is, &o->refs[k]))
			continue;
		o->bases[i] = is;
		o->base_keys[i] = o->ref_keys[k];
		return true;
	}
	return false;
}

/* Whether a patch is made of what its head says, and makes a block of the length that is wanted. */
static bool opening_patch_fits(struct keeping_opening *o)
{
	struct patch p;

	if (!patch_read(&p, o->plain.p, o->plain.n) || p.len != o->len || p.nbases != o->nbases)
		return false;
	for (uint32_t i = 0; i < p.nbases; i++) {
		if (!opening_base_fits(o, &p.bases[i], i))
			return false;
	}
	return true;
}

/* Worker. The head stays as it was while the rest is opened in place. */
static void opening_work(void *arg)
{
	struct keeping_opening *o = arg;
	struct object_head head;

	o->result = object_open(o->keys, (enum object_kind)o->kind, &o->ref, o->sealed, o->n, &o->plain);
	if (o->result != OBJECT_OK)
		return;
	if (o->kind == OBJECT_PAGE &&
	    (object_parse(&head, o->sealed, o->n) != OBJECT_OK || !opening_page_fits(o, &head)))
		o->result = OBJECT_INSIDE;
	if (o->kind == OBJECT_PATCH && !opening_patch_fits(o))
		o->result = OBJECT_INSIDE;
	if (o->kind == OBJECT_BLOCK && o->plain.n == o->len)
		keeping_leaves_make(&o->leaves, o->offset, o->plain.p, o->len);
}

/* The vault is told, so that it looks at what its disk has; people are told once in a while. */
void keeping_ask_bad(struct keeping_wanted *g, uint8_t kind, const struct object_ref *ref, const char *what)
{
	const struct keeping_config *c = &g->k->config;
	struct keeping_vault *v = g->v;
	struct msg_object_want want = { .kind = kind, .generation = ref->generation };
	struct msg_vault m = { .what = MSG_VAULT_BAD, .wants = &want, .nwants = 1 };
	char id[ID_TEXT_MAX];
	struct roster_member is;

	memcpy(want.name, ref->name, sizeof(want.name));
	v->bad++;
	agent_id_text(id, &v->agent);
	if (log_allow("keeping-bad", 20))
		log_about(LOG_WARN, &(struct log_about){ .group = roster_name(c->roster), .peer = id },
		          "group %s: the vault %s gave an object that %s: other sources are asked for it",
		          roster_name(c->roster),
		          roster_member_by_short(c->roster, v->peer, &is) && is.name[0] != '\0' ? is.name : id, what);
	(void)c->ops->vault(c->arg, v->peer, &m);
	c->ops->state(c->arg);
}

/* The plain bytes with the memory that they are in, unless that is much larger. */
static struct slab opening_content(struct keeping_opening *o)
{
	struct slab s = { o->plain.unpacked, o->plain.n, o->plain.unpacked };

	if (s.base != NULL) {
		o->plain.unpacked = NULL;
	} else if (o->plain.n < o->n / 2) {
		s = slab_dup(o->plain.p, o->plain.n);
	} else {
		s.base = o->sealed;
		s.p = o->sealed + (o->plain.p - o->sealed);
		o->sealed = NULL;
	}
	return s;
}

static void opening_end(struct keeping_opening *o)
{
	struct keeping_opened opened = { 0 };

	if (o->result != OBJECT_OK) {
		keeping_ask_bad(o->get, o->kind, &o->ref, object_result_text(o->result));
		ask_over(o->ask, NULL);
		return;
	}
	memcpy(opened.sha, o->plain.sha, sizeof(opened.sha));
	opened.content = opening_content(o);
	if (o->kind == OBJECT_PATCH) {
		opened.bases = o->bases;
		opened.base_keys = o->base_keys;
		opened.nbases = o->nbases;
	}
	if (o->leaves.n > 0)
		opened.leaves = &o->leaves;
	ask_over(o->ask, &opened);
	slab_free(&opened.content);
}

static void opening_free(struct keeping_opening *o)
{
	object_plain_free(&o->plain);
	keeping_leaves_free(&o->leaves);
	for (uint32_t i = 0; i < o->nbases; i++)
		keys_free(o->ref_keys[i]);
	keys_free(o->keys);
	free(o->sealed);
	free(o);
}

static void opening_done(void *arg)
{
	struct keeping_opening *o = arg;
	struct keeping_wanted *g = o->get;

	g->k->jobs--;
	g->opening -= o->n;
	/* Whoever hears of it may end what it was asked for: g stays for the rest of this. */
	if (o->ask != NULL && g->v != NULL && !g->k->stopping)
		opening_end(o);
	opening_free(o);
	g->jobs--;
	keeping_ask_free_if_over(g);
}

/* Whether it is a patch of the block that is asked for; then what is to be known of its bases. False: nobody here can
 * read that. */
static bool opening_may(struct keeping_opening *o, const struct msg_bytes *bytes)
{
	struct object_head head;

	if (!ask_takes_patch(o->ask) || object_parse(&head, bytes->p, bytes->n) != OBJECT_OK ||
	    head.kind != OBJECT_PATCH)
		return true;
	o->kind = OBJECT_PATCH;
	o->len = o->ask->want.len;
	for (uint32_t i = 0; i < head.nrefs; i++) {
		struct keys *keys;

		o->refs[i] = object_head_ref(&head, i);
		keys = keeping_keys_find(o->get->keys, o->refs[i].generation);
		if (keys == NULL)
			return false;
		o->ref_keys[o->nbases++] = keys_ref(keys);
	}
	return true;
}

static void opening_begin(struct keeping_wanted *g, struct keeping_ask *a, const struct msg_bytes *bytes)
{
	struct keeping_opening *o = MEM_NEW(struct keeping_opening);

	o->get = g;
	o->ask = a;
	o->kind = a->kind;
	o->ref = a->ref;
	if (!opening_may(o, bytes)) {
		opening_free(o);
		ask_over(a, NULL);
		return;
	}
	if (o->kind == OBJECT_BLOCK && ask_has_request(a) && g->k->config.ops->path != NULL) {
		o->offset = a->want.offset;
		o->len = a->want.len;
		keeping_leaves_begin(g->k, &o->leaves, &a->content, &a->want);
	}
	o->keys = keys_ref(a->keys);
	o->sealed = mem_dup(bytes->p, bytes->n);
	o->n = bytes->n;
	a->opening = o;
	g->jobs++;
	g->opening += o->n;
	keeping_job_submit(g->k, o->n > ASK_SMALL ? WORKERS_BULK : WORKERS_QUICK, opening_work, opening_done, o);
}

void keeping_ask_answered(struct keeping_wanted *g, const struct msg_object *m)
{
	const struct keeping_config *c = &g->k->config;
	struct keeping_ask *a;

	HASH_FIND(hh, g->asks, &m->request, sizeof(m->request), a);
	if (a == NULL && g->late > 0) {
		g->late--;
	} else if (a == NULL || a->opening != NULL) {
		c->ops->misbehaved(c->arg, g->v->peer, "sent an object that nobody has asked for");
	} else if (m->status != MSG_OBJECT_HERE && ask_takes_patch(a)) {
		a->whole = true;
		ask_say(g, MSG_VAULT_WANT, &a, 1);
	} else if (m->status != MSG_OBJECT_HERE) {
		ask_over(a, NULL);
	} else if (g->opening + m->bytes.n > ASK_OPENING) {
		ask_say(g, MSG_VAULT_WANT, &a, 1);
	} else {
		opening_begin(g, a, &m->bytes);
	}
}
