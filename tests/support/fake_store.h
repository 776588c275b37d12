/*
 * A store in memory whose operations end from within ff_http_poll of a client, as those of a real
 * one do, and which fails when it is told to.
 */
#ifndef FF_TESTS_SUPPORT_FAKE_STORE_H
#define FF_TESTS_SUPPORT_FAKE_STORE_H

#include "store/store.h"

typedef struct fake_store {
    ff_store store;            /* first */
    struct fake_store *shared; /* whose objects these are; NULL = its own */
    int count;                 /* objects */
    struct fake_object {
        char key[1100];
        ff_buf bytes;
    } object[64];
    int puts, gets, removes;    /* operations begun */
    ff_code fail_put, fail_get; /* FF_OK = none */
    ff_code fail_remove;
    int corrupt_gets; /* so many of the next ones have a bit flipped */
    bool hang;        /* operations never end by themselves */
    int in_flight, freed;
} fake_store;

/* In the caller's storage; free by ff_store_free(&s->store) empties it. */
void fake_store_init(fake_store *s, ff_http *http);
/* The bytes of key; NULL data where there is none. */
ff_bytes fake_store_find(fake_store *s, const char *key);

#endif
