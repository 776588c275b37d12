/*
 * Seeded random numbers (xoshiro256**), equal on every machine. Not for secrets.
 */
#ifndef FF_BASE_RANDOM_H
#define FF_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct ff_random {
    uint64_t s[4];
} ff_random;

void ff_random_init(ff_random *r, uint64_t seed);
uint64_t ff_random_u64(ff_random *r);
uint64_t ff_random_below(ff_random *r, uint64_t bound); /* uniform in [0, bound); bound > 0 */
int64_t ff_random_between(ff_random *r, int64_t lo, int64_t hi); /* both included */
double ff_random_unit(ff_random *r);                             /* [0, 1) */
double ff_random_normal(ff_random *r);                           /* mean 0, deviation 1 */
/* A random version-4 UUID from the kernel's entropy, 37 bytes with the NUL. */
void ff_random_uuid(char text[37]);

#endif
