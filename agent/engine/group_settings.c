/* See group_settings.h. */
#include "agent/engine/group_settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

enum { GROUP_SETTINGS_MAX = 16 << 10, MARK_BYTES = 16, HEAD_BYTES = 2 * 32 + 3 * 8 };

static void settings_line(struct bytes *b, const char *key, const char *value)
{
	bytes_append(b, key, strlen(key));
	bytes_append_u8(b, ' ');
	bytes_append(b, value, strlen(value));
	bytes_append_u8(b, '\n');
}

/* Owner and number, 16 hex digits each. */
static void settings_mark(struct bytes *b, const struct roster_mark *mark)
{
	uint8_t raw[MARK_BYTES];
	char hex[2 * MARK_BYTES + 1];

	put_u64(raw, mark->owner);
	put_u64(raw + 8, mark->number);
	hex_encode(hex, raw, sizeof(raw));
	settings_line(b, "mark", hex);
}

static bool mark_read(struct roster_mark *mark, const char *value)
{
	uint8_t raw[MARK_BYTES];

	if (hex_decode(raw, sizeof(raw), value) < 0)
		return false;
	*mark = (struct roster_mark){ .owner = get_u64(raw), .number = get_u64(raw + 8) };
	return true;
}

/* The signer's key, its epoch, its number of rows, the head's number, its hash: in hex. No head has the number 0. */
static void settings_head(struct bytes *b, const struct export_head *head)
{
	uint8_t raw[HEAD_BYTES];
	char hex[2 * HEAD_BYTES + 1];

	memcpy(raw, head->key, 32);
	put_u64(raw + 32, head->epoch);
	put_u64(raw + 40, head->seq);
	put_u64(raw + 48, head->number);
	memcpy(raw + 56, head->hash, 32);
	hex_encode(hex, raw, sizeof(raw));
	settings_line(b, "head", hex);
}

static bool settings_head_read(struct export_head *head, const char *value)
{
	uint8_t raw[HEAD_BYTES];

	if (hex_decode(raw, sizeof(raw), value) < 0)
		return false;
	*head = (struct export_head){ .epoch = get_u64(raw + 32),
		                      .seq = get_u64(raw + 40),
		                      .number = get_u64(raw + 48) };
	memcpy(head->key, raw, 32);
	memcpy(head->hash, raw + 56, 32);
	return head->number != 0;
}

char *group_settings_text(const struct group_settings *s)
{
	struct bytes b = BYTES_INIT(GROUP_SETTINGS_MAX);

	settings_line(&b, "share", s->share);
	settings_line(&b, "paused", s->paused ? "1" : "0");
	if (s->on_demand)
		settings_line(&b, "begin", "on-demand");
	if (s->vault)
		settings_line(&b, "vault", "1");
	if (s->token != NULL)
		settings_line(&b, "invite", s->token);
	if (s->restored)
		settings_line(&b, "restored", s->name);
	for (size_t i = 0; i < s->naddresses && s->restored; i++)
		settings_line(&b, "address", s->addresses[i]);
	for (size_t i = 0; i < s->nmarks && s->restored; i++)
		settings_mark(&b, &s->marks[i]);
	for (size_t i = 0; i < s->nheads; i++)
		settings_head(&b, &s->heads[i]);
	bytes_append_u8(&b, '\0');
	return (char *)b.p;
}

static void settings_take(struct group_settings *s, const char *key, const char *value)
{
	if (strcmp(key, "share") == 0 && s->share == NULL) {
		s->share = mem_strdup(value);
	} else if (strcmp(key, "paused") == 0) {
		s->paused = strcmp(value, "1") == 0;
	} else if (strcmp(key, "begin") == 0) {
		s->on_demand = strcmp(value, "on-demand") == 0;
	} else if (strcmp(key, "vault") == 0) {
		s->vault = strcmp(value, "1") == 0;
	} else if (strcmp(key, "invite") == 0 && s->token == NULL) {
		s->token = mem_strdup(value);
	} else if (strcmp(key, "restored") == 0 && strlen(value) < sizeof(s->name)) {
		s->restored = true;
		memcpy(s->name, value, strlen(value) + 1);
	} else if (strcmp(key, "address") == 0 && s->naddresses < INVITE_MAX_ADDRESSES &&
	           strlen(value) < sizeof(s->addresses[0])) {
		memcpy(s->addresses[s->naddresses++], value, strlen(value) + 1);
	} else if (strcmp(key, "mark") == 0 && s->nmarks < ROSTER_MAX_OWNERS) {
		s->nmarks += mark_read(&s->marks[s->nmarks], value);
	} else if (strcmp(key, "head") == 0 && s->nheads < EXPORT_VAULTS_MAX) {
		s->nheads += settings_head_read(&s->heads[s->nheads], value);
	}
}

void group_settings_read(struct group_settings *s, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		char *value = strchr(line, ' ');

		if (value == NULL)
			continue;
		*value++ = '\0';
		settings_take(s, line, value);
	}
}

void group_settings_clear(struct group_settings *s)
{
	free(s->share);
	free(s->token);
	*s = (struct group_settings){ 0 };
}
