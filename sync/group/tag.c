/* See tag.h. */
#include "sync/group/tag.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

void tag_hello(uint8_t tag[GROUP_TAG_LEN], const struct group_id *group, const struct agent_id *sender,
               const uint8_t binding[32])
{
	static const char label[] = "lanyard hello";
	uint8_t text[sizeof(label) - 1 + 32 + 32], mac[EVP_MAX_MD_SIZE];
	unsigned n = sizeof(mac);

	memcpy(text, label, sizeof(label) - 1);
	memcpy(text + sizeof(label) - 1, sender->b, 32);
	memcpy(text + sizeof(label) - 1 + 32, binding, 32);
	memset(mac, 0, sizeof(mac));
	HMAC(EVP_sha256(), group->b, sizeof(group->b), text, sizeof(text), mac, &n);
	memcpy(tag, mac, GROUP_TAG_LEN);
}
