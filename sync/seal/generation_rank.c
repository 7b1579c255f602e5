/* Which writer signs the next generation first: see generation.h. */
#include <string.h>

#include "base/sha256.h"
#include "sync/seal/generation.h"

/* By a hash with the current generation, so that no writer that is away holds up every time. */
static void generation_lot(const struct generation_judgement *j, const struct agent_id *writer, uint8_t lot[32])
{
	const struct generation *current = generation_current(j);
	uint8_t in[GENERATION_NAME_LEN + sizeof(writer->b)] = { 0 };

	if (current != NULL)
		memcpy(in, current->name, GENERATION_NAME_LEN);
	memcpy(in + GENERATION_NAME_LEN, writer->b, sizeof(writer->b));
	sha256(lot, in, sizeof(in));
}

size_t generation_rank(const struct generation_judgement *j, const struct agent_id *writers, size_t n,
                       const struct agent_id *self)
{
	uint8_t ours[32], theirs[32];
	size_t rank = 0;
	bool among = false;

	generation_lot(j, self, ours);
	for (size_t i = 0; i < n; i++) {
		generation_lot(j, &writers[i], theirs);
		among |= agent_id_equal(&writers[i], self);
		rank += memcmp(theirs, ours, sizeof(ours)) < 0;
	}
	return among ? rank : n;
}
