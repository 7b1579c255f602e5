/* What a browser's request says of itself: its path, its host, the page it comes from; where a door is; what is kept of
 * its password and tokens. Any text:
 * nothing is read beyond its end, and no name gets past that could be led here by somebody else. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/api/control_url.h"
#include "agent/api/web_check.h"
#include "agent/api/web_password.h"
#include "agent/api/web_tokens.h"
#include "agent/config/door_address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nobody's name server is asked for what ends in a digit or a bracket. */
static bool is_led_elsewhere(const char *host)
{
	size_t len = strcspn(host, ":");

	return host[0] != '[' && strncasecmp(host, "localhost", 9) != 0 &&
	       (len == 0 || host[len - 1] < '0' || host[len - 1] > '9');
}

/* What is kept of a password and of tokens: what is taken is written the same. */
static void read_again(const char *text)
{
	struct web_tokens tokens, tokens_again;
	struct web_password password;
	char *written;

	if (web_password_parse(&password, text) == 0) {
		written = web_password_line(&password);
		if (strcmp(written, text) != 0)
			abort();
		free(written);
	}
	if (web_tokens_parse(&tokens, text) < 0)
		return;
	written = web_tokens_write(&tokens);
	if (web_tokens_parse(&tokens_again, written) < 0 || tokens_again.n != tokens.n)
		abort();
	free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Exactly this size, so that a sanitizer sees any step beyond it. */
	char *text = malloc(size + 1);
	const struct web_place places[] = { { .port = 4171 }, { .port = 443, .tls = true }, { .port = 0 } };
	struct door_address address;
	size_t before, after;

	if (text == NULL)
		abort();
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (web_host_ok(&places[i], text) && is_led_elsewhere(text))
			abort();
		if (web_origin_ok(&places[i], "127.0.0.1:4171", text, true) &&
		    strstr(text, "://127.0.0.1:4171") == NULL)
			abort();
	}
	(void)door_address_parse(text, &address);
	read_again(text);
	before = strlen(text);
	after = control_url_decode(text);
	if (after > before || strlen(text) != after)
		abort();
	free(text);
	return 0;
}
