/* The settings file: any bytes are either settings within their bounds, or refused with a place and a reason that holds
 * no control codes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c;
	char *why = NULL;

	config_init(&c, "host");
	if (config_parse(&c, "f", (const char *)data, size, &why) < 0) {
		if (why == NULL || strncmp(why, "f:", 2) != 0)
			abort();
		for (const char *p = why; *p != '\0'; p++) {
			if ((unsigned char)*p < 0x20)
				abort();
		}
	} else if (why != NULL || c.npeers > CONFIG_MAX_PEERS || c.rescan_s < 60 || strlen(c.name) > 64 ||
	           c.listen[0] == '\0') {
		abort();
	}
	free(why);
	config_free(&c);
	return 0;
}
