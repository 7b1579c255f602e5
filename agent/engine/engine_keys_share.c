/* Keys on their way: which ones this agent holds is said to each member that has shown its membership, and whoever
 * hears that gives what is lacking. A message that brings keys is not answered, so two that cannot take each other's
 * keys do not go on sending them. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_keys.h"
#include "agent/engine/engine_keys_internal.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/peer_seal.h"

_Static_assert((int)MSG_MAX_ENVELOPE >= (int)ENVELOPE_MAX, "an envelope does not fit its message");

/* --- giving --- */

/* Says what we hold, with an envelope or without. -1: it is not connected. */
static int keys_say(struct engine *e, uint64_t peer, const struct bytes *envelope)
{
	const struct msg_bytes one = { .p = envelope != NULL ? envelope->p : NULL,
		                       .n = envelope != NULL ? envelope->len : 0 };
	struct msg_keys m = { .envelopes = &one, .nenvelopes = envelope != NULL };
	uint64_t *held = ring_held(e->keys->ring, &m.nheld);
	int rc;

	m.held = held;
	rc = peer_group_keys(e->peers, peer, &m);
	free(held);
	return rc;
}

static void owe(struct engine_keys *k, uint64_t peer)
{
	for (size_t i = 0; i < k->nowed; i++) {
		if (k->owed[i] == peer)
			return;
	}
	if (k->nowed == k->owed_cap) {
		k->owed_cap = k->owed_cap > 0 ? 2 * k->owed_cap : 8;
		k->owed = mem_realloc(k->owed, k->owed_cap, sizeof(k->owed[0]));
	}
	k->owed[k->nowed++] = peer;
}

/* Gives the peer what it lacks. False: it may have keys, and has not said yet what they are to be encrypted to. */
static bool keys_give(struct engine *e, uint64_t peer, const uint64_t *held, size_t nheld)
{
	struct bytes out = BYTES_INIT(MSG_MAX_ENVELOPE);
	struct roster_member m;
	uint8_t box[BOX_KEY_LEN];

	if (!roster_member_by_short(e->roster, peer, &m) || !rights_has(m.role, RIGHT_KEYS))
		return true;
	if (roster_box(e->roster, &m.id, box) < 0)
		return false;
	if (ring_envelope(e->keys->ring, &m.id, held, nheld, &out) == 0)
		(void)keys_say(e, peer, &out);
	bytes_free(&out);
	return true;
}

/* --- taking --- */

/* True if there are more keys here now. */
static bool keys_take(struct engine *e, uint64_t peer, const struct msg_bytes *envelope)
{
	struct engine_keys *k = e->keys;
	char who[9];
	const char *why;
	size_t added;

	switch (ring_take(k->ring, envelope->p, envelope->n, &added, &why)) {
	case RING_TAKEN: /* except those whose entries are not here yet */
	case RING_EARLY:
		k->asks = true;
		return added > 0;
	case RING_UNSTORED:
		k->asks = true;
		if (k->work != NULL)
			loop_timer_start(k->work, STORE_AGAIN_MS, 0);
		break;
	case RING_REFUSED:
		short_id_text(who, peer);
		if (log_allow("keys", 5))
			engine_log(e, LOG_INFO, "group %s: keys that %s brought are left out: %s", engine_name(e), who,
			           why);
		break;
	}
	return false;
}

/* --- what connections report --- */

void engine_keys_proved(struct engine *e, uint64_t peer)
{
	struct roster_member m;

	if (e->keys == NULL)
		return;
	(void)keys_say(e, peer, NULL); /* to a vault, this asks for our mail */
	if (roster_member_by_short(e->roster, peer, &m) && rights_has(m.role, RIGHT_STORE))
		engine_keys_mail_begin(e, peer);
}

void engine_keys_in(struct engine *e, uint64_t peer, const struct msg_keys *m)
{
	bool taken = false;

	if (e->keys == NULL)
		return;
	for (size_t i = 0; i < m->nenvelopes; i++)
		taken |= keys_take(e, peer, &m->envelopes[i]);
	if (taken) {
		engine_log(e, LOG_DEBUG, "group %s: keys have come", engine_name(e));
		engine_keys_told(e);
	}
	if (m->nenvelopes == 0 && !keys_give(e, peer, m->held, m->nheld))
		owe(e->keys, peer);
}

/* --- again --- */

static bool ask_member(void *arg, const struct roster_member *m)
{
	struct engine *e = arg;

	(void)keys_say(e, agent_id_short(&m->id), NULL);
	return true;
}

/* One that is not connected any more says what it holds when it comes back. What the others have by now is not known
 * here, so they are given all. */
void engine_keys_share_again(struct engine *e)
{
	struct engine_keys *k = e->keys;
	size_t left = 0;

	for (size_t i = 0; i < k->nowed; i++) {
		if (!keys_give(e, k->owed[i], NULL, 0))
			k->owed[left++] = k->owed[i];
	}
	k->nowed = left;
	if (k->asks) {
		k->asks = false;
		roster_members(e->roster, ask_member, e);
	}
}
