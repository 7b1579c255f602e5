/* Mail: envelopes with keys that a vault keeps for members that are away. It can read none of them; it checks who
 * signed each for whom, and keeps one of each sender for each recipient. A member that has asked, and may lack keys
 * yet, is given what comes afterwards as well. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/group/generation.h"
#include "sync/seal/envelope.h"
#include "sync/vault/vault_internal.h"

enum { MAIL_AT_ONCE = 64, MAIL_JOBS = 8 };

struct mail_job {
	struct vault *v;
	struct group_id group;
	uint8_t *bytes; /* owned; the envelopes one after the other */
	size_t n[MAIL_AT_ONCE];
	size_t count;
	struct agent_id to[MAIL_AT_ONCE], from[MAIL_AT_ONCE];
	bool good[MAIL_AT_ONCE];
};

static void mail_work(void *arg)
{
	struct mail_job *j = arg;
	const uint8_t *p = j->bytes;
	struct envelope e;

	for (size_t i = 0; i < j->count; p += j->n[i++]) {
		j->good[i] = envelope_parse(&e, &j->group, p, j->n[i]) == ENVELOPE_OK;
		if (!j->good[i])
			continue;
		j->to[i] = e.recipient;
		identity_id_of_key(&j->from[i], e.sender);
	}
}

/* --- who waits for mail --- */

/* Whether one that holds these has all that it needs. */
static bool mail_suffices(const struct vault *v, const struct msg_keys *m)
{
	const struct generation_judgement *j = roster_generations(v->config.roster);
	const struct generation *current = j != NULL ? generation_current(j) : NULL;

	for (size_t i = 0; i < m->nheld && current != NULL; i++)
		if (m->held[i] == generation_id(current))
			return true;
	return false;
}

static size_t mail_asker(const struct vault *v, uint64_t peer)
{
	size_t at = 0;

	while (at < v->naskers && v->askers[at] != peer)
		at++;
	return at;
}

static void mail_forget_asker(struct vault *v, uint64_t peer)
{
	size_t at = mail_asker(v, peer);

	if (at < v->naskers)
		v->askers[at] = v->askers[--v->naskers];
}

/* Members alone can ask, each by one name: no more than the roster has had. */
static void mail_note_asker(struct vault *v, uint64_t peer, const struct msg_keys *m)
{
	mail_forget_asker(v, peer);
	if (mail_suffices(v, m))
		return;
	v->askers = mem_realloc(v->askers, v->naskers + 1, sizeof(v->askers[0]));
	v->askers[v->naskers++] = peer;
}

static void mail_pass_on(struct vault *v, const struct agent_id *to, const uint8_t *p, size_t n)
{
	uint64_t peer = agent_id_short(to);
	const struct msg_bytes envelope = { .p = p, .n = n };

	/* What finds no room is given when it asks the next time. */
	if (mail_asker(v, peer) == v->naskers || v->config.ops->room(v->config.arg, peer, false) < n)
		return;
	if (v->config.ops->keys(v->config.arg, peer, &(struct msg_keys){ .envelopes = &envelope, .nenvelopes = 1 }) < 0)
		mail_forget_asker(v, peer);
}

void vault_mail_free(struct vault *v)
{
	free(v->askers);
}

/* --- taken --- */

static void mail_done(void *arg)
{
	struct mail_job *j = arg;
	struct vault *v = j->v;
	const struct roster *r = v->config.roster;
	const uint8_t *p = j->bytes;

	v->jobs--;
	v->mailing--;
	for (size_t i = 0; i < j->count && !v->stopping; p += j->n[i++]) {
		if (!j->good[i] || !roster_may(r, &j->to[i], RIGHT_KEYS) || !roster_may(r, &j->from[i], RIGHT_KEYS))
			continue;
		(void)index_vault_mail_put(v->config.index, j->to[i].b, j->from[i].b, clock_wall_s(), p, j->n[i]);
		mail_pass_on(v, &j->to[i], p, j->n[i]);
	}
	free(j->bytes);
	free(j);
}

/* What is too much at a time is left out: members send theirs again at each meeting. */
static void mail_take(struct vault *v, const struct msg_keys *m)
{
	struct mail_job *j = MEM_NEW(struct mail_job);
	size_t at = 0;

	j->v = v;
	j->group = *roster_group(v->config.roster);
	for (size_t i = 0; i < m->nenvelopes && j->count < MAIL_AT_ONCE; i++) {
		if (m->envelopes[i].n > 0 && m->envelopes[i].n <= ENVELOPE_MAX)
			at += j->n[j->count++] = m->envelopes[i].n;
	}
	j->bytes = mem_calloc(at + 1, 1);
	at = 0;
	j->count = 0;
	for (size_t i = 0; i < m->nenvelopes && j->count < MAIL_AT_ONCE; i++) {
		if (m->envelopes[i].n == 0 || m->envelopes[i].n > ENVELOPE_MAX)
			continue;
		memcpy(j->bytes + at, m->envelopes[i].p, m->envelopes[i].n);
		at += j->n[j->count++];
	}
	v->mailing++;
	vault_job_submit(v, mail_work, mail_done, j);
}

struct mail_batch {
	struct msg_bytes envelopes[MAIL_AT_ONCE];
	uint8_t *copies[MAIL_AT_ONCE]; /* their bytes; owned */
	size_t n;
};

static bool mail_collect(void *arg, const uint8_t to[32], const uint8_t from[32], const uint8_t *p, size_t n)
{
	struct mail_batch *bag = arg;

	(void)to;
	(void)from;
	bag->copies[bag->n] = mem_dup(p, n);
	bag->envelopes[bag->n] = (struct msg_bytes){ .p = bag->copies[bag->n], .n = n };
	bag->n++;
	return bag->n < MAIL_AT_ONCE;
}

static void mail_give(struct vault *v, uint64_t peer, const struct agent_id *to)
{
	struct mail_batch bag = { .n = 0 };
	struct msg_keys m = { .envelopes = bag.envelopes };

	(void)index_vault_mail(v->config.index, to->b, mail_collect, &bag);
	m.nenvelopes = bag.n;
	if (bag.n > 0)
		(void)v->config.ops->keys(v->config.arg, peer, &m);
	for (size_t i = 0; i < bag.n; i++)
		free(bag.copies[i]);
}

/* A member without keys says no hello, so this does not ask who is up. */
void vault_mail_in(struct vault *v, uint64_t peer, const struct msg_keys *m)
{
	struct roster_member from;

	if (!roster_member_by_short(v->config.roster, peer, &from) || !rights_has(from.role, RIGHT_KEYS))
		return;
	if (m->nenvelopes == 0) {
		mail_give(v, peer, &from.id);
		mail_note_asker(v, peer, m);
	} else if (v->mailing < MAIL_JOBS) {
		mail_take(v, m);
	}
}

struct mail_leavers {
	struct vault *v;
	struct agent_id gone;
	bool found;
};

static bool mail_of_leaver(void *arg, const uint8_t to[32], const uint8_t from[32], const uint8_t *p, size_t n)
{
	struct mail_leavers *l = arg;
	struct agent_id ids[2];

	(void)p;
	(void)n;
	memcpy(ids[0].b, to, 32);
	memcpy(ids[1].b, from, 32);
	for (int i = 0; i < 2 && !l->found; i++) {
		l->found = !roster_may(l->v->config.roster, &ids[i], RIGHT_KEYS);
		l->gone = ids[i];
	}
	return !l->found;
}

void vault_mail_roster_changed(struct vault *v)
{
	struct mail_leavers l = { .v = v };

	do {
		l.found = false;
		if (index_vault_mail(v->config.index, NULL, mail_of_leaver, &l) < 0)
			return;
	} while (l.found && index_vault_mail_forget(v->config.index, l.gone.b) == 0);
}
