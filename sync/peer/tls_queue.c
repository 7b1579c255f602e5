/* The frames that a link still has to write, in two lanes: control goes before bulk, between frames. Small frames
 * share a piece, which is one TLS record's worth; bodies of large ones stay where they are. Pure except for memory. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/peer/tls_internal.h"
#include "sync/wire/codec.h"
#include "sync/wire/frame.h"

/* Bytes to be written: whole frames in a row, or one part of a large frame. */
struct tls_piece {
	struct tls_piece *next;
	uint8_t *p;   /* owned */
	size_t n;     /* bytes in p */
	size_t at;    /* the first that is not written yet */
	size_t cap;   /* size of p where small frames may follow the others; 0 where nothing may */
	bool goes_on; /* the frame continues in the next piece */
};

static struct tls_piece *lane_add(struct tls_lane *lane, uint8_t *p, size_t n, size_t cap)
{
	struct tls_piece *piece = MEM_NEW(struct tls_piece);

	piece->p = p;
	piece->n = n;
	piece->cap = cap;
	if (lane->last != NULL)
		lane->last->next = piece;
	else
		lane->first = piece;
	lane->last = piece;
	return piece;
}

static void lane_remove_first(struct tls_lane *lane)
{
	struct tls_piece *piece = lane->first;

	lane->first = piece->next;
	if (lane->first == NULL)
		lane->last = NULL;
	free(piece->p);
	free(piece);
}

/* Removes all that follows `last`; everything for NULL. */
static void lane_cut(struct tls_lane *lane, struct tls_piece *last)
{
	struct tls_lane rest = { .first = last != NULL ? last->next : lane->first };

	while (rest.first != NULL)
		lane_remove_first(&rest);
	if (last != NULL)
		last->next = NULL;
	else
		lane->first = NULL;
	lane->last = last;
}

/* Small frames share a piece, hence a TLS record and a system call. */
static void add_small(struct tls_lane *lane, const uint8_t header[FRAME_HEADER], const struct tls_payload *f)
{
	size_t total = FRAME_HEADER + f->head_n + f->body_n;
	struct tls_piece *piece = lane->last;
	uint8_t *p;

	if (piece == NULL || piece->cap < piece->n + total)
		piece = lane_add(lane, mem_realloc(NULL, TLS_RECORD, 1), 0, TLS_RECORD);
	p = piece->p + piece->n;
	memcpy(p, header, FRAME_HEADER);
	if (f->head_n > 0)
		memcpy(p + FRAME_HEADER, f->head, f->head_n);
	if (f->body_n > 0)
		memcpy(p + FRAME_HEADER + f->head_n, f->body, f->body_n);
	piece->n += total;
	free(f->body);
}

/* The first record of a large frame carries its header, head and the start of its body; the rest is written from
 * where it is. */
static void add_large(struct tls_lane *lane, const uint8_t header[FRAME_HEADER], const struct tls_payload *f)
{
	size_t front = FRAME_HEADER + f->head_n;
	size_t moved = front < TLS_RECORD ? TLS_RECORD - front : 0;
	struct tls_piece *piece;
	uint8_t *p;

	if (moved > f->body_n)
		moved = f->body_n;
	p = mem_realloc(NULL, front + moved, 1);
	memcpy(p, header, FRAME_HEADER);
	if (f->head_n > 0)
		memcpy(p + FRAME_HEADER, f->head, f->head_n);
	if (moved > 0)
		memcpy(p + front, f->body, moved);
	piece = lane_add(lane, p, front + moved, 0);
	if (moved == f->body_n) {
		free(f->body);
		return;
	}
	piece->goes_on = true;
	piece = lane_add(lane, f->body, f->body_n, 0);
	piece->at = moved;
}

/* Replaces f's payload by its compressed form where that saves an eighth. Returns the flags. */
static uint8_t compress(struct tls_payload *f)
{
	size_t n = f->head_n + f->body_n;
	uint8_t *plain = NULL, *packed;
	const uint8_t *from = f->head_n == 0 ? f->body : f->head;
	size_t packed_n;

	if (f->head_n > 0 && f->body_n > 0) {
		plain = mem_realloc(NULL, n, 1);
		memcpy(plain, f->head, f->head_n);
		memcpy(plain + f->head_n, f->body, f->body_n);
		from = plain;
	}
	packed = mem_realloc(NULL, n - n / 8, 1);
	packed_n = codec_compress(packed, n - n / 8, from, n);
	free(plain);
	if (packed_n == 0) {
		free(packed);
		return 0;
	}
	free(f->body);
	*f = (struct tls_payload){ .body = mem_realloc(packed, packed_n, 1), .body_n = packed_n };
	return FRAME_FLAG_ZSTD;
}

/* Compression comes first, since the bound is on what will be sent. The body is freed in every case. */
size_t tls_queue_add(struct tls_queue *q, enum link_lane lane, uint8_t type, const struct tls_payload *payload,
                     size_t most)
{
	struct tls_payload f = *payload;
	uint8_t header[FRAME_HEADER];
	uint8_t flags = 0;
	size_t total;

	if (frame_packs(type) && f.head_n + f.body_n >= CODEC_WORTHWHILE)
		flags = compress(&f);
	total = FRAME_HEADER + f.head_n + f.body_n;
	if (total > most) {
		free(f.body);
		return 0;
	}
	frame_write_header(header, type, flags, (uint32_t)(f.head_n + f.body_n));
	if (total <= TLS_RECORD)
		add_small(&q->lanes[lane], header, &f);
	else
		add_large(&q->lanes[lane], header, &f);
	return total;
}

bool tls_queue_empty(const struct tls_queue *q)
{
	return q->lanes[LINK_CONTROL].first == NULL && q->lanes[LINK_BULK].first == NULL;
}

const uint8_t *tls_queue_next(struct tls_queue *q, size_t *n)
{
	if (q->begun == NULL) {
		q->begun_lane = q->lanes[LINK_CONTROL].first != NULL ? LINK_CONTROL : LINK_BULK;
		q->begun = q->lanes[q->begun_lane].first;
	}
	if (q->begun == NULL)
		return NULL;
	*n = q->begun->n - q->begun->at;
	return q->begun->p + q->begun->at;
}

enum link_lane tls_queue_wrote(struct tls_queue *q, size_t n)
{
	struct tls_lane *lane = &q->lanes[q->begun_lane];
	bool goes_on = q->begun->goes_on;

	q->begun->at += n;
	if (q->begun->at == q->begun->n) {
		lane_remove_first(lane);
		q->begun = goes_on ? lane->first : NULL;
	}
	return q->begun_lane;
}

void tls_queue_drop_bulk(struct tls_queue *q)
{
	struct tls_piece *keep = q->begun_lane == LINK_BULK ? q->begun : NULL;

	while (keep != NULL && keep->goes_on)
		keep = keep->next;
	lane_cut(&q->lanes[LINK_BULK], keep);
}

void tls_queue_clear(struct tls_queue *q)
{
	lane_cut(&q->lanes[LINK_CONTROL], NULL);
	lane_cut(&q->lanes[LINK_BULK], NULL);
	q->begun = NULL;
}
