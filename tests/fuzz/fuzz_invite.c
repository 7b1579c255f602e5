/* Tokens. First byte odd: the rest is the text. Even: the rest is the content of a token, wrapped with a valid
 * checksum, which a fuzzer would not guess. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/sha256.h"
#include "sync/group/invite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const char *text)
{
	struct invite invite, again;
	enum invite_parse result = invite_parse(&invite, text);
	char *token, *other;

	if (result != INVITE_OK && result != INVITE_BAD_SIGNATURE)
		return;
	/* What was understood is a valid invite, and says the same again. */
	if (!roster_name_valid(invite.group_name) || invite.naddresses > INVITE_MAX_ADDRESSES ||
	    invite.role < ROLE_MEMBER)
		abort();
	token = invite_token(&invite);
	if (strlen(token) > INVITE_TOKEN_MAX || invite_parse(&again, token) != result)
		abort();
	other = invite_token(&again);
	if (strcmp(token, other) != 0)
		abort();
	free(other);
	free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char prefix[] = "lanyard1-";
	struct bytes b = BYTES_INIT(1 << 16);
	uint8_t hash[SHA256_SIZE];
	char *text;

	if (size == 0 || size > 4096)
		return 0;
	bytes_append(&b, data + 1, size - 1);
	text = calloc(2 * size + 64, 1);
	if (text == NULL)
		abort();
	if ((data[0] & 1) != 0) {
		if (b.len > 0)
			memcpy(text, b.p, b.len);
	} else {
		sha256(hash, b.p, b.len);
		bytes_append(&b, hash, 4);
		memcpy(text, prefix, sizeof(prefix) - 1);
		base64url_encode(text + sizeof(prefix) - 1, b.p, b.len);
	}
	parse(text);
	free(text);
	bytes_free(&b);
	return 0;
}
