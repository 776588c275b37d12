/*
 * Filling weights: 217 M elements within a second or two.
 *
 * One 64-bit random number gives two elements: each is the sum of two uniform 16-bit numbers, which
 * is triangular, of variance 1/6 once scaled to (-1, 1).
 */
#include <errno.h>
#include <sys/mman.h>

#include "base/random.h"
#include "zoo/zoo_int.h"

static float element(uint32_t bits, float mean, float scale)
{
    int32_t sum = (int32_t)(bits & 0xffff) + (int32_t)(bits >> 16) - 65535;
    return mean + scale * (float)sum;
}

static void fill(ff_random *random, float *out, size_t count, const ff_zoo_recipe *recipe)
{
    const float mean = (float)recipe->mean;
    const float scale = (float)(recipe->deviation * 2.449489742783178 / 65535); /* sqrt(6) */
    size_t i = 0;
    for (; i + 2 <= count; i += 2) {
        uint64_t bits = ff_random_u64(random);
        out[i] = element((uint32_t)bits, mean, scale);
        out[i + 1] = element((uint32_t)(bits >> 32), mean, scale);
    }
    if (i < count)
        out[i] = element((uint32_t)ff_random_u64(random), mean, scale);
}

/* Moves each row to a mean of 0. */
static void centre(float *out, size_t count, size_t row)
{
    for (size_t at = 0; row > 1 && at < count; at += row) {
        float sum = 0;
        for (size_t i = 0; i < row; i++)
            sum += out[at + i];
        for (size_t i = 0; i < row; i++)
            out[at + i] -= sum / (float)row;
    }
}

ff_code ff_zoo_fill(ff_zoo_net *net, uint64_t seed, ff_err *err)
{
    size_t size = (size_t)ff_graph_weight_bytes(net->g);
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED)
        return ff_err_set(err, FF_NO_MEMORY, "no memory for %zu bytes of weights", size);
    net->bytes = bytes;
    net->size = size;
    float *out = bytes;
    for (int i = 0; i < net->recipe_count; i++) {
        ff_value *value = &net->g->values[net->recipe[i].value];
        size_t count = value->data.len / sizeof *out;
        ff_random random; /* of its own, so that a weight does not depend on those before it */
        ff_random_init(&random, seed * 0x9e3779b97f4a7c15u + (uint64_t)i);
        fill(&random, out, count, &net->recipe[i]);
        centre(out, count, net->recipe[i].row);
        value->data.data = (const uint8_t *)out;
        out += count;
    }
    return FF_OK;
}
