#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRY_ALIGN   64
#define ARENA_BLOCK (64u << 10)

static _Thread_local uint64_t fail_countdown;

static void *must(void *memory, size_t size)
{
    if (!memory) {
        fprintf(stderr, "fanfold: out of memory (%zu bytes)\n", size);
        abort();
    }
    return memory;
}

void *ff_mem_must(size_t size)
{
    return must(calloc(1, size ? size : 1), size);
}

void *ff_mem_must_array(size_t count, size_t size)
{
    return must(calloc(count ? count : 1, size ? size : 1), count);
}

void *ff_mem_must_grow(void *old, size_t old_count, size_t new_count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(new_count, size, &bytes))
        must(NULL, new_count);
    char *memory = must(realloc(old, bytes ? bytes : 1), bytes);
    if (new_count > old_count)
        memset(memory + old_count * size, 0, (new_count - old_count) * size);
    return memory;
}

char *ff_mem_must_strdup(const char *text)
{
    return ff_mem_must_strndup(text, strlen(text));
}

char *ff_mem_must_strndup(const char *text, size_t len)
{
    char *copy = ff_mem_must(len + 1);
    memcpy(copy, text, len);
    return copy;
}

char *ff_mem_must_printf(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int len = vasprintf(&text, fmt, args);
    va_end(args);
    return must(len < 0 ? NULL : text, 0);
}

static int fails_now(void)
{
    return fail_countdown && --fail_countdown == 0;
}

void *ff_mem_try(size_t size)
{
    if (fails_now() || size > SIZE_MAX / 2)
        return NULL;
    void *memory = NULL;
    return posix_memalign(&memory, TRY_ALIGN, size ? size : 1) ? NULL : memory;
}

void *ff_mem_try_array(size_t count, size_t size)
{
    return fails_now() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void ff_mem_free(void *memory)
{
    free(memory);
}

void ff_mem_fail_at(uint64_t n)
{
    fail_countdown = n;
}

typedef struct block {
    struct block *next;
    size_t used;
    size_t room;
    _Alignas(16) unsigned char data[];
} block;

struct ff_arena {
    block *first;
    size_t bytes;
};

ff_arena *ff_arena_new(void)
{
    return ff_mem_must(sizeof(ff_arena));
}

void ff_arena_free(ff_arena *arena)
{
    if (!arena)
        return;
    for (block *b = arena->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(arena);
}

void *ff_arena_alloc(ff_arena *arena, size_t size)
{
    size_t rounded;
    if (__builtin_add_overflow(size ? size : 1, 15, &rounded))
        must(NULL, size);
    rounded &= ~(size_t)15;
    block *b = arena->first;
    if (!b || b->room - b->used < rounded) {
        size_t room = rounded > ARENA_BLOCK ? rounded : ARENA_BLOCK;
        block *fresh = ff_mem_must(sizeof(block) + room);
        fresh->room = room;
        arena->bytes += room;
        if (b && rounded > ARENA_BLOCK) { /* keep the block with room in front */
            fresh->next = b->next;
            b->next = fresh;
        } else {
            fresh->next = b;
            arena->first = fresh;
        }
        b = fresh;
    }
    void *memory = b->data + b->used;
    b->used += rounded;
    return memory;
}

void *ff_arena_array(ff_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        must(NULL, count);
    return ff_arena_alloc(arena, bytes);
}

char *ff_arena_strdup(ff_arena *arena, const char *text)
{
    return ff_arena_strndup(arena, text, strlen(text));
}

char *ff_arena_strndup(ff_arena *arena, const char *text, size_t len)
{
    char *copy = ff_arena_alloc(arena, len + 1);
    memcpy(copy, text, len);
    return copy;
}

char *ff_arena_printf(ff_arena *arena, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = ff_arena_alloc(arena, (size_t)(len < 0 ? 0 : len) + 1);
    vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

size_t ff_arena_bytes(const ff_arena *arena)
{
    return arena->bytes;
}
