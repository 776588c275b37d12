/* module: share */
/* Any bytes as an envelope: the first byte chooses the kind; inline tensors are decoded. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "share/envelope.h"

#define FOLDER "runs/d/"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

static void decode(const ff_env_tensor *t)
{
    ff_tensor to;
    ff_err err;
    if (t->data_bytes > 1u << 20)
        return;
    ff_region all = ff_region_whole(&t->shape);
    must(ff_tensor_new(t->dtype, &t->shape, &to, &err) == FF_OK);
    memset(to.data, 0, to.bytes);
    if (!ff_wire_decode((const char *)t->data.data, t->data.len, t->crc32c, &to, &all, &err)) {
        ff_wire wire;
        must(ff_wire_init(&wire, &to, &all, &err) == FF_OK);
        char *text = malloc((wire.npy_bytes + 2) / 3 * 4);
        must(text != NULL);
        uint32_t crc = ff_wire_encode(&wire, text);
        /* the same bytes, unless another writer's header was longer or shorter */
        must(crc == t->crc32c || (wire.npy_bytes + 2) / 3 * 4 != t->data.len ||
             memcmp(text, t->data.data, t->data.len) != 0);
        free(text);
    }
    ff_tensor_clean(&to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ff_envelope e = {0};
    ff_buf payload;
    ff_err err;
    if (!size)
        return 0;
    ff_buf_init(&payload, 0);
    must(ff_buf_append(&payload, data + 1, size - 1, &err) == FF_OK);
    if (!ff_envelope_parse((ff_env_kind)(data[0] & 3), &payload, FOLDER, &e, &err)) {
        for (int i = 0; i < e.count; i++) {
            must(e.tensor[i].name[0] != '\0' && e.tensor[i].data_bytes > 0);
            if (e.tensor[i].route == FF_ROUTE_INLINE)
                decode(&e.tensor[i]);
            else
                must(!strncmp(e.tensor[i].key, FOLDER, strlen(FOLDER)) &&
                     !strstr(e.tensor[i].key, "/../"));
        }
        ff_envelope_clean(&e);
    }
    ff_buf_clean(&payload);
    return 0;
}
