/* module: tensor */
/* Zero-coded elements from a peer: the first byte tells their width and number. What decodes must
 * encode to the same bytes, by either kind of kernel. */
#include <stdlib.h>
#include <string.h>

#include "tensor/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t width = (size_t)1 << (data[0] & 3), elems = (size_t)(data[0] >> 2) * 5 + data[1];
    ff_bytes in = ff_bytes_of(data + 2, size - 2);
    uint8_t *out[2], *again = malloc(ff_zero_room(elems, width));
    ff_code code[2];
    for (int scalar = 0; scalar < 2; scalar++) {
        ff_codec_scalar(scalar);
        out[scalar] = calloc(elems + 1, width);
        code[scalar] = ff_zero_decode(in, elems, width, out[scalar], NULL);
    }
    ff_codec_scalar(false);
    if (code[0] != code[1] || (!code[0] && memcmp(out[0], out[1], elems * width) != 0))
        abort();
    if (!code[0]) {
        size_t len = ff_zero_encode(out[0], elems, width, again);
        /* a mask may mark an element that is zero: then it is encoded shorter */
        if (len > in.len)
            abort();
        ff_code back = ff_zero_decode(ff_bytes_of(again, len), elems, width, out[1], NULL);
        if (back || memcmp(out[0], out[1], elems * width) != 0)
            abort();
    }
    free(out[0]);
    free(out[1]);
    free(again);
    return 0;
}
