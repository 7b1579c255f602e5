/* Requests and answers as bytes: the code that people compare, and that nobody forges, alters or moves any of it. */
#include "tests/unit/mail_world.h"

/* SHA-256 of the four in their order, the first 5 bytes in base32, by another program. */
static void the_code_is_as_documented(void **state)
{
	static const uint8_t commitment_start[4] = { 0xf8, 0x18, 0xaf, 0xd3 };
	uint8_t key[PUBLIC_KEY_LEN], r[REQUEST_NONCE], s[REQUEST_NONCE], commitment[REQUEST_NONCE];
	char code[REQUEST_CODE_TEXT];
	struct group_tag tag;

	(void)state;
	for (size_t i = 0; i < sizeof(tag.b); i++)
		tag.b[i] = (uint8_t)i;
	memset(key, 1, sizeof(key));
	memset(r, 2, sizeof(r));
	memset(s, 3, sizeof(s));
	request_code(code, &tag, key, r, s);
	assert_string_equal(code, "t3lf-2ccv");
	request_commit(commitment, key, r);
	assert_memory_equal(commitment, commitment_start, sizeof(commitment_start));
}

static void a_code_is_found_however_it_is_typed(void **state)
{
	(void)state;
	assert_true(request_code_is("abcd-ef23", "abcd-ef23"));
	assert_true(request_code_is("ABCDEF23", "abcd-ef23"));
	assert_true(request_code_is(" ab cd ef 23", "abcd-ef23"));
	assert_false(request_code_is("abcdef2", "abcd-ef23"));
	assert_false(request_code_is("abcdef233", "abcd-ef23"));
	assert_false(request_code_is("abcd-ef24", "abcd-ef23"));
	assert_false(request_code_is("abcd-ef20", "abcd-ef23"));
	assert_false(request_code_is("", "abcd-ef23"));
}

static void what_is_not_printable_is_left_out(void **state)
{
	struct mail_world *w = *state;
	struct bytes part = BYTES_INIT(REQUEST_ENTRY_MAX);
	char message[REQUEST_MESSAGE_MAX + 10];
	struct request q = { .tag = w->tag, .number = 1, .name = "a\x1b[2Jb\xe2\x80\xae\xff", .message = message };
	struct request_entry e;

	/* A character that does not fit is not cut in two. */
	memset(message, 'x', sizeof(message));
	memcpy(message + REQUEST_MESSAGE_MAX - 1, "\xc3\xa4", 3);
	memcpy(q.key, identity_public_key(w->askers[0]), PUBLIC_KEY_LEN);
	request_sign(&part, &q, w->askers[0]);
	assert_int_equal(request_parse_part(&e, part.p, part.len), 0);
	assert_int_equal(e.name_n, 5);
	assert_memory_equal(e.name, "a[2Jb", 5);
	assert_int_equal(e.message_n, REQUEST_MESSAGE_MAX - 1);
	bytes_free(&part);
}

/* Every byte is signed, or says who signed. */
static void no_bit_of_an_entry_can_be_changed(void **state)
{
	struct mail_world *w = *state;
	size_t each[2] = { asks(w, 0, MEMBER, 7), answers(w, OWNER, 0, 7, REQUEST_REJECTED) };

	for (size_t k = 0; k < 2; k++) {
		struct bytes *b = &w->entries[each[k]];

		assert_true(requests_check(&w->tag, b->p, b->len));
		for (size_t i = 0; i < b->len; i++) {
			b->p[i] ^= 1;
			assert_false(requests_check(&w->tag, b->p, b->len));
			b->p[i] ^= 1;
		}
		for (size_t n = 0; n < b->len; n += 7)
			assert_false(requests_check(&w->tag, b->p, n));
		assert_true(requests_check(&w->tag, b->p, b->len));
	}
}

static void a_request_cannot_be_moved_or_made_for_another(void **state)
{
	struct mail_world *w = *state;
	struct bytes *b = &w->entries[asks(w, 0, MEMBER, 7)], out = BYTES_INIT(REQUEST_ENTRY_MAX);
	struct bytes part = part_of(w, 1, MEMBER, 7);
	struct group_tag other = w->tag;
	struct request q = { .tag = w->tag, .number = 1, .name = "", .message = "" };

	other.b[0] ^= 1;
	assert_false(requests_check(&other, b->p, b->len));      /* of another group */
	assert_false(requests_check(&w->tag, part.p, part.len)); /* nobody has given the salt */
	/* Another member vouches for a salt that it did not give. */
	assert_int_equal(request_vouch(&out, part.p, part.len, "10.0.0.1", mail_now, w->people[OWNER]), 0);
	assert_false(requests_check(&w->tag, out.p, out.len));
	/* A member asks in the name of somebody else. */
	bytes_clear(&out);
	bytes_clear(&part);
	q.giver = *identity_id(w->people[MEMBER]);
	memcpy(q.key, identity_public_key(w->askers[2]), PUBLIC_KEY_LEN);
	request_sign(&part, &q, w->people[MEMBER]);
	assert_int_equal(request_vouch(&out, part.p, part.len, "10.0.0.1", mail_now, w->people[MEMBER]), 0);
	assert_false(requests_check(&w->tag, out.p, out.len));
	bytes_free(&out);
	bytes_free(&part);
}

static void an_address_is_shared_by_its_network(void **state)
{
	(void)state;
	assert_int_equal(request_network("10.0.0.1"), strlen("10.0.0.1"));
	assert_int_equal(request_network("2001:db8:1:2:3:4:5:6"), strlen("2001:db8:1:2"));
	assert_int_equal(request_network("2001:db8:1:2::9"), strlen("2001:db8:1:2"));
	assert_int_equal(request_network("fe80::1"), strlen("fe80::1"));
	assert_int_equal(request_network("::1"), 0);
	assert_int_equal(request_network(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_code_is_as_documented),
		cmocka_unit_test(a_code_is_found_however_it_is_typed),
		MAIL_TEST(what_is_not_printable_is_left_out),
		MAIL_TEST(no_bit_of_an_entry_can_be_changed),
		MAIL_TEST(a_request_cannot_be_moved_or_made_for_another),
		cmocka_unit_test(an_address_is_shared_by_its_network),
	};

	return cmocka_run_group_tests_name("request_entry", tests, NULL, NULL);
}
