/* What we ask for, of whom, and with which requests: the part of the asker's side that others look at. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/peer/ask_internal.h"

static const uint8_t asker_magic[8] = "lanyardL";

bool asker_book_active(const struct peers *p)
{
	const struct asker *a;

	DL_FOREACH(p->askers, a)
		if (!a->stopped)
			return true;
	return false;
}

struct asker_talk *asker_book_talk(struct asker *a, const struct session *s)
{
	struct asker_talk *k;

	DL_FOREACH(a->talks, k)
		if (k->session == s)
			return k;
	return NULL;
}

bool asker_book_holds(const struct session *s)
{
	struct asker *a;

	DL_FOREACH(s->peers->askers, a) {
		const struct asker_talk *k = a->stopped ? NULL : asker_book_talk(a, s);

		if (k && k->answered && k->state != MSG_ASK_NO)
			return true;
	}
	return false;
}

void asker_book_changed(struct asker *a)
{
	loop_timer_start(a->tell, 0, 0);
}

void asker_book_note(struct asker *a, char *note)
{
	free(a->note);
	a->note = note;
	asker_book_changed(a);
}

void asker_book_session_end(struct session *s)
{
	struct asker *a;

	DL_FOREACH(s->peers->askers, a) {
		struct asker_talk *k = asker_book_talk(a, s);

		if (!k)
			continue;
		DL_DELETE(a->talks, k);
		free(k);
		asker_book_changed(a);
	}
}

/* --- requests --- */

static void paper_drop(struct asker *a, size_t i)
{
	free(a->papers[i].entry);
	memmove(&a->papers[i], &a->papers[i + 1], (a->npapers - i - 1) * sizeof(*a->papers));
	a->npapers--;
}

static bool is_same_network(const char *a, const char *b)
{
	size_t n = request_network(a);

	return n == request_network(b) && memcmp(a, b, n) == 0;
}

/* The paper that makes room for one of this host: an agent that gives salts under many keys takes its own place, not
 * that of a member. */
static size_t paper_to_drop(const struct asker *a, const char *host)
{
	size_t most = 0, at = 0;

	for (size_t i = 0; i < a->npapers; i++) {
		size_t n = is_same_network(a->papers[i].host, host);

		for (size_t k = 0; k < a->npapers; k++)
			n += is_same_network(a->papers[i].host, a->papers[k].host);
		if (n >= most) { /* the later in the list, the older */
			most = n;
			at = i;
		}
	}
	return at;
}

bool asker_book_keep(struct asker *a, const uint8_t *entry, size_t n, const char *host)
{
	const uint8_t *key = identity_public_key(a->peers->config.self);
	struct asker_paper *fresh = &a->papers[0];
	struct request_entry e;

	if (request_parse(&e, entry, n) < 0 || e.is_answer || memcmp(&e.tag, &a->config.tag, sizeof(e.tag)) != 0 ||
	    memcmp(e.key, key, PUBLIC_KEY_LEN) != 0 || !request_signed(entry, n))
		return false;
	if (a->npapers == ASKER_CODES_MAX)
		paper_drop(a, paper_to_drop(a, host));
	memmove(&a->papers[1], &a->papers[0], a->npapers * sizeof(*a->papers));
	a->npapers++;
	fresh->entry = mem_dup(entry, n);
	fresh->n = n;
	memset(fresh->host, 0, sizeof(fresh->host));
	memcpy(fresh->host, host, strnlen(host, REQUEST_ADDRESS_MAX));
	(void)request_parse(&fresh->e, fresh->entry, n);
	if (e.number > a->number)
		a->number = e.number;
	return true;
}

/* --- a restart --- */

void asker_save(const struct asker *a, struct bytes *out)
{
	bytes_append(out, asker_magic, sizeof(asker_magic));
	bytes_append_u8(out, a->stopped ? (uint8_t)a->state : ASKER_LOOKING);
	bytes_append_u64(out, a->number);
	bytes_append_u64(out, (uint64_t)a->since_s);
	for (size_t i = a->npapers; i-- > 0;) { /* the latest last, as they came */
		bytes_append_u32(out, (uint32_t)a->papers[i].n);
		bytes_append(out, a->papers[i].entry, a->papers[i].n);
		bytes_append_u8(out, (uint8_t)strlen(a->papers[i].host));
		bytes_append(out, a->papers[i].host, strlen(a->papers[i].host));
	}
}

void asker_book_load(struct asker *a, const uint8_t *p, size_t n)
{
	struct reader in = READER_INIT(p, n);
	const uint8_t *magic = reader_take(&in, sizeof(asker_magic));
	uint8_t state = reader_u8(&in);
	uint64_t number = reader_u64(&in), since = reader_u64(&in);

	if (in.bad || memcmp(magic, asker_magic, sizeof(asker_magic)) != 0)
		return;
	a->number = number;
	if (since < (uint64_t)a->since_s)
		a->since_s = (int64_t)since;
	if (state == ASKER_REJECTED || state == ASKER_BARRED || state == ASKER_EXPIRED) {
		a->stopped = true;
		a->state = (enum asker_state)state;
	}
	while (!in.bad && reader_left(&in) > 0) {
		uint32_t len = reader_u32(&in);
		const uint8_t *entry = reader_take(&in, len);
		uint8_t host_n = reader_u8(&in);
		const uint8_t *host = reader_take(&in, host_n);
		char text[REQUEST_ADDRESS_MAX + 1] = "";

		if (entry == NULL || host == NULL || host_n > REQUEST_ADDRESS_MAX)
			return;
		memcpy(text, host, host_n);
		(void)asker_book_keep(a, entry, len, text);
	}
}

/* --- the end --- */

void asker_book_free(struct asker *a)
{
	struct asker_talk *k, *next;

	DL_FOREACH_SAFE(a->talks, k, next) {
		DL_DELETE(a->talks, k);
		free(k);
	}
	while (a->npapers > 0)
		paper_drop(a, a->npapers - 1);
	ask_budget_free(a->budget);
	loop_timer_free(a->tick);
	loop_timer_free(a->tell);
	DL_DELETE(a->peers->askers, a);
	free(a->message);
	free(a->note);
	free(a);
}
