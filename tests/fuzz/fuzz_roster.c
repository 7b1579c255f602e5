/* Roster entries. First byte odd: the rest is one entry. Even: every six bytes are an instruction to sign one, any agent
 * saying anything; the entries must be judged the same whatever order they come in. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sha256.h"
#include "sync/group/roster_internal.h"

enum { NOW = 1800000000, NAGENTS = 4, MAX_ENTRIES = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct identity *agents[NAGENTS];
static struct bytes founding;
static struct group_id group;

static void setup(void)
{
	if (agents[0] != NULL)
		return;
	random_set_seed(1);
	for (int i = 0; i < NAGENTS; i++)
		agents[i] = identity_new();
	founding = BYTES_INIT(ROSTER_ENTRY_MAX);
	if (roster_entry_found(&founding, agents[0], "group", 0, "host", NOW - 9) < 0)
		abort();
	sha256(group.b, founding.p, founding.len);
}

static void one_entry(const uint8_t *data, size_t size)
{
	struct roster *r = roster_new(&group);
	struct roster_entry e;
	bool good = roster_entry_parse(&e, data, size) == 0;
	enum roster_add answer;

	roster_add(r, founding.p, founding.len);
	answer = roster_add(r, data, size);
	if (answer != ROSTER_BAD && (!good || !roster_entry_signed(data, size)))
		abort();
	/* Nobody but the founder could have signed what counts. */
	if (answer == ROSTER_ADDED && !agent_id_equal(&e.signer, identity_id(agents[0])) && e.kind != ENTRY_JOIN)
		abort();
	roster_free(r);
}

static void sign_join(struct bytes *out, const struct identity *issuer, const struct identity *admitter,
                      const struct agent_id *joiner, enum role role, const uint8_t *named, size_t nnamed,
                      int64_t time_s)
{
	struct invite invite = { .group = group, .role = role, .expires_s = NOW + 100 };
	struct identity *bearer = identity_new();
	struct bytes statement = BYTES_INIT(ROSTER_ENTRY_MAX), request = BYTES_INIT(JOIN_MAX);
	uint8_t binding[TLS_BINDING_LEN] = { 0 };

	identity_seed(bearer, invite.seed);
	memcpy(invite.issuer_key, identity_public_key(issuer), PUBLIC_KEY_LEN);
	roster_entry_invite_statement(&statement, &group, role, invite.expires_s, identity_public_key(bearer),
	                              invite.issuer_key);
	identity_sign(issuer, statement.p, statement.len, invite.signature);
	roster_entry_request(&request, &invite, joiner, "host", binding);
	roster_entry_join(out, admitter, request.p, request.len, named, nnamed, time_s);
	bytes_free(&statement);
	bytes_free(&request);
	identity_free(bearer);
}

/* i: kind and role; signer; target; admitter; which entry to name, if any; time. */
static void sign(struct bytes *out, const uint8_t i[6], const struct bytes *entries, size_t n)
{
	const struct identity *signer = agents[i[1] % NAGENTS];
	const struct agent_id *target = identity_id(agents[i[2] % NAGENTS]);
	enum role role = (enum role)(1 + i[0] / 4 % 4);
	uint8_t named[HASH_LEN];
	size_t nnamed = i[4] % (n + 1) < n;

	if (nnamed != 0)
		sha256(named, entries[i[4] % (n + 1)].p, entries[i[4] % (n + 1)].len);
	if (i[0] % 4 == 0)
		roster_entry_remove(out, signer, &group, target, NOW + i[5] % 8);
	else if (i[0] % 4 == 1)
		sign_join(out, signer, agents[i[3] % NAGENTS], target, role, named, nnamed, NOW + i[5] % 8);
	else
		roster_entry_add(out, signer, &group, target, role, "host", named, nnamed, NOW + i[5] % 8);
}

struct verdict {
	uint8_t digest[32];
	enum role roles[NAGENTS];
};

static void verdict_of(struct verdict *v, const struct roster *r)
{
	memset(v, 0, sizeof(*v));
	roster_digest(r, v->digest);
	for (int i = 0; i < NAGENTS; i++)
		v->roles[i] = roster_role(r, identity_id(agents[i]));
}

/* Adds all entries, from the one at `from` in steps of `step`, and judges step by step, then all at once. */
static void judge(struct verdict *v, const struct bytes *entries, size_t n, size_t from, size_t step)
{
	struct roster *r = roster_new(&group);
	struct verdict whole;

	for (size_t i = 0; i < n; i++) {
		const struct bytes *entry = &entries[(from + i * step) % n];

		roster_add(r, entry->p, entry->len);
	}
	verdict_of(v, r);
	roster_judge(r);
	verdict_of(&whole, r);
	if (memcmp(v, &whole, sizeof(whole)) != 0)
		abort();
	roster_free(r);
}

static void any_order(const uint8_t *data, size_t size)
{
	struct bytes entries[MAX_ENTRIES];
	struct verdict first, other;
	size_t n = 1;

	random_set_seed(2);
	entries[0] = founding;
	for (; size >= 6 && n < MAX_ENTRIES; size -= 6, data += 6) {
		entries[n] = BYTES_INIT(ROSTER_ENTRY_MAX);
		sign(&entries[n], data, entries, n);
		n++;
	}
	judge(&first, entries, n, 0, 1);
	for (size_t from = 0; from < n; from += 1 + n / 2) {
		judge(&other, entries, n, from, n - 1); /* backwards */
		if (memcmp(&first, &other, sizeof(first)) != 0)
			abort();
	}
	while (n > 1)
		bytes_free(&entries[--n]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	setup();
	if (size == 0)
		return 0;
	if ((data[0] & 1) != 0)
		one_entry(data + 1, size - 1);
	else
		any_order(data + 1, size - 1);
	return 0;
}
