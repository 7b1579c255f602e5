/* Envelopes: keys reach the member that they are for, from the one that signed, and nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sync/seal/envelope.h"
#include "tests/unit/seal_forms.h"
#include "tests/unit/seal_world.h"

enum { NKEYS = 3, NMARKS = 2 };

struct fixture {
	struct group_id group;
	struct identity *sender, *recipient, *other;
	uint8_t box[ENVELOPE_BOX_LEN], current[32];
	struct envelope_key keys[NKEYS];
	struct roster_mark marks[NMARKS];
	struct envelope_contents contents;
	struct bytes out;
};

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);
	uint8_t seed[32], private_key[32];

	f->group = seal_world_group(0);
	f->sender = seal_world_agent(0);
	f->recipient = seal_world_agent(1);
	f->other = seal_world_agent(2);
	identity_seed(f->recipient, seed);
	keys_box(private_key, f->box, seed);
	seal_world_bytes(f->current, 4);
	for (size_t i = 0; i < NKEYS; i++) {
		f->keys[i].generation = 5 + i;
		seal_world_bytes(f->keys[i].secret, i);
	}
	f->marks[0] = (struct roster_mark){ .owner = 77, .number = 5 };
	f->marks[1] = (struct roster_mark){ .owner = 7, .number = 6 | ROSTER_LEFT };
	f->contents =
		(struct envelope_contents){ .keys = f->keys, .nkeys = NKEYS, .marks = f->marks, .nmarks = NMARKS };
	f->out = BYTES_INIT(2 * ENVELOPE_MAX);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	identity_free(f->sender);
	identity_free(f->recipient);
	identity_free(f->other);
	bytes_free(&f->out);
	free(f);
	return 0;
}

static int seal_for(struct fixture *f, const struct identity *recipient, const uint8_t *box)
{
	return envelope_seal(&f->group, f->sender, identity_id(recipient), box, f->current, &f->contents, &f->out);
}

static void sealed(struct fixture *f)
{
	bytes_clear(&f->out);
	assert_int_equal(seal_for(f, f->recipient, f->box), 0);
}

/* Parses and opens, as self; what came out must be what went in. */
static enum envelope_result opened(struct fixture *f, const struct identity *self, const uint8_t *p, size_t n)
{
	struct envelope e;
	struct envelope_contents c;
	enum envelope_result result = envelope_parse(&e, &f->group, p, n);

	if (result != ENVELOPE_OK)
		return result;
	result = envelope_open(&e, &f->group, self, &c);
	if (result != ENVELOPE_OK) {
		assert_null(c.keys);
		assert_null(c.marks);
		return result;
	}
	assert_int_equal(c.nkeys, NKEYS);
	for (size_t i = 0; i < NKEYS; i++) {
		assert_int_equal(c.keys[i].generation, f->keys[i].generation);
		assert_memory_equal(c.keys[i].secret, f->keys[i].secret, KEYS_SECRET_LEN);
	}
	assert_int_equal(c.nmarks, f->contents.nmarks);
	assert_memory_equal(c.marks, f->marks, c.nmarks * sizeof(c.marks[0]));
	envelope_wipe(&c);
	return ENVELOPE_OK;
}

static void the_recipient_opens_it_and_nobody_else(void **state)
{
	struct fixture *f = *state;
	struct envelope e;

	sealed(f);
	assert_int_equal(opened(f, f->recipient, f->out.p, f->out.len), ENVELOPE_OK);
	assert_int_equal(opened(f, f->other, f->out.p, f->out.len), ENVELOPE_RECIPIENT);
	assert_int_equal(opened(f, f->sender, f->out.p, f->out.len), ENVELOPE_RECIPIENT);
	assert_int_equal(envelope_parse(&e, &f->group, f->out.p, f->out.len), ENVELOPE_OK);
	assert_true(agent_id_equal(&e.recipient, identity_id(f->recipient)));
	assert_memory_equal(e.sender, identity_public_key(f->sender), PUBLIC_KEY_LEN);
	assert_memory_equal(e.current, f->current, 32);
	/* Even one who is the recipient by name cannot open what is encrypted to another box key. */
	bytes_clear(&f->out);
	assert_int_equal(seal_for(f, f->other, f->box), 0);
	assert_int_equal(opened(f, f->other, f->out.p, f->out.len), ENVELOPE_LOCKED);
}

/* Computed by another program (Python, cryptography). It may never be refused. */
static void one_that_another_program_made_is_opened(void **state)
{
	static const char known[] = "4c4b45318991bf71eea9731836f00917db3d45edbacc0c0c20bff190e757071e"
				    "8497127465ada4b45469c57397301da088000bf83aa25fd65d0a68525bc06a61"
				    "9da305c68005f02d43fa06e7d0585fb64c961d57e318b27a145c857bcd3a6bdb"
				    "413ff7fc8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e"
				    "2138285f000000a0fa849cbd0985357856c4a6c335394b2572eadd80222ca9ab"
				    "ad879b1a4f54eea62b4e1d5db35efdd0f1473fb2d8862e85320b91283dd0adbe"
				    "0ced8cfe9df68e290f72086c03be358c6072f6a0a9a1e177b2e16f44c14f3d20"
				    "208acd64da361b2ccff8b33b720f79e4300126b7c9b413803fcfe33568e48a62"
				    "0fd9a7f5e641b24b7bf1790211fa6fe34c150362968c2a1672aa8a9fdad4811f"
				    "13f7f9f1c69571cdd7734d2305706f76f6d206f4872f49d28034941395c37c14"
				    "22d793c9f03a034e21940d314ef4a56d5d08192d263371a1e7f2c83ff428d249"
				    "249cfb01205519c030b890194bc68aaae0f380ade956580e";
	struct fixture *f = *state;
	uint8_t p[376];

	seal_forms_hex(p, sizeof(p), known);
	assert_int_equal(opened(f, f->recipient, p, sizeof(p)), ENVELOPE_OK);
}

static bool takes(void *arg, const uint8_t *p, size_t n)
{
	struct fixture *f = arg;

	return opened(f, f->recipient, p, n) == ENVELOPE_OK;
}

static void every_bit_of_an_envelope_matters(void **state)
{
	struct fixture *f = *state;

	sealed(f);
	seal_forms_check(f->out.p, f->out.len, takes, f);
}

/* A holder of some key signs again what somebody else sealed, or moves the keys into an envelope of its own. */
static void a_new_signature_makes_no_other_sender(void **state)
{
	struct fixture *f = *state;
	struct bytes in = BYTES_INIT(ENVELOPE_MAX);
	static const char label[] = "lanyard envelope 1";
	size_t n;

	sealed(f);
	n = f->out.len - SIGNATURE_LEN;
	memcpy(f->out.p + 4 + 32, identity_public_key(f->other), PUBLIC_KEY_LEN);
	bytes_append(&in, label, sizeof(label));
	bytes_append(&in, f->group.b, 32);
	bytes_append(&in, f->out.p, n);
	identity_sign(f->other, in.p, in.len, f->out.p + n);
	assert_int_equal(opened(f, f->recipient, f->out.p, f->out.len), ENVELOPE_LOCKED);
	bytes_free(&in);
}

static void it_holds_in_its_group_only(void **state)
{
	struct fixture *f = *state;

	sealed(f);
	f->group = seal_world_group(1);
	assert_int_equal(opened(f, f->recipient, f->out.p, f->out.len), ENVELOPE_FORGED);
}

static void no_two_envelopes_share_a_key(void **state)
{
	struct fixture *f = *state;
	struct bytes first = BYTES_INIT(ENVELOPE_MAX);

	sealed(f);
	bytes_append(&first, f->out.p, f->out.len);
	sealed(f);
	assert_int_equal(first.len, f->out.len);
	assert_memory_not_equal(first.p + ENVELOPE_HEAD - 32, f->out.p + ENVELOPE_HEAD - 32, 32);
	assert_memory_not_equal(first.p + ENVELOPE_HEAD + 4, f->out.p + ENVELOPE_HEAD + 4, 32);
	bytes_free(&first);
}

static void what_is_out_of_order_is_not_sealed(void **state)
{
	struct fixture *f = *state;

	f->keys[2].generation = f->keys[1].generation;
	assert_int_equal(seal_for(f, f->recipient, f->box), -1);
	f->contents.nkeys = 0;
	assert_int_equal(seal_for(f, f->recipient, f->box), -1);
	f->contents.nkeys = 2;
	f->contents.nmarks = ROSTER_HEARD_MAX + 1;
	assert_int_equal(seal_for(f, f->recipient, f->box), -1);
	assert_int_equal(f->out.len, 0);
}

static void marks_may_be_none_and_many(void **state)
{
	struct fixture *f = *state;
	static struct roster_mark many[ROSTER_HEARD_MAX];
	struct envelope e;
	struct envelope_contents c;

	f->contents.nmarks = 0;
	sealed(f);
	assert_int_equal(opened(f, f->recipient, f->out.p, f->out.len), ENVELOPE_OK);
	for (size_t i = 0; i < ROSTER_HEARD_MAX; i++)
		many[i].owner = i;
	f->contents.marks = many;
	f->contents.nmarks = ROSTER_HEARD_MAX;
	sealed(f);
	assert_int_equal(envelope_parse(&e, &f->group, f->out.p, f->out.len), ENVELOPE_OK);
	assert_int_equal(envelope_open(&e, &f->group, f->recipient, &c), ENVELOPE_OK);
	assert_int_equal(c.nmarks, ROSTER_HEARD_MAX);
	assert_memory_equal(c.marks, many, sizeof(many));
	envelope_wipe(&c);
}

/* Points of small order make the secret zero for everybody. */
static void a_worthless_box_key_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t shared[32], mine[32] = { 9 }, bad[32] = { 0 };

	assert_int_equal(envelope_agree(shared, mine, bad), -1);
	assert_int_equal(seal_for(f, f->recipient, bad), -1);
	bad[0] = 1;
	assert_int_equal(envelope_agree(shared, mine, bad), -1);
	seal_forms_hex(bad, 32, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
	assert_int_equal(envelope_agree(shared, mine, bad), -1);
	seal_forms_hex(bad, 32, "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
	assert_int_equal(envelope_agree(shared, mine, bad), -1);
}

static void a_later_form_is_refused_as_such(void **state)
{
	struct fixture *f = *state;

	sealed(f);
	f->out.p[3] = '2';
	assert_int_equal(opened(f, f->recipient, f->out.p, f->out.len), ENVELOPE_VERSION);
	f->out.p[0] = 'M';
	assert_int_equal(opened(f, f->recipient, f->out.p, f->out.len), ENVELOPE_FORM);
}

/* RFC 7748: 5.2, the first two vectors, and 6.1 from Bob's side. */
static void x25519_agrees_with_rfc_7748(void **state)
{
	static const char *const vectors[][3] = {
		{ "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
		  "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
		  "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" },
		{ "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
		  "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
		  "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957" },
		{ "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
		  "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
		  "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t private_key[32], public_key[32], expected[32], shared[32];

		seal_forms_hex(private_key, 32, vectors[i][0]);
		seal_forms_hex(public_key, 32, vectors[i][1]);
		seal_forms_hex(expected, 32, vectors[i][2]);
		assert_int_equal(envelope_agree(shared, private_key, public_key), 0);
		assert_memory_equal(shared, expected, 32);
	}
}

/* RFC 8032, 7.1, tests 1 and 2: what endorsements, heads and envelopes are signed with. */
static void ed25519_agrees_with_rfc_8032(void **state)
{
	static const char *const vectors[][4] = {
		{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		  "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
		  "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
		  "d25bf5f0595bbe24655141438e7a100b" },
		{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		  "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "r",
		  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
		  "387b2eaeb4302aeeb00d291612bb0c00" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint8_t seed[32], public_key[32], expected[SIGNATURE_LEN], signature[SIGNATURE_LEN];
		struct identity *id;

		seal_forms_hex(seed, 32, vectors[i][0]);
		seal_forms_hex(public_key, 32, vectors[i][1]);
		seal_forms_hex(expected, SIGNATURE_LEN, vectors[i][3]);
		id = identity_from_seed(seed);
		assert_memory_equal(identity_public_key(id), public_key, 32);
		identity_sign(id, vectors[i][2], strlen(vectors[i][2]), signature);
		assert_memory_equal(signature, expected, SIGNATURE_LEN);
		assert_int_equal(identity_verify(public_key, vectors[i][2], strlen(vectors[i][2]), signature), 0);
		identity_free(id);
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_recipient_opens_it_and_nobody_else),
		CASE(one_that_another_program_made_is_opened),
		CASE(every_bit_of_an_envelope_matters),
		CASE(a_new_signature_makes_no_other_sender),
		CASE(it_holds_in_its_group_only),
		CASE(no_two_envelopes_share_a_key),
		CASE(what_is_out_of_order_is_not_sealed),
		CASE(marks_may_be_none_and_many),
		CASE(a_worthless_box_key_is_refused),
		CASE(a_later_form_is_refused_as_such),
		CASE(x25519_agrees_with_rfc_7748),
		CASE(ed25519_agrees_with_rfc_8032),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
