/* Any bytes as a file of choices: refused, or choices whose text is read back as the same; and its patterns cover paths
 * in bounded time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sync/plan/pattern.h"
#include "sync/share/share_choices.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int line = 0;
	struct share_choices *c, *again;
	char *text, *same;

	if (size > 4096)
		return 0;
	c = share_choices_parse((const char *)data, size, &line);
	if (c == NULL)
		return 0;
	text = share_choices_text(c);
	again = share_choices_parse(text, strlen(text), &line);
	if (again == NULL)
		abort();
	same = share_choices_text(again);
	if (strcmp(text, same) != 0)
		abort();
	(void)choose_rule_of(share_choices_view(c), "photos/2026/a.conflict-20261121-070612-abcdefgh.jpg");
	for (size_t i = 0; i < share_choices_view(c)->nunshared; i++) {
		if (choose_shares(share_choices_view(c), share_choices_view(c)->unshared[i]))
			abort();
	}
	for (size_t i = 0; i < share_choices_view(c)->nrules; i++) {
		char *root = pattern_root(share_choices_view(c)->rules[i].pattern);

		free(root);
	}
	free(same);
	free(text);
	share_choices_free(again);
	share_choices_free(c);
	return 0;
}
