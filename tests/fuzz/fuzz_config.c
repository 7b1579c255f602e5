/* The settings file: any bytes are either settings within their bounds, or refused with a place and a reason without
 * control codes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A refusal says where, and holds no control codes. */
static void judge_reason(const char *why)
{
	if (why == NULL || strncmp(why, "f:", 2) != 0)
		abort();
	for (const char *p = why; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20)
			abort();
	}
}

static void judge_settings(const struct config *c)
{
	if (c->settings.peers.n > CONFIG_MAX_PEERS || c->settings.rescan_s < 60 || strlen(c->settings.name) > 64 ||
	    c->settings.listen[0] == '\0' || c->ngroups > CONFIG_MAX_GROUPS)
		abort();
}

static void judge_shares(const struct config *c)
{
	for (size_t i = 0; i < c->ngroups; i++) {
		const char *share = c->groups[i].share;

		if (share == NULL || share[0] != '/' || share[1] == '\0' || strstr(share, "/../") != NULL)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c;
	char *why = NULL;

	config_init(&c, "host");
	if (config_parse(&c, "f", (const char *)data, size, &why) < 0) {
		judge_reason(why);
	} else {
		judge_settings(&c);
		if (why != NULL)
			abort();
		if (config_check(&c, "/var/lib/lanyard", &why) == 0)
			judge_shares(&c);
		else
			judge_reason(why);
	}
	free(why);
	config_free(&c);
	return 0;
}
