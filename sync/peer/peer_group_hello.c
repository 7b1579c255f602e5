/* Index hellos of a group: ours waits until it is known whether the share has files, since a member with files of its
 * own wants no bytes inside news. A peer's hello that comes before is kept until then. */
#include <string.h>
#include <utlist.h>

#include "sync/peer/peers_internal.h"

/* What the peer knows of our rows may mean that the talk, or all talks about the group, must open again. */
static void hello_take(struct talk *t, const struct msg_index_hello *m)
{
	struct session *s = t->session;
	struct peer_group *g = t->group;

	switch (news_in_hello(t, m)) {
	case NEWS_IN_GOES_ON:
		break;
	case NEWS_IN_COMPARES:
		ranges_begin(t);
		break;
	case NEWS_IN_TALK_AGAIN:
		talk_close(t, "reopening to receive all rows again");
		session_offer(s, g);
		break;
	case NEWS_IN_GROUP_AGAIN:
		peer_group_reopen(g, "reopening with a new epoch");
		break;
	}
}

void peer_group_hello_in(struct talk *t, const struct msg_index_hello *m)
{
	if (t->group->scanned) {
		hello_take(t, m);
		return;
	}
	t->early = *m;
	t->early_in = true;
	if (m->signature.n > 0) {
		memcpy(t->early_signature, m->signature.p, sizeof(t->early_signature));
		t->early.signature.p = t->early_signature;
	}
}

static struct talk *early_talk(const struct peer_group *g)
{
	struct talk *t;

	DL_FOREACH2(g->talks, t, group_next)
		if (t->early_in)
			return t;
	return NULL;
}

void peer_group_scanned(struct peer_group *g)
{
	struct talk *t;

	if (g->scanned || g->config.keyless)
		return;
	g->scanned = true;
	DL_FOREACH2(g->talks, t, group_next)
		membership_maybe_hello(t);
	/* Each may end talks. */
	while ((t = early_talk(g)) != NULL) {
		struct msg_index_hello m = t->early;
		uint8_t signature[MSG_SIGNATURE_LEN];

		t->early_in = false;
		memcpy(signature, t->early_signature, sizeof(signature));
		if (m.signature.n > 0)
			m.signature.p = signature;
		hello_take(t, &m);
	}
}

void peer_group_hashed(struct peer_group *g)
{
	struct talk *t;

	g->hashed = true;
	DL_FOREACH2(g->talks, t, group_next)
		if (t->range && t->range->state == RANGE_HASHING)
			ranges_go_on(t->range);
}
