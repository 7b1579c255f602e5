/* Which group a channel stands for, on either side. Where both sides offer the same group, a talk about it begins. */
#include <string.h>
#include <utlist.h>

#include "sync/group/tag.h"
#include "sync/peer/peers_internal.h"

static int channel_of(const struct session *s, const struct peer_group *g)
{
	for (uint32_t i = s->nchannels; i-- > 0;)
		if (s->channels[i] == g)
			return (int)i;
	return -1;
}

/* The group that this tag of the peer stands for; NULL: none of ours. */
static struct peer_group *recognise(struct session *s, const uint8_t tag[MSG_TAG_LEN])
{
	uint8_t expected[GROUP_TAG_LEN];
	struct peer_group *g;

	DL_FOREACH(s->peers->groups, g) {
		if (g->paused)
			continue;
		tag_hello(expected, roster_group(g->config.roster), &s->id, s->link->binding);
		if (memcmp(expected, tag, sizeof(expected)) == 0)
			return g;
	}
	return NULL;
}

void session_offer(struct session *s, struct peer_group *g)
{
	int mine;

	session_hello_send(s, &g, 1);
	mine = channel_of(s, g);
	/* The peer may have offered it long ago; its latest tag counts. */
	for (uint32_t i = s->their_channels; mine >= 0 && i-- > 0;) {
		if (recognise(s, s->their_tags[i]) == g) {
			talk_begin(talk_new(s, g, mine, (int)i));
			return;
		}
	}
}

bool session_offered(struct session *s, const uint8_t tag[MSG_TAG_LEN])
{
	struct peer_group *g = recognise(s, tag);
	int mine = g ? channel_of(s, g) : -1;

	memcpy(s->their_tags[s->their_channels++], tag, MSG_TAG_LEN);
	if (mine < 0)
		return false;
	talk_begin(talk_new(s, g, mine, (int)s->their_channels - 1));
	return true;
}
