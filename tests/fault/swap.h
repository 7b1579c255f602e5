/* Swaps: something that leads out of the share takes the place of a path in it, and goes away again. It is what a
 * user with bad luck or bad intent does between two calls of the agent, done exactly there. Only for preload.c and
 * point.c. */
#ifndef LANYARD_TESTS_FAULT_SWAP_H
#define LANYARD_TESTS_FAULT_SWAP_H

#include <stdbool.h>
#include <stdint.h>

enum swap_what {
	SWAP_SELF,   /* the path that the call names, or has open */
	SWAP_PARENT, /* its folder */
	SWAP_PATH,   /* order->path */
};

enum swap_how {
	SWAP_LINK,  /* a symlink to `file` or to `folder` */
	SWAP_MOUNT, /* `file` or `folder`, bound over it */
	SWAP_OTHER, /* another user's: an empty file or folder */
};

enum { SWAP_PATH_MAX = 512 };

/* tests/fault/stand.py has the same. */
struct swap_order {
	uint32_t what;   /* enum swap_what */
	uint32_t how;    /* enum swap_how */
	uint32_t back;   /* this many calls later it is put back; 0: when the driver says so */
	uint32_t chance; /* 0: only at call `at`; else at every call with a chance of 1 in `chance`, by `seed` */
	uint32_t seed;   /* changes as it is used */
	uint32_t tries;  /* out: swaps done */
	uint32_t again;  /* out: put back */
	uint32_t undo;   /* in: put back now, and swap nothing more */
	uint32_t race;   /* in: a thread swaps and puts back as fast as it goes; what is SWAP_PATH then */
	uint32_t in;     /* out: something is swapped now */
	char path[SWAP_PATH_MAX];   /* SWAP_PATH: one path or more, separated by colons */
	char below[SWAP_PATH_MAX];  /* SELF, PARENT: only paths below this are swapped */
	char aside[SWAP_PATH_MAX];  /* a folder on the share's file system, where the path waits that was swapped out */
	char file[SWAP_PATH_MAX];   /* outside of the share, beside a folder of the agent's */
	char folder[SWAP_PATH_MAX]; /* the same */
};

void swap_start(void);
/* Call number n is about to touch `full`, below the roots. True: this call swapped something in. Any thread. */
bool swap_turn(struct swap_order *o, uint32_t n, uint32_t at, const char *full);

#endif
