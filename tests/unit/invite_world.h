/* An owner, a member, and a joiner with an invite and a request. cmocka.h comes first. */
#ifndef LANYARD_TESTS_UNIT_INVITE_WORLD_H
#define LANYARD_TESTS_UNIT_INVITE_WORLD_H

#include "base/mem.h"
#include "sync/group/invite.h"

enum { NOW = 1800000000, LATER = NOW + 3600, BINDING = 32 };

static const uint8_t binding[BINDING] = "one connection's own 32 bytes..";

struct fixture {
	struct identity *owner, *member, *joiner;
	struct roster *r;     /* the owner's */
	struct invite invite; /* by the owner, as member, until LATER */
	struct bytes request; /* of joiner, for binding */
	struct bytes entry;
};

static inline int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);

	f->owner = identity_new();
	f->member = identity_new();
	f->joiner = identity_new();
	f->r = roster_found(f->owner, "pictures", false, false, "host-a", NOW - 100);
	f->request = BYTES_INIT(JOIN_MAX);
	f->entry = BYTES_INIT(ROSTER_ENTRY_MAX);
	assert_non_null(f->r);
	assert_int_equal(invite_make(&f->invite, f->r, f->owner, ROLE_MEMBER, INVITE_USES, LATER), 0);
	assert_int_equal(roster_grant(f->r, f->owner, identity_id(f->member), ROLE_MEMBER, "host-b", NOW - 50), 0);
	assert_int_equal(invite_request(&f->invite, f->joiner, "host-c", binding, &f->request), 0);
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	identity_free(f->owner);
	identity_free(f->member);
	identity_free(f->joiner);
	roster_free(f->r);
	bytes_free(&f->request);
	bytes_free(&f->entry);
	free(f);
	return 0;
}

/* The admitter's answer to this joiner's request. */
static inline enum admit shown(struct bytes *entry, struct roster *r, const struct identity *admitter,
                               const struct identity *joiner, const uint8_t *request, size_t n, const uint8_t *shown_on,
                               int64_t now_s)
{
	return invite_admit(r, admitter,
	                    &(struct invite_bearer){ .peer = identity_id(joiner),
	                                             .request = request,
	                                             .n = n,
	                                             .binding = shown_on },
	                    now_s, entry);
}

static inline enum admit admit_as(struct fixture *f, const struct identity *admitter, int64_t now_s)
{
	return shown(&f->entry, f->r, admitter, f->joiner, f->request.p, f->request.len, binding, now_s);
}

#endif
