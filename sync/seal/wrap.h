/* What those who hold a generation's keys say to one another on a connection is sealed once more inside TLS, with
 * keys that come of both: docs/sealed.md, "Links". So nothing of a sealed group can leave for an agent that does
 * not hold its keys, whatever else goes wrong. Any thread; counted, so that workers may seal and open. */
#ifndef LANYARD_SYNC_SEAL_WRAP_H
#define LANYARD_SYNC_SEAL_WRAP_H

#include "sync/group/id.h"
#include "sync/seal/keys.h"

enum { WRAP_BINDING_LEN = 32 };

struct wrap;

/* Of one generation on one connection, whose binding it is, for both directions. NULL: the secure heap is full. */
struct wrap *wrap_new(const struct keys *k, const uint8_t binding[WRAP_BINDING_LEN], const struct agent_id *self,
                      const struct agent_id *peer);
struct wrap *wrap_ref(struct wrap *w);
void wrap_free(struct wrap *w);
uint64_t wrap_generation(const struct wrap *w);

/* Seals the n bytes at p where they are, and sets the tag. front: what stands before them and is authenticated with
 * them. counter: this direction of this connection has not had it yet, under this generation or another. */
void wrap_seal(const struct wrap *w, uint64_t counter, const void *front, size_t front_n, uint8_t *p, size_t n,
               uint8_t tag[AEAD_TAG_LEN]);
/* Opens what the peer has sealed, where it is. -1, with the bytes zeroed: it was not sealed so. */
int wrap_open(const struct wrap *w, uint64_t counter, const void *front, size_t front_n, uint8_t *p, size_t n,
              const uint8_t tag[AEAD_TAG_LEN]);

#endif
