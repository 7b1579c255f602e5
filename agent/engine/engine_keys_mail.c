/* Mail: at each meeting with a vault, and so after each new generation, and when somebody's box key is new, this agent
 * leaves there what every holder of keys would need to go on from nothing: an envelope for each, also for itself, whose
 * disk may be lost. The vault can read none of them. Each costs a signature and takes place on the loop, so a few are
 * made at a time; a vault takes one message at a time. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_keys.h"
#include "agent/engine/engine_keys_internal.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "sync/peer/peer_seal.h"

enum { MAIL_AT_ONCE = 16, MAIL_MS = 250 };

struct mail_slice {
	struct engine *e;
	struct agent_id last;
	struct bytes envelopes[MAIL_AT_ONCE];
	size_t n;
	bool more;
};

static bool mail_add(void *arg, const struct roster_member *m)
{
	struct mail_slice *s = arg;
	struct bytes *envelope = &s->envelopes[s->n];

	if (memcmp(m->id.b, s->last.b, sizeof(m->id.b)) <= 0)
		return true;
	s->more = s->n == MAIL_AT_ONCE;
	if (s->more)
		return false;
	s->last = m->id;
	*envelope = (struct bytes)BYTES_INIT(MSG_MAX_ENVELOPE);
	if (ring_envelope(s->e->keys->ring, &m->id, NULL, 0, envelope) == 0)
		s->n++;
	else
		bytes_free(envelope);
	return true;
}

/* False: that was all, or the vault has gone. */
static bool mail_leave(struct engine *e, struct keys_mail *mail)
{
	struct mail_slice s = { .e = e, .last = mail->after };
	struct msg_bytes envelopes[MAIL_AT_ONCE];
	int rc = 0;

	roster_members(e->roster, mail_add, &s);
	for (size_t i = 0; i < s.n; i++)
		envelopes[i] = (struct msg_bytes){ .p = s.envelopes[i].p, .n = s.envelopes[i].len };
	if (s.n > 0)
		rc = peer_group_keys(e->peers, mail->vault,
		                     &(struct msg_keys){ .envelopes = envelopes, .nenvelopes = s.n });
	for (size_t i = 0; i < s.n; i++)
		bytes_free(&s.envelopes[i]);
	mail->after = s.last;
	e->keys->mailed += rc == 0 ? (int64_t)s.n : 0;
	return rc == 0 && s.more;
}

/* One vault after the other. Of keys that do not seal any more nothing is left: the vault is met again when there are
 * new ones. */
static void mail_due(void *arg)
{
	struct engine *e = arg;
	struct engine_keys *k = e->keys;

	if (k->nmails == 0)
		return;
	if (ring_current(k->ring) == NULL || !mail_leave(e, &k->mails[k->nmails - 1]))
		k->nmails--;
	if (k->nmails > 0)
		loop_timer_start(k->mail, MAIL_MS, 0);
}

static struct keys_mail *mail_of(struct engine_keys *k, uint64_t vault)
{
	for (size_t i = 0; i < k->nmails; i++) {
		if (k->mails[i].vault == vault)
			return &k->mails[i];
	}
	if (k->nmails == k->mails_cap) {
		k->mails_cap = k->mails_cap > 0 ? 2 * k->mails_cap : 4;
		k->mails = mem_realloc(k->mails, k->mails_cap, sizeof(k->mails[0]));
	}
	k->mails[k->nmails] = (struct keys_mail){ .vault = vault };
	return &k->mails[k->nmails++];
}

void engine_keys_mail_begin(struct engine *e, uint64_t vault)
{
	struct engine_keys *k = e->keys;

	if (k->mail == NULL)
		return;
	*mail_of(k, vault) = (struct keys_mail){ .vault = vault };
	if (!loop_timer_running(k->mail))
		loop_timer_start(k->mail, 0, 0);
}

struct mail_boxes {
	struct engine *e;
	uint64_t sum;
};

static bool mail_add_box(void *arg, const struct roster_member *m)
{
	struct mail_boxes *b = arg;
	uint8_t box[BOX_KEY_LEN];

	if (rights_has(m->role, RIGHT_KEYS) && roster_box(b->e->roster, &m->id, box) == 0)
		b->sum += get_u64(box) ^ agent_id_short(&m->id);
	return true;
}

static bool mail_to_vault(void *arg, const struct roster_member *m)
{
	struct engine *e = arg;
	uint64_t vault = agent_id_short(&m->id);

	if (rights_has(m->role, RIGHT_STORE) && peer_group_is_vault(e->peers, vault))
		engine_keys_mail_begin(e, vault);
	return true;
}

/* Members that meet at a vault only hear of one another's box keys by it, while they are connected with it. */
void engine_keys_mail_again(struct engine *e)
{
	struct mail_boxes b = { .e = e };

	if (e->peers == NULL)
		return;
	roster_members(e->roster, mail_add_box, &b);
	if (b.sum == e->keys->boxes)
		return;
	e->keys->boxes = b.sum;
	roster_members(e->roster, mail_to_vault, e);
}

void engine_keys_mail_start(struct engine *e)
{
	e->keys->mail = loop_timer_new(e->context->loop, mail_due, e);
}

void engine_keys_mail_stop(struct engine *e)
{
	struct engine_keys *k = e->keys;

	loop_timer_free(k->mail);
	k->mail = NULL;
	free(k->mails);
	k->mails = NULL;
	k->nmails = k->mails_cap = 0;
}
