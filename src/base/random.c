#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void ff_random_init(ff_random *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

/* xoshiro256** 1.0, Blackman and Vigna */
uint64_t ff_random_u64(ff_random *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t ff_random_below(ff_random *r, uint64_t bound)
{
    uint64_t least = -bound % bound; /* rejected, so that the rest is uniform */
    uint64_t x;
    do
        x = ff_random_u64(r);
    while (x < least);
    return x % bound;
}

int64_t ff_random_between(ff_random *r, int64_t lo, int64_t hi)
{
    return lo + (int64_t)ff_random_below(r, (uint64_t)(hi - lo) + 1);
}

double ff_random_unit(ff_random *r)
{
    return (double)(ff_random_u64(r) >> 11) * 0x1p-53;
}

double ff_random_normal(ff_random *r)
{
    double u = 1.0 - ff_random_unit(r); /* (0, 1] */
    double v = ff_random_unit(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
}

void ff_random_uuid(char text[37])
{
    uint8_t b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        abort();
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}
