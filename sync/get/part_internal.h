/* Shared by part.c (the files of a part) and part_pieces.c (what is in them). Nobody else includes this. Workers; what
 * fails stands in job->error. */
#ifndef LANYARD_SYNC_GET_PART_INTERNAL_H
#define LANYARD_SYNC_GET_PART_INTERNAL_H

#include "sync/get/part.h"

/* Verifies pieces that arrived, and writes the right ones, if the disk has room for them: other programs write to it
 * too. */
void part_write_pieces(struct part_job *job);
/* The same for pieces of local files. One that is not what the index said of that file stays `not ok`, and is requested
 * from peers. */
void part_copy_pieces(struct part_job *job);
/* Reads pieces from the part; those that are wrong lose their claim. */
void part_verify_pieces(struct part_job *job);

#endif
