/* A file on its way from a client into a share. It is written in .lanyard/parts/ and comes to its place by one rename,
 * so that neither the watcher nor a crash sees half of it. Workers, except for the first and the last function. */
#ifndef LANYARD_AGENT_API_UPLOAD_FILE_H
#define LANYARD_AGENT_API_UPLOAD_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/share/share_handle.h"

/* What to do when something is at the path: nothing; make it a version; take the next free name. */
enum upload_taken { UPLOAD_REFUSE, UPLOAD_REPLACE, UPLOAD_KEEP_BOTH };

/* FULL: its disk has no room for it. REFUSED: by what is there, or by the disk. */
enum upload_outcome { UPLOAD_FINE, UPLOAD_FULL, UPLOAD_REFUSED };

struct upload_file {
	struct share_handle *handle; /* owned */
	char *path;                  /* owned; in the share; where it is, once it is placed */
	enum upload_taken taken;
	int64_t size;     /* bytes that are to come */
	int64_t mtime_ns; /* below 0: now */
	int64_t written;  /* bytes */
	bool exists;      /* something was at the path at the last look, or when the file was placed */
	enum upload_outcome outcome;
	char *why; /* owned; text for users; NULL: fine */
	int fd;    /* of temp; -1: not open */
	char temp[40];
};

/* Takes path and handle over. */
struct upload_file *upload_file_new(struct share_handle *handle, char *path, int64_t size);
/* Whether it could come: sets exists, and outcome and why. Makes nothing. */
void upload_file_look(struct upload_file *u);
/* The same, and makes the file that is written to. */
void upload_file_open(struct upload_file *u);
/* Appends; sets outcome and why. */
void upload_file_write(struct upload_file *u, const uint8_t *p, size_t n);
/* All of it is written: makes it durable, and gives it its place. Sets outcome and why. */
void upload_file_place(struct upload_file *u);
/* Closes it, and removes what has no place. */
void upload_file_abandon(struct upload_file *u);
void upload_file_free(struct upload_file *u); /* after upload_file_abandon(); NULL is fine */

#endif
