/* Requests to join and owners' answers. First byte 0: the rest is an entry. 1: an asker's part. 2: the rest are changes
 * (offset, byte) to a valid entry, none of which may pass. 3: a mailbox's file. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sync/group/requests.h"

enum { NOW = 1800000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct identity *owner, *asker;
static struct roster *roster;
static struct group_tag tag;
static struct bytes good;
static int dir = -1;
static char folder[] = "/tmp/lanyard-fuzz-request-XXXXXX";

static void clean_up(void)
{
	rmdir(folder);
}

static void setup(void)
{
	struct bytes part = BYTES_INIT(REQUEST_ENTRY_MAX);
	struct request q = { .number = 1, .name = "asker", .message = "please" };

	if (owner != NULL)
		return;
	random_set_seed(1);
	owner = identity_new();
	asker = identity_new();
	roster = roster_found(owner, "group", false, false, "owner", NOW - 9);
	group_id_tag_of(&tag, roster_group(roster));
	q.tag = tag;
	q.giver = *identity_id(owner);
	memcpy(q.key, identity_public_key(asker), PUBLIC_KEY_LEN);
	request_sign(&part, &q, asker);
	good = BYTES_INIT(REQUEST_ENTRY_MAX);
	if (request_vouch(&good, part.p, part.len, "10.0.0.1", NOW, owner) < 0 ||
	    !requests_check(&tag, good.p, good.len) || mkdtemp(folder) == NULL)
		abort();
	(void)atexit(clean_up);
	dir = open(folder, O_RDONLY | O_DIRECTORY);
	bytes_free(&part);
}

/* What is understood stays within its bounds, and is understood by the mailbox too. */
static void look_at(const uint8_t *p, size_t n)
{
	struct requests *r = requests_new(roster_group(roster));
	struct request_entry e;
	bool parsed = request_parse(&e, p, n) == 0;

	if (parsed && !e.is_answer &&
	    (e.name_n > MEMBER_NAME_MAX || e.message_n > REQUEST_MESSAGE_MAX || e.address_n > REQUEST_ADDRESS_MAX))
		abort();
	if (!parsed && (request_signed(p, n) || requests_put(r, 1, p, n, NOW) != REQUESTS_BAD))
		abort();
	if (parsed)
		(void)requests_put(r, 1, p, n, NOW);
	(void)requests_settle(r, roster, NOW);
	requests_free(r);
}

static void change(const uint8_t *p, size_t n)
{
	uint8_t *entry = malloc(good.len);

	if (entry == NULL)
		abort();
	memcpy(entry, good.p, good.len);
	for (size_t i = 0; i + 2 < n; i += 3)
		entry[((size_t)p[i] << 8 | p[i + 1]) % good.len] = p[i + 2];
	if (requests_check(&tag, entry, good.len) != (memcmp(entry, good.p, good.len) == 0))
		abort();
	free(entry);
}

static void file(const uint8_t *p, size_t n)
{
	int fd = openat(dir, "requests.bin", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct requests *r;

	if (fd < 0 || write(fd, p, n) != (ssize_t)n)
		abort();
	close(fd);
	r = requests_load(roster_group(roster), dir, "requests.bin", NOW);
	(void)requests_settle(r, roster, NOW);
	requests_free(r);
	unlinkat(dir, "requests.bin", 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request_entry e;

	setup();
	if (size == 0 || size > 1 << 16)
		return 0;
	if (data[0] % 4 == 0)
		look_at(data + 1, size - 1);
	else if (data[0] % 4 == 1)
		(void)(request_parse_part(&e, data + 1, size - 1) + request_part_signed(data + 1, size - 1));
	else if (data[0] % 4 == 2)
		change(data + 1, size - 1);
	else
		file(data + 1, size - 1);
	return 0;
}
