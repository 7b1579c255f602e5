/* The roster on its way to others: all of it, to a peer whose digest differs from ours; entries that came to count
 * here, to everybody except the peer that brought them; and to a former member those that show it that it is none. */
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"

bool roster_out_collect(void *arg, const uint8_t *entry, size_t n)
{
	struct roster_out_list *l = arg;

	if (l->n == l->max) {
		l->max = l->max ? 2 * l->max : 16;
		l->e = mem_realloc(l->e, l->max, sizeof(*l->e));
	}
	l->e[l->n++] = (struct msg_bytes){ .p = entry, .n = n };
	return true;
}

/* In messages that are well below the bound of a control frame. */
static void send_entries(struct talk *t, const struct roster_out_list *list)
{
	for (size_t i = 0; i < list->n;) {
		struct msg_roster m = { .channel = (uint32_t)t->my_channel, .entries = list->e + i };
		size_t size = 0;

		while (i < list->n && size < FRAME_MAX_CONTROL / 4)
			size += list->e[i++].n + 8;
		m.nentries = (size_t)(list->e + i - m.entries);
		uint8_t *body = msg_roster_encode(&m, &size);

		session_send(t->session, FRAME_ROSTER, body, size);
	}
}

void roster_out_all(struct talk *t)
{
	struct roster_out_list list = { 0 };

	/* However often it is due: once, when there is room. */
	t->roster_due = !session_has_room(t->session);
	if (t->roster_due)
		return;
	roster_entries(t->group->config.roster, roster_out_collect, &list);
	send_entries(t, &list);
	free(list.e);
}

void roster_out_dismissal(struct talk *t, void (*open)(struct talk *t))
{
	struct roster_out_list list = { 0 };

	roster_dismissal(t->group->config.roster, &t->session->id, roster_out_collect, &list);
	if (list.n > 0 && !t->open_sent)
		open(t);
	send_entries(t, &list);
	free(list.e);
}

/* Entries that came to count, each with who brought it. */
struct roster_out_fresh {
	struct msg_bytes *e;
	uint64_t *bringers;
	size_t n, max;
};

static void collect_news(void *arg, uint64_t bringer, const uint8_t *entry, size_t n)
{
	struct roster_out_fresh *l = arg;

	if (l->n == l->max) {
		l->max = l->max ? 2 * l->max : 16;
		l->e = mem_realloc(l->e, l->max, sizeof(*l->e));
		l->bringers = mem_realloc(l->bringers, l->max, sizeof(*l->bringers));
	}
	l->bringers[l->n] = bringer;
	l->e[l->n++] = (struct msg_bytes){ .p = entry, .n = n };
}

/* All entries that this peer did not bring itself. */
static void send_news(struct talk *t, const struct roster_out_fresh *news)
{
	struct roster_out_list list = { 0 };

	for (size_t i = 0; i < news->n; i++)
		if (news->bringers[i] != t->session->peer)
			roster_out_collect(&list, news->e[i].p, news->e[i].n);
	send_entries(t, &list);
	free(list.e);
}

/* It has shown that it is a member, and these very entries do not end that. */
static bool may_hear(const struct talk *t)
{
	return rights_has(t->role, RIGHT_TAKE_PART) &&
	       roster_may(t->group->config.roster, &t->session->id, RIGHT_TAKE_PART);
}

void roster_out_news(struct peer_group *g)
{
	struct roster_out_fresh news = { 0 };
	struct talk *t;

	if (g->config.invite)
		return;
	roster_news(g->config.roster, collect_news, &news);
	DL_FOREACH2(g->talks, t, group_next)
		if (news.n && t->open_sent && may_hear(t))
			send_news(t, &news);
	free(news.e);
	free(news.bringers);
}
