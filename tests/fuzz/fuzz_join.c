/* Join requests. First byte odd: the rest is the request. Even: the rest are changes (offset, byte) to a valid one;
 * none of the results may be admitted. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/group/invite.h"

enum { NOW = 1800000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct identity *owner, *joiner;
static struct bytes good;
static const uint8_t binding[TLS_BINDING_LEN] = "the same in every run of this..";

static struct roster *fresh_roster(void)
{
	random_set_seed(7);
	return roster_found(owner, "group", false, false, "owner", NOW - 9);
}

static void setup(void)
{
	struct roster *r;
	struct invite invite;

	if (owner != NULL)
		return;
	random_set_seed(1);
	owner = identity_new();
	joiner = identity_new();
	r = fresh_roster();
	good = BYTES_INIT(JOIN_MAX);
	if (invite_make(&invite, r, owner, ROLE_MEMBER, INVITE_USES, NOW + 9) < 0 ||
	    invite_request(&invite, joiner, "joiner", binding, &good) < 0)
		abort();
	roster_free(r);
}

static void try(const uint8_t *request, size_t n)
{
	bool is_good = n == good.len && memcmp(request, good.p, n) == 0;
	struct roster *r = fresh_roster();
	struct bytes out = BYTES_INIT(ROSTER_ENTRY_MAX);
	enum admit answer = invite_admit(r, owner,
	                                 &(struct invite_bearer){ .peer = identity_id(joiner),
	                                                          .request = request,
	                                                          .n = n,
	                                                          .binding = binding },
	                                 NOW, &out);

	if ((answer == ADMIT_OK) != is_good || (out.len > 0) != is_good ||
	    (roster_role(r, identity_id(joiner)) != ROLE_NONE) != is_good)
		abort();
	bytes_free(&out);
	roster_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *request;
	size_t n;

	setup();
	if (size == 0 || size > 2 * JOIN_MAX)
		return 0;
	n = (data[0] & 1) != 0 ? size - 1 : good.len;
	request = malloc(n + 1);
	if (request == NULL)
		abort();
	memcpy(request, (data[0] & 1) != 0 ? data + 1 : good.p, n);
	for (size_t i = 1; (data[0] & 1) == 0 && i + 2 < size; i += 3)
		request[((size_t)data[i] << 8 | data[i + 1]) % n] = data[i + 2];
	try(request, n);
	free(request);
	return 0;
}
