/* The agent's key pair, its file, and its signatures: see identity.h. */
#include "sync/group/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"

#define KEY_FILE "key.pem"

enum { KEY_FILE_MAX = 16 << 10, SEED_LEN = 32 };

struct identity {
	EVP_PKEY *key; /* owned; Ed25519 with its private half */
	uint8_t public_key[PUBLIC_KEY_LEN];
	struct agent_id id;
};

/* Only for calls that cannot fail except for lack of memory. */
static void __attribute__((noreturn)) give_up(const char *what)
{
	log_error("identity: OpenSSL cannot %s: %s", what, ERR_reason_error_string(ERR_peek_error()));
	abort();
}

void identity_id_of_key(struct agent_id *id, const uint8_t public_key[PUBLIC_KEY_LEN])
{
	sha256(id->b, public_key, PUBLIC_KEY_LEN);
}

/* Takes key over. NULL when it is not an Ed25519 key; the key is then still the caller's. */
static struct identity *from_key(EVP_PKEY *key)
{
	struct identity *self;
	size_t n = PUBLIC_KEY_LEN;

	if (EVP_PKEY_get_id(key) != EVP_PKEY_ED25519)
		return NULL;
	self = MEM_NEW(struct identity);
	if (EVP_PKEY_get_raw_public_key(key, self->public_key, &n) != 1 || n != PUBLIC_KEY_LEN)
		give_up("read the public key");
	self->key = key;
	identity_id_of_key(&self->id, self->public_key);
	return self;
}

struct identity *identity_from_seed(const uint8_t seed[32])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, SEED_LEN);

	if (key == NULL)
		give_up("make a key");
	return from_key(key);
}

struct identity *identity_new(void)
{
	uint8_t seed[SEED_LEN];
	struct identity *self;

	random_bytes(seed, sizeof(seed));
	self = identity_from_seed(seed);
	OPENSSL_cleanse(seed, sizeof(seed));
	return self;
}

void identity_free(struct identity *id)
{
	if (id == NULL)
		return;
	EVP_PKEY_free(id->key);
	free(id);
}

int identity_save(const struct identity *id, int home_dirfd, char **why)
{
	BIO *pem = BIO_new(BIO_s_mem());
	char *text = NULL;
	long n;
	int rc;

	if (pem == NULL || PEM_write_bio_PrivateKey(pem, id->key, NULL, NULL, 0, NULL, NULL) != 1)
		give_up("write a key");
	n = BIO_get_mem_data(pem, &text);
	rc = fs_write_file(home_dirfd, KEY_FILE, text, (size_t)n, 0600);
	if (rc < 0)
		*why = mem_printf("cannot write " KEY_FILE
		                  " in the home folder: %s; give lanyardd a folder that it may write to "
		                  "(--home DIR)",
		                  strerror(errno));
	OPENSSL_cleanse(text, (size_t)n);
	BIO_free(pem);
	return rc;
}

/* The file is written before the key is used: an agent that could not store its key would have another identity at
 * its next start. */
static struct identity *make_file(int home_dirfd, char **why)
{
	struct identity *self = identity_new();

	if (identity_save(self, home_dirfd, why) == 0)
		return self;
	identity_free(self);
	return NULL;
}

/* Never asks for a passphrase on a terminal, which OpenSSL does by default. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

static struct identity *from_pem(const char *text, size_t n, char **why)
{
	BIO *pem = BIO_new_mem_buf(text, (int)n);
	EVP_PKEY *key;
	struct identity *self = NULL;

	if (pem == NULL)
		give_up("read memory");
	key = PEM_read_bio_PrivateKey(pem, NULL, no_passphrase, NULL);
	ERR_clear_error();
	BIO_free(pem);
	if (key != NULL)
		self = from_key(key);
	if (self == NULL) {
		EVP_PKEY_free(key);
		*why = mem_strdup(KEY_FILE " in the home folder does not hold an Ed25519 private key in plain "
		                           "PEM; restore it from a backup, or move it away to start as a new agent");
	}
	return self;
}

/* Checks the mode of the open file, so that no other file can be the one that is read. */
static struct identity *from_file(int fd, char **why)
{
	char text[KEY_FILE_MAX];
	struct fs_stat st;
	struct identity *self;
	ssize_t n;

	if (fs_stat_fd(fd, &st) < 0 || st.kind != S_IFREG) {
		*why = mem_strdup(KEY_FILE " in the home folder is not a regular file; move it away");
		return NULL;
	}
	if ((st.mode & 077) != 0) {
		*why = mem_printf(KEY_FILE " in the home folder can be read by others (mode %04o); if nobody else has "
		                           "seen it: chmod 600 " KEY_FILE,
		                  st.mode);
		return NULL;
	}
	n = fs_pread_full(fd, text, sizeof(text), 0);
	if (n < 0) {
		*why = mem_printf("cannot read " KEY_FILE " in the home folder: %s", strerror(errno));
		return NULL;
	}
	self = from_pem(text, (size_t)n, why);
	OPENSSL_cleanse(text, sizeof(text));
	return self;
}

bool identity_is_there(int home_dirfd)
{
	return faccessat(home_dirfd, KEY_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

struct identity *identity_open(int home_dirfd, char **why)
{
	struct identity *self;
	int fd = fs_open(home_dirfd, KEY_FILE, O_RDONLY | O_NONBLOCK, 0);

	if (fd < 0 && errno == ENOENT)
		return make_file(home_dirfd, why);
	if (fd < 0) {
		*why = mem_printf("cannot open " KEY_FILE " in the home folder: %s; it must be a file that the agent's "
		                  "user owns and may read",
		                  strerror(errno));
		return NULL;
	}
	self = from_file(fd, why);
	close(fd);
	return self;
}

const struct agent_id *identity_id(const struct identity *id)
{
	return &id->id;
}

const uint8_t *identity_public_key(const struct identity *id)
{
	return id->public_key;
}

struct evp_pkey_st *identity_key(const struct identity *id)
{
	return id->key;
}

void identity_seed(const struct identity *id, uint8_t seed[32])
{
	size_t n = SEED_LEN;

	if (EVP_PKEY_get_raw_private_key(id->key, seed, &n) != 1 || n != SEED_LEN)
		give_up("read a private key");
}

void identity_sign(const struct identity *id, const void *p, size_t n, uint8_t sig[SIGNATURE_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t sig_n = SIGNATURE_LEN;

	if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, NULL, NULL, id->key) != 1 ||
	    EVP_DigestSign(ctx, sig, &sig_n, p, n) != 1 || sig_n != SIGNATURE_LEN)
		give_up("sign");
	EVP_MD_CTX_free(ctx);
}

int identity_verify(const uint8_t public_key[PUBLIC_KEY_LEN], const void *p, size_t n, const uint8_t sig[SIGNATURE_LEN])
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, PUBLIC_KEY_LEN);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int rc = -1;

	if (ctx == NULL)
		give_up("verify");
	if (key != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, sig, SIGNATURE_LEN, p, n) == 1)
		rc = 0;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return rc;
}
