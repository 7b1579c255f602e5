/* Key files: what was exported comes back with the passphrase and not otherwise, from a file and from paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/export.h"
#include "sync/seal/keyring.h"
#include "tests/unit/seal_forms.h"
#include "tests/unit/seal_world.h"

static const struct export_cost cheap = { .log2_n = 4, .r = 1, .p = 1 };

struct fixture {
	struct export_content c;
	struct export_group groups[2];
	char addresses[2][EXPORT_ADDRESS_MAX];
	struct export_head heads[2];
	struct bytes out;
};

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);
	struct group_id group = seal_world_group(0);
	struct keyring *ring = keyring_new(&group);
	struct keys *k = seal_world_keys(7);

	assert_int_equal(keyring_add(ring, keys_about(k), keys_secret(k), NULL), KEYRING_OK);
	seal_world_bytes(f->c.seed, 1);
	f->groups[0].id = group;
	strcpy(f->groups[0].name, "fotos ü");
	strcpy(f->groups[0].share, "/srv/fotos");
	f->groups[0].on_demand = true;
	f->groups[0].keyring = keyring_encode(ring, &f->groups[0].keyring_n);
	strcpy(f->addresses[0], "nas.example:7000");
	strcpy(f->addresses[1], "[fd00::1]:7000");
	f->groups[0].addresses = f->addresses;
	f->groups[0].naddresses = 2;
	for (uint8_t i = 0; i < 2; i++) {
		f->heads[i] = (struct export_head){ .epoch = 5, .seq = 6, .number = 7 + (uint64_t)i };
		seal_world_bytes(f->heads[i].hash, i);
	}
	f->groups[0].heads = f->heads;
	f->groups[0].nheads = 2;
	f->groups[0].marks[0] = (struct roster_mark){ .owner = 8, .number = 9 };
	f->groups[0].nmarks = 1;
	f->groups[1].id = seal_world_group(1);
	strcpy(f->groups[1].name, "plain");
	f->c.groups = f->groups;
	f->c.ngroups = 2;
	f->out = BYTES_INIT(EXPORT_MAX);
	keys_free(k);
	keyring_free(ring);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	keys_wipe(f->groups[0].keyring, f->groups[0].keyring_n);
	bytes_free(&f->out);
	free(f);
	return 0;
}

static void sealed(struct fixture *f, bool paper)
{
	bytes_clear(&f->out);
	assert_int_equal(export_seal(&f->c, paper, "correct horse", &cheap, &f->out), EXPORT_OK);
}

static enum export_result opened(const char *passphrase, const uint8_t *p, size_t n)
{
	struct export_content *c;
	enum export_result result = export_open(&c, passphrase, p, n);

	assert_true((result == EXPORT_OK) == (c != NULL));
	export_content_free(c);
	return result;
}

static void what_is_exported_is_imported(void **state)
{
	struct fixture *f = *state;
	struct export_content *c;
	struct keyring *ring;

	sealed(f, false);
	assert_int_equal(export_open(&c, "correct horse", f->out.p, f->out.len), EXPORT_OK);
	assert_memory_equal(c->seed, f->c.seed, 32);
	assert_int_equal(c->ngroups, 2);
	assert_true(group_id_equal(&c->groups[0].id, &f->groups[0].id));
	assert_string_equal(c->groups[0].name, "fotos ü");
	assert_int_equal(keyring_decode(&ring, &c->groups[0].id, c->groups[0].keyring, c->groups[0].keyring_n),
	                 KEYRING_OK);
	assert_non_null(keyring_find(ring, 7));
	keyring_free(ring);
	assert_int_equal(c->groups[0].naddresses, 2);
	assert_string_equal(c->groups[0].addresses[0], "nas.example:7000");
	assert_string_equal(c->groups[0].addresses[1], "[fd00::1]:7000");
	assert_int_equal(c->groups[0].nheads, 2);
	assert_memory_equal(&c->groups[0].heads[1], &f->heads[1], sizeof(f->heads[1]));
	assert_int_equal(c->groups[0].nmarks, 1);
	assert_true(c->groups[0].marks[0].owner == 8 && c->groups[0].marks[0].number == 9);
	assert_true(c->groups[0].on_demand && !c->groups[1].on_demand);
	assert_string_equal(c->groups[0].share, "/srv/fotos");
	assert_string_equal(c->groups[1].name, "plain");
	assert_int_equal(c->groups[1].keyring_n + c->groups[1].naddresses + c->groups[1].nheads, 0);
	export_content_free(c);
}

/* Computed by another program (Python, hashlib and cryptography). A key file may be read after many years. */
static void a_file_that_another_program_made_is_imported(void **state)
{
	static const char known[] = "4c414e594b4559310400000001000000016465666768696a6b6c6d6e6f707172"
				    "737475767778797a7b7c7d7e7f808182838dbd9bd856e2c82a3c6ec5f5c5a066"
				    "339f4fa0683e69db419f507da8d0011f66000000564ab75079a3a7c6f07cb593"
				    "ddbe917d13bbaaaa6c7ecb43bc40f7b2ae58efd6e44757b88d3fa5b79bdde552"
				    "f0c97d7e8ba09e7757d636981bf27eb121c70c4f5264e55a9b800a0b80d4bb4e"
				    "84d4c8af5d458ef6544e2c4b8dd8d939430dfdbf83731ae3d433bddb4475a6e6"
				    "7796c51b6695969016d221688db41eaebda8eab7fb92a80ab8ec9a";
	struct fixture *f = *state;
	struct export_content *c;
	uint8_t p[219];

	seal_forms_hex(p, sizeof(p), known);
	assert_int_equal(export_open(&c, "correct horse", p, sizeof(p)), EXPORT_OK);
	assert_memory_equal(c->seed, f->c.seed, 32);
	assert_int_equal(c->ngroups, 1);
	assert_true(group_id_equal(&c->groups[0].id, &f->groups[1].id));
	assert_string_equal(c->groups[0].name, "plain");
	export_content_free(c);
}

static void a_wrong_passphrase_is_not_taken_for_damage_nor_damage_for_it(void **state)
{
	struct fixture *f = *state;

	sealed(f, false);
	assert_int_equal(opened("correct horse ", f->out.p, f->out.len), EXPORT_PASSPHRASE);
	assert_int_equal(opened("", f->out.p, f->out.len), EXPORT_PASSPHRASE);
	f->out.p[f->out.len / 2] ^= 1;
	assert_int_equal(opened("correct horse", f->out.p, f->out.len), EXPORT_DAMAGED);
	assert_int_equal(opened("wrong", f->out.p, f->out.len), EXPORT_DAMAGED);
	assert_int_equal(opened("correct horse", f->out.p, f->out.len - 1), EXPORT_DAMAGED);
	assert_int_equal(opened("correct horse", (const uint8_t *)"a letter home", 13), EXPORT_OTHER);
	assert_int_equal(export_seal(&f->c, false, "", &cheap, &f->out), EXPORT_PASSPHRASE);
}

static bool takes(void *arg, const uint8_t *p, size_t n)
{
	(void)arg;
	return opened("correct horse", p, n) == EXPORT_OK;
}

static void every_bit_of_a_key_file_matters(void **state)
{
	struct fixture *f = *state;

	sealed(f, false);
	seal_forms_check(f->out.p, f->out.len, takes, f);
}

/* The checksum at the end is anybody's to compute; what is under it is bound by the passphrase. */
static bool takes_summed(void *arg, const uint8_t *p, size_t n)
{
	uint8_t *copy = mem_calloc(n + 32, 1);
	bool taken;

	(void)arg;
	memcpy(copy, p, n);
	sha256(copy + n, p, n);
	/* Nobody waits for an hour because of a flipped bit. */
	taken = n > 8 && copy[8] <= 12 && opened("correct horse", copy, n + 32) == EXPORT_OK;
	free(copy);
	return taken;
}

static void a_checksum_is_no_signature(void **state)
{
	struct fixture *f = *state;

	sealed(f, true);
	seal_forms_check(f->out.p, f->out.len - 32, takes_summed, f);
}

static void a_file_that_asks_for_too_much_is_refused_before_any_work(void **state)
{
	struct fixture *f = *state;
	static const struct {
		size_t at;
		uint8_t v;
	} asks[] = { { 8, 20 }, { 8, 63 }, { 8, 0 },  { 8, 16 }, { 12, EXPORT_R_MAX + 1 },
		     { 12, 0 }, { 9, 1 },  { 16, 2 }, { 16, 0 }, { 13, 255 } };

	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		sealed(f, true);
		f->out.p[asks[i].at] = asks[i].v;
		sha256(f->out.p + f->out.len - 32, f->out.p, f->out.len - 32);
		assert_int_equal(opened("correct horse", f->out.p, f->out.len), EXPORT_COST);
	}
	/* 2^N is below 2^(16 r), or scrypt has no such parameters: more memory would not help. */
	assert_int_equal(export_seal(&f->c, false, "x", &(struct export_cost){ .log2_n = 16, .r = 1, .p = 1 }, &f->out),
	                 EXPORT_COST);
	assert_int_equal(export_seal(&f->c, false, "x", &(struct export_cost){ .log2_n = 20, .r = 8, .p = 1 }, &f->out),
	                 EXPORT_COST);
}

static void a_later_form_is_refused_as_such(void **state)
{
	struct fixture *f = *state;

	sealed(f, false);
	f->out.p[7] = '2';
	assert_int_equal(opened("correct horse", f->out.p, f->out.len), EXPORT_VERSION);
	assert_non_null(strstr(export_result_text(EXPORT_VERSION), "later lanyard"));
}

static void content_beyond_its_bounds_is_not_exported(void **state)
{
	struct fixture *f = *state;

	f->groups[0].nheads = EXPORT_HEADS_MAX + 1;
	assert_int_equal(export_seal(&f->c, false, "x", &cheap, &f->out), EXPORT_FULL);
	f->groups[0].nheads = 2;
	f->groups[0].nmarks = ROSTER_MAX_OWNERS + 1;
	assert_int_equal(export_seal(&f->c, false, "x", &cheap, &f->out), EXPORT_FULL);
	f->groups[0].nmarks = 1;
	f->c.ngroups = EXPORT_GROUPS_MAX + 1;
	assert_int_equal(export_seal(&f->c, false, "x", &cheap, &f->out), EXPORT_FULL);
	assert_int_equal(f->out.len, 0);
}

static void a_head_without_a_number_is_refused(void **state)
{
	struct fixture *f = *state;

	f->heads[1].number = 0;
	sealed(f, false);
	assert_int_equal(opened("correct horse", f->out.p, f->out.len), EXPORT_INSIDE);
}

/* What new files use: more memory than OpenSSL allows by itself. */
static void the_full_cost_works(void **state)
{
	struct fixture *f = *state;
	const struct export_cost full = { .log2_n = EXPORT_LOG2_N, .r = EXPORT_R, .p = EXPORT_P };

	assert_int_equal(export_seal(&f->c, true, "correct horse", &full, &f->out), EXPORT_OK);
	assert_int_equal(opened("correct horse", f->out.p, f->out.len), EXPORT_OK);
}

/* --- paper --- */

static void paper_has_less_in_it(void **state)
{
	struct fixture *f = *state;
	struct export_content *c;
	size_t file;

	sealed(f, false);
	file = f->out.len;
	sealed(f, true);
	assert_true(f->out.len < file);
	assert_int_equal(export_open(&c, "correct horse", f->out.p, f->out.len), EXPORT_OK);
	assert_memory_equal(c->seed, f->c.seed, 32);
	assert_int_equal(c->ngroups, 2);
	assert_null(c->groups[0].keyring);
	assert_int_equal(c->groups[0].nheads, 0);
	assert_int_equal(c->groups[0].naddresses, 2);
	assert_string_equal(c->groups[0].share, "");
	assert_int_equal(c->groups[0].nmarks, 1);
	assert_true(c->groups[0].on_demand);
	export_content_free(c);
}

static void assert_reads(const struct fixture *f, const char *text)
{
	struct bytes b = BYTES_INIT(EXPORT_MAX);
	size_t line = 99;

	assert_int_equal(export_unpaper(text, &b, &line), EXPORT_OK);
	assert_int_equal(b.len, f->out.len);
	assert_memory_equal(b.p, f->out.p, b.len);
	bytes_free(&b);
}

static void lines_survive_being_typed(void **state)
{
	struct fixture *f = *state;
	char *text, *typed;
	size_t n = 0;

	sealed(f, true);
	text = export_paper(f->out.p, f->out.len);
	assert_reads(f, text);
	typed = mem_printf("# lanyard\n#\n%s# end\n", text);
	assert_reads(f, typed);
	free(typed);
	typed = mem_calloc(3, strlen(text) + 1);
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '\n') {
			typed[n++] = '\r';
			typed[n++] = '\n';
		}
		/* In upper case, with other spaces, and digits for letters. */
		typed[n++] = *c == 'o' ? '0' : *c == 'l' ? '1' : *c == 'b' ? '8' : *c == ' ' ? '\t' : *c;
		if (typed[n - 1] >= 'a' && typed[n - 1] <= 'z')
			typed[n - 1] = (char)(typed[n - 1] - 'a' + 'A');
	}
	assert_reads(f, typed);
	/* Without the numbers. */
	n = 0;
	for (const char *c = text; *c != '\0'; c++) {
		if (c == text || c[-1] == '\n')
			c = strchr(c, ':') + 1;
		typed[n++] = *c;
	}
	typed[n] = '\0';
	assert_reads(f, typed);
	free(typed);
	free(text);
}

/* Any one digit, any two lines, any line. */
static void a_wrong_line_is_named(void **state)
{
	struct fixture *f = *state;
	struct bytes b = BYTES_INIT(EXPORT_MAX);
	char *text;
	size_t line, number = 1;

	sealed(f, true);
	text = export_paper(f->out.p, f->out.len);
	for (size_t i = 0; text[i] != '\0'; i++) {
		char was = text[i];

		if (was == '\n')
			number++;
		if (strchr(" \n:", was) != NULL || text[i + 1] == ':' || text[i + 2] == ':')
			continue;
		text[i] = was == 'a' ? 'c' : 'a';
		assert_int_equal(export_unpaper(text, &b, &line), EXPORT_DAMAGED);
		assert_int_equal(line, number);
		text[i] = was;
	}
	text[strlen(text) - 1] = '\0';
	*strrchr(text, '\n') = '\0'; /* the last line is missing */
	assert_int_equal(export_unpaper(text, &b, &line), EXPORT_DAMAGED);
	assert_int_equal(line, number - 1);
	assert_int_equal(export_unpaper(strchr(text, '\n') + 1, &b, &line), EXPORT_DAMAGED); /* the first */
	assert_int_equal(line, 1);
	assert_int_equal(export_unpaper("", &b, &line), EXPORT_DAMAGED);
	assert_int_equal(b.len, 0);
	free(text);
	bytes_free(&b);
}

static void a_line_more_or_twice_is_refused(void **state)
{
	struct fixture *f = *state;
	struct bytes b = BYTES_INIT(EXPORT_MAX);
	char *text, *longer;
	size_t line;

	sealed(f, true);
	text = export_paper(f->out.p, f->out.len);
	longer = mem_printf("%.*s\n%s", (int)strcspn(text, "\n"), text, text);
	assert_int_equal(export_unpaper(longer, &b, &line), EXPORT_DAMAGED);
	assert_int_equal(line, 2);
	free(longer);
	longer = mem_printf("%s%.*s\n", text, (int)strcspn(text, "\n"), text);
	assert_int_equal(export_unpaper(longer, &b, &line), EXPORT_DAMAGED);
	free(longer);
	free(text);
	bytes_free(&b);
}

/* RFC 7914, section 12: the second and third vectors. */
static void scrypt_agrees_with_rfc_7914(void **state)
{
	uint8_t out[64], expected[64];

	(void)state;
	assert_int_equal(export_stretch(out, 64, "password", "NaCl", 4,
	                                &(struct export_cost){ .log2_n = 10, .r = 8, .p = 16 }),
	                 0);
	seal_forms_hex(expected, 64,
	               "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
	               "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
	assert_memory_equal(out, expected, 64);
	assert_int_equal(export_stretch(out, 64, "pleaseletmein", "SodiumChloride", 14,
	                                &(struct export_cost){ .log2_n = 14, .r = 8, .p = 1 }),
	                 0);
	seal_forms_hex(expected, 64,
	               "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
	               "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887");
	assert_memory_equal(out, expected, 64);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_exported_is_imported),
		CASE(a_file_that_another_program_made_is_imported),
		CASE(a_wrong_passphrase_is_not_taken_for_damage_nor_damage_for_it),
		CASE(every_bit_of_a_key_file_matters),
		CASE(a_checksum_is_no_signature),
		CASE(a_file_that_asks_for_too_much_is_refused_before_any_work),
		CASE(a_later_form_is_refused_as_such),
		CASE(a_head_without_a_number_is_refused),
		CASE(content_beyond_its_bounds_is_not_exported),
		CASE(the_full_cost_works),
		CASE(paper_has_less_in_it),
		CASE(lines_survive_being_typed),
		CASE(a_wrong_line_is_named),
		CASE(a_line_more_or_twice_is_refused),
		cmocka_unit_test(scrypt_agrees_with_rfc_7914),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
