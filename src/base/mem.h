/*
 * Allocation in two tiers, and arenas.
 *
 * ff_mem_must_*: sizes of our own; aborts when memory is out. ff_mem_try: sizes that came from a
 * file, a peer or a user; returns NULL. Tests make the n-th ff_mem_try (of this thread) fail.
 */
#ifndef FF_BASE_MEM_H
#define FF_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

void *ff_mem_must(size_t size);                     /* zeroed */
void *ff_mem_must_array(size_t count, size_t size); /* zeroed; aborts on overflow */
void *ff_mem_must_grow(void *old, size_t old_count, size_t new_count,
                       size_t size); /* new part zeroed */
char *ff_mem_must_strdup(const char *text);
char *ff_mem_must_strndup(const char *text, size_t len);
char *ff_mem_must_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void *ff_mem_try(size_t size);                     /* not zeroed; 64-byte aligned */
void *ff_mem_try_array(size_t count, size_t size); /* zeroed; NULL on overflow too */
void ff_mem_free(void *memory);                    /* of any of the above; accepts NULL */

/* Test hook: the n-th ff_mem_try of this thread from now on (1 = the next) fails; 0 = none. */
void ff_mem_fail_at(uint64_t n);

/* An arena: many small pieces of one life (a request, a graph, a plan). Not for two threads. */
typedef struct ff_arena ff_arena;
ff_arena *ff_arena_new(void);
void ff_arena_free(ff_arena *arena);                /* accepts NULL */
void *ff_arena_alloc(ff_arena *arena, size_t size); /* zeroed, 16-byte aligned; must tier */
void *ff_arena_array(ff_arena *arena, size_t count, size_t size);
char *ff_arena_strdup(ff_arena *arena, const char *text);
char *ff_arena_strndup(ff_arena *arena, const char *text, size_t len);
char *ff_arena_printf(ff_arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t ff_arena_bytes(const ff_arena *arena);

#endif
