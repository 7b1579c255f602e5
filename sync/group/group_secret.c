/* See group_secret.h. */
#include "sync/group/group_secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/bytes.h"

enum { MAC_LEN = 32, TEXT_MAX = 32 + PUBLIC_KEY_LEN + GROUP_NAME_MAX };

static const char found_label[] = "lanyard group secret 1, found";
static const char join_label[] = "lanyard group secret 1, join";
static const char proof_prefix[] = "proof by the secret of the settings: ";

static void secret_mac(uint8_t mac[MAC_LEN], const char *secret, const struct bytes *text)
{
	uint8_t out[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (HMAC(EVP_sha256(), secret, (int)strlen(secret), text->p, text->len, out, &n) == NULL || n != MAC_LEN)
		abort();
	memcpy(mac, out, MAC_LEN);
}

static void found_mac(uint8_t mac[MAC_LEN], const char *secret, const uint8_t key[PUBLIC_KEY_LEN], const char *name)
{
	struct bytes text = BYTES_INIT(TEXT_MAX);

	bytes_append(&text, found_label, strlen(found_label));
	bytes_append(&text, key, PUBLIC_KEY_LEN);
	bytes_append(&text, name, strnlen(name, GROUP_NAME_MAX));
	secret_mac(mac, secret, &text);
	bytes_free(&text);
}

struct roster *group_secret_found(const char *secret, const struct identity *founder, const char *group_name,
                                  const char *member_name, int64_t now_s)
{
	uint8_t mac[MAC_LEN];

	found_mac(mac, secret, identity_public_key(founder), group_name);
	return roster_found_with(founder, group_name, member_name, now_s, mac);
}

bool group_secret_is_founder(const char *secret, const struct roster *r)
{
	const uint8_t *key, *nonce = roster_founding_nonce(r, &key);
	uint8_t mac[MAC_LEN];

	if (nonce == NULL)
		return false;
	found_mac(mac, secret, key, roster_name(r));
	return CRYPTO_memcmp(mac, nonce, ROSTER_NONCE_LEN) == 0;
}

void group_secret_prove(char proof[GROUP_SECRET_PROOF], const char *secret, const struct group_tag *tag,
                        const struct agent_id *asker)
{
	struct bytes text = BYTES_INIT(TEXT_MAX);
	uint8_t mac[MAC_LEN];
	char hex[2 * MAC_LEN + 1];

	bytes_append(&text, join_label, strlen(join_label));
	bytes_append(&text, tag->b, sizeof(tag->b));
	bytes_append(&text, asker->b, sizeof(asker->b));
	secret_mac(mac, secret, &text);
	bytes_free(&text);
	hex_encode(hex, mac, sizeof(mac));
	(void)snprintf(proof, GROUP_SECRET_PROOF, "%s%s", proof_prefix, hex);
}

bool group_secret_is_proof(const char *message, const char *secret, const struct group_tag *tag,
                           const struct agent_id *asker)
{
	char proof[GROUP_SECRET_PROOF];

	if (strncmp(message, proof_prefix, strlen(proof_prefix)) != 0)
		return false;
	group_secret_prove(proof, secret, tag, asker);
	return strlen(message) == strlen(proof) && CRYPTO_memcmp(message, proof, strlen(proof)) == 0;
}
