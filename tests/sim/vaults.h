/* The vaults among the hosts: hosts that keep the sealed group for its members and can read none of it. What becomes of
 * them, and what the judge asks of them. */
#ifndef LANYARD_TESTS_SIM_VAULTS_H
#define LANYARD_TESTS_SIM_VAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/sim/host.h"

/* How many members hold the plain files, and how many are vaults. */
int hosts_plain(void);
int hosts_vaults(void);
/* The first member from this number on that is a vault; NULL: none is. */
struct host *host_any_vault(int from);

/* --- vaults.c: what happens to them --- */
/* Bits of one of its objects flip, or it is gone. */
void vault_rots(struct host *h, uint64_t luck);
/* It starts again with so little room; false: with as much as its disk has. */
void vault_is_bounded(struct host *h, bool bounded);
/* Its power is cut: what it had written and not synced is lost, or cut short. It is started again later. */
void vault_loses_power(struct host *h, uint64_t luck);
/* A host's code gave a file in the folder this name / synced a disk, which ended like this. */
int vault_named(int folder, const char *name, int done);
int vault_synced(int done);

/* --- vaults_judge.c --- */
/* While the script plays. NULL, or fresh text. */
char *vaults_meanwhile(void);
/* When the script is over: what has rotted is found, and comes again. */
void vaults_repair(void);
/* When all is quiet: each has all of the group, whole and sound, and nothing that it could read. */
char *vaults_end(void);
/* A host sends another one a frame. counter: of that end of the connection, on which none may serve twice. */
void vaults_hear(int from, int to, uint8_t type, const uint8_t *head, size_t head_n, const uint8_t *body, size_t body_n,
                 uint64_t *counter);

#endif
