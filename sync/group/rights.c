/* Roles: their rights and their names. See rights.h. */
#include "sync/group/rights.h"

#include <string.h>

static const struct {
	const char *name;
	bool rights[RIGHTS];
} roles[] = {
	[ROLE_NONE] = { "none", { false } },
	[ROLE_OWNER] = { "owner",
	                 { [RIGHT_TAKE_PART] = true,
	                   [RIGHT_READ] = true,
	                   [RIGHT_WRITE] = true,
	                   [RIGHT_KEYS] = true,
	                   [RIGHT_ADMIT] = true,
	                   [RIGHT_INVITE] = true,
	                   [RIGHT_OWN] = true } },
	[ROLE_MEMBER] = { "member",
	                  { [RIGHT_TAKE_PART] = true,
	                    [RIGHT_READ] = true,
	                    [RIGHT_WRITE] = true,
	                    [RIGHT_KEYS] = true,
	                    [RIGHT_ADMIT] = true } },
	[ROLE_READER] = { "reader", { [RIGHT_TAKE_PART] = true, [RIGHT_READ] = true, [RIGHT_KEYS] = true } },
	[ROLE_VAULT] = { "vault", { [RIGHT_TAKE_PART] = true, [RIGHT_STORE] = true } },
};

bool rights_has(enum role role, enum right right)
{
	return roles[role].rights[right];
}

const char *role_name(enum role role)
{
	return roles[role].name;
}

int role_parse(const char *name, enum role *role)
{
	for (int i = ROLE_OWNER; i <= ROLE_VAULT; i++) {
		if (strcmp(roles[i].name, name) == 0) {
			*role = (enum role)i;
			return 0;
		}
	}
	return -1;
}
