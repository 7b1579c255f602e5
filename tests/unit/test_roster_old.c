/* Rosters as lanyard 0.1.0 wrote them: they are read, judged by today's rules, and signed again by an owner. */
#include "tests/unit/roster_world.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"

static void sign_old(struct bytes *out, const struct identity *self, const char *label, struct bytes *b)
{
	struct bytes in = BYTES_INIT(ROSTER_ENTRY_MAX + 64);
	uint8_t sig[SIGNATURE_LEN];

	bytes_append(&in, label, strlen(label) + 1);
	bytes_append(&in, b->p, b->len);
	identity_sign(self, in.p, in.len, sig);
	bytes_append(b, sig, sizeof(sig));
	if (out != b) {
		bytes_append(out, b->p, b->len);
		bytes_free(b);
	}
	bytes_free(&in);
}

static struct bytes begin_old(const struct world *w, enum entry_kind kind)
{
	struct bytes b = BYTES_INIT(ROSTER_ENTRY_MAX);

	bytes_append_u8(&b, 1);
	bytes_append_u8(&b, (uint8_t)kind);
	bytes_append(&b, w->group.b, sizeof(w->group.b));
	return b;
}

static void end_old(struct world *w, struct bytes *b, int signer)
{
	bytes_append(b, identity_public_key(w->agents[signer]), PUBLIC_KEY_LEN);
	sign_old(next_entry(w), w->agents[signer], "lanyard roster entry 1", b);
}

static void append_name(struct bytes *b)
{
	bytes_append_u8(b, 4);
	bytes_append(b, "host", 4);
}

static void old_add(struct world *w, int signer, int target, enum role role, int64_t time_s)
{
	struct bytes b = begin_old(w, ENTRY_ADD);

	bytes_append_u64(&b, (uint64_t)time_s);
	bytes_append(&b, id_of(w, target)->b, 32);
	bytes_append_u8(&b, (uint8_t)role);
	append_name(&b);
	bytes_append_u8(&b, 0);
	end_old(w, &b, signer);
}

static void old_remove(struct world *w, int signer, int target, int64_t time_s)
{
	struct bytes b = begin_old(w, ENTRY_REMOVE);

	bytes_append_u64(&b, (uint64_t)time_s);
	bytes_append(&b, id_of(w, target)->b, 32);
	end_old(w, &b, signer);
}

static void old_join(struct world *w, int issuer, int admitter, int joiner, int64_t time_s)
{
	struct identity *bearer = identity_new();
	struct bytes b = begin_old(w, ENTRY_JOIN), statement = BYTES_INIT(ROSTER_ENTRY_MAX);
	uint8_t sig[SIGNATURE_LEN], binding[TLS_BINDING_LEN] = { 7 };
	const struct invite_terms terms = { .group = &w->group,
		                            .role = ROLE_MEMBER,
		                            .expires_s = EXPIRES,
		                            .key = identity_public_key(bearer),
		                            .issuer_key = identity_public_key(w->agents[issuer]) };

	roster_entry_invite_statement(&statement, &terms, 1);
	identity_sign(w->agents[issuer], statement.p, statement.len, sig);
	bytes_append_u8(&b, ROLE_MEMBER);
	bytes_append_u64(&b, EXPIRES);
	bytes_append(&b, terms.key, PUBLIC_KEY_LEN);
	bytes_append(&b, terms.issuer_key, PUBLIC_KEY_LEN);
	bytes_append(&b, sig, sizeof(sig));
	bytes_append(&b, id_of(w, joiner)->b, 32);
	append_name(&b);
	bytes_append(&b, binding, sizeof(binding));
	sign_old(&b, bearer, "lanyard join 1", &b);
	bytes_append_u64(&b, (uint64_t)time_s);
	bytes_append_u8(&b, 0);
	end_old(w, &b, admitter);
	bytes_free(&statement);
	identity_free(bearer);
}

/* B owner; C let in by A, D by C, E by D and gone again. */
static void populate_old(struct world *w)
{
	old_add(w, A, B, ROLE_OWNER, NOW);
	old_join(w, A, A, C, NOW + 1);
	old_join(w, B, C, D, NOW + 2);
	old_join(w, A, D, E, NOW + 3);
	old_remove(w, E, E, NOW + 4);
}

static void an_old_roster_means_what_it_meant(void **state)
{
	struct world *w = *state;

	populate_old(w);
	expect_members(w, "A owner, B owner, C member, D member");
	old_remove(w, A, D, NOW + 9);
	expect_members(w, "A owner, B owner, C member");
}

static void an_old_file_is_read_and_signed_anew(void **state)
{
	struct world *w = *state;
	struct bytes file = BYTES_INIT(1 << 20);
	struct roster_mark marks[ROSTER_MAX_OWNERS];
	char path[] = "/tmp/lanyard-roster-XXXXXX", text[TEXT_MAX], *why = NULL;
	struct roster *r;
	int fd;

	populate_old(w);
	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bytes_append(&file, "lanyardR", 8);
	bytes_append(&file, w->group.b, 32);
	for (size_t i = 0; i < w->n; i++) {
		bytes_append_u32(&file, (uint32_t)w->entries[i].len);
		bytes_append(&file, w->entries[i].p, w->entries[i].len);
	}
	assert_int_equal(fs_write_file(fd, "roster.bin", file.p, file.len, 0600), 0);
	r = roster_load(fd, "roster.bin", &why);
	assert_non_null(r);
	assert_false(roster_is_damaged(r));
	assert_string_equal(members_text(w, r, text), "A owner, B owner, C member, D member");
	assert_int_equal(roster_marks(r, marks), 0); /* nothing that was said speaks of all else */
	while (roster_do_duty(r, w->agents[A], NOW + 20))
		;
	assert_int_equal(roster_marks(r, marks), 1);
	assert_true(marks[0].number > NOW);
	assert_int_equal(roster_view_find(r, id_of(w, D))->by->e.kind, ENTRY_ADD);
	assert_int_equal(roster_remove(r, w->agents[A], id_of(w, C), NOW + 21), 0);
	assert_string_equal(members_text(w, r, text), "A owner, B owner, D member");
	roster_free(r);
	fs_remove_tree(fd, "roster.bin");
	close(fd);
	rmdir(path);
	bytes_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_old_roster_means_what_it_meant),
		TEST(an_old_file_is_read_and_signed_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
