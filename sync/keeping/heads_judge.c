/* See heads.h: heads are compared with our own, and what that proves. */
#include <string.h>

#include "sync/keeping/heads_internal.h"

/* Of a vault, whose root is of cores: only who lacks rows of the other. */
static enum head_meeting heads_meet_vault(const struct heads *h, const struct heads_agent *a)
{
	bool we = heads_have_all(h, &h->own, a), it = head_covers(&a->head, &h->own);

	return we && it ? HEAD_UNTOLD : we ? HEAD_AHEAD : it ? HEAD_BEHIND : HEAD_APART;
}

/* An unsettled head of ours proves nothing against anybody. */
static enum head_meeting heads_meet(const struct heads *h, const struct heads_agent *a)
{
	enum head_meeting meeting = a->vault ? heads_meet_vault(h, a) : head_meet(&h->own, &a->head);

	return meeting == HEAD_DIFFERS && !h->own.settled ? HEAD_BUSY : meeting;
}

/* A vault that has all of the agent's rows, as it has signed, and has told us all of its own up to there: whatever is
 * not the same here, it has not shown. */
static struct heads_agent *heads_hider(const struct heads *h, const struct heads_agent *of)
{
	struct heads_agent *a, *next, *found = NULL;

	HASH_ITER(hh, h->agents, a, next) {
		if (a->vault && !a->expected && a != of && heads_have_all(h, &h->own, a) &&
		    head_covers(&a->head, &of->head) &&
		    (found == NULL || memcmp(a->id.b, found->id.b, sizeof(a->id.b)) < 0))
			found = a;
	}
	return found;
}

bool heads_judge(struct heads *h, size_t n)
{
	if (!h->has_own)
		return false;
	for (; h->to_judge != NULL && n > 0; h->to_judge = h->to_judge->hh.next) {
		struct heads_agent *a = h->to_judge;

		if (a->judged || a->expected)
			continue;
		n--;
		a->judged = true;
		a->meeting = heads_meet(h, a);
		heads_set_hider(a, a->meeting == HEAD_DIFFERS ? heads_hider(h, a) : NULL);
	}
	return h->to_judge != NULL;
}

const char *heads_blame_text(enum heads_blame blame)
{
	static const char *const texts[] = {
		[HEADS_BLAMELESS] = "is blameless",
		[HEADS_WITHHOLDS] = "has not shown all files that it says it has",
		[HEADS_BEGAN_AGAIN] = "has lost what it kept, or was put back, and began again",
		[HEADS_ROLLED_BACK] = "shows an older state than it signed",
		[HEADS_FORKED] = "has signed two states that cannot both be true",
	};

	return texts[blame];
}

static void heads_say(const struct heads_agent *a, struct heads_about *out)
{
	*out = (struct heads_about){ .id = &a->id,
		                     .head = &a->head,
		                     .vault = a->vault,
		                     .judged = a->judged,
		                     .meeting = a->meeting,
		                     .hider = a->hider != NULL ? &a->hider->id : NULL,
		                     .blame = a->blame,
		                     .blame_s = a->blame_s };
	if (a->blame == HEADS_BLAMELESS && a->hides > 0)
		out->blame = HEADS_WITHHOLDS;
}

/* There is nothing to say yet of a vault that a key file speaks of, unless it has shown less already. */
static bool is_only_expected(const struct heads_agent *a)
{
	return a->expected && a->blame == HEADS_BLAMELESS;
}

bool heads_about(const struct heads *h, const struct agent_id *id, struct heads_about *out)
{
	const struct heads_agent *a = heads_find(h, id);

	if (a == NULL || is_only_expected(a))
		return false;
	heads_say(a, out);
	return true;
}

void heads_each(const struct heads *h, bool (*fn)(void *arg, const struct heads_about *a), void *arg)
{
	const struct heads_agent *a, *next;
	struct heads_about about;

	HASH_ITER(hh, h->agents, a, next) {
		if (is_only_expected(a))
			continue;
		heads_say(a, &about);
		if (!fn(arg, &about))
			return;
	}
}

/* Whether some other agent's head is of this epoch: then one of the two speaks for the other. */
static bool heads_epoch_is_shared(const struct heads *h, const struct heads_agent *of)
{
	const struct heads_agent *a, *next;

	HASH_ITER(hh, h->agents, a, next) {
		if (a != of && a->head.epoch == of->head.epoch)
			return true;
	}
	return of->head.epoch == h->own.epoch;
}

bool heads_prove(const struct heads *h, const struct agent_id *id, struct heads_proof *out)
{
	const struct heads_agent *a = heads_find(h, id);

	if (a == NULL || !a->judged || a->meeting != HEAD_IN_SYNC || !h->own.settled || a->blame == HEADS_FORKED ||
	    h->own.epoch == h->lost_epoch || heads_epoch_is_shared(h, a))
		return false;
	*out = (struct heads_proof){ .our_epoch = h->own.epoch,
		                     .settled = h->own.seq,
		                     .epoch = a->head.epoch,
		                     .seq = a->head.seq };
	return true;
}
