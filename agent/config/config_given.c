/* See config_given.h. */
#include "agent/config/config_given.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config/config_internal.h"
#include "base/mem.h"

static void clear(struct config_given *g)
{
	free(g->value);
	free(g->place);
}

void config_given_note(struct config *c, const struct config_key *key, const char *value, char *place)
{
	struct config_given *g = NULL;

	for (size_t i = 0; key->kind != CONFIG_LIST && i < c->ngiven; i++) {
		if (c->given[i].key == key->name)
			g = &c->given[i];
	}
	if (g == NULL) {
		c->given = mem_realloc(c->given, c->ngiven + 1, sizeof(*c->given));
		g = &c->given[c->ngiven++];
		*g = (struct config_given){ 0 };
	}
	clear(g);
	*g = (struct config_given){ .key = key->name, .value = mem_strdup(value), .place = place };
}

void config_given_free(struct config *c)
{
	for (size_t i = 0; i < c->ngiven; i++)
		clear(&c->given[i]);
	free(c->given);
	c->given = NULL;
	c->ngiven = 0;
}

void config_given_move(struct config *to, struct config *from)
{
	config_given_free(to);
	to->given = from->given;
	to->ngiven = from->ngiven;
	from->given = NULL;
	from->ngiven = 0;
}

void config_given_each(const struct config *c, config_given_fn *fn, void *arg)
{
	for (const struct config_key *key = config_agent_keys; key->name != NULL; key++) {
		fn(arg, key->name, key->accepted, NULL);
		for (size_t i = 0; i < c->ngiven; i++) {
			if (c->given[i].key == key->name)
				fn(arg, key->name, key->accepted, &c->given[i]);
		}
	}
}
