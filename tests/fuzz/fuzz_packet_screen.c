/* Any bytes as an mDNS packet: no read beyond its end. Names refer backwards only, so a packet that passes also passes
 * with more bytes after it. */
#include <stdlib.h>
#include <string.h>

#include "discovery/packet_screen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly this size, so that a sanitizer sees any step beyond it. */
	uint8_t *packet;
	struct packet_census census = { 0 };
	bool passes;

	if (size == 0)
		return 0;
	packet = malloc(size);
	if (packet == NULL)
		abort();
	memcpy(packet, data, size);
	passes = packet_screen(packet, size, &census);
	if (census.records > PACKET_MAX_RECORDS || (census.records > 0 && !passes))
		abort();
	if (passes && (size < 12 || size > PACKET_MAX))
		abort();
	for (size_t n = size < 64 ? size : 64; n > 0; n--) {
		if (packet_screen(packet, size - n, NULL) && !passes && size <= PACKET_MAX)
			abort();
	}
	free(packet);
	return 0;
}
