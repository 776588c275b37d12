/* module: tensor */
/* Any bytes as a .npy: parsed, viewed, and what was understood is written again and read back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ff_npy npy, again;
    size_t need = 0, len;
    ff_tensor view;
    ff_err err;
    uint8_t header[FF_NPY_HEADER_MAX];
    ff_code code = ff_npy_parse(ff_bytes_of(data, size), &npy, &need, &err);
    if (code || need) {
        must(code || need > size);
        must(ff_npy_view(ff_bytes_of(data, size), &view, &err) != FF_OK);
        return 0;
    }
    must(npy.header_bytes <= size);
    must(ff_npy_header(npy.dtype, &npy.shape, header, &len, &err) == FF_OK);
    must(len <= sizeof header && len % 64 == 0);
    must(ff_npy_parse(ff_bytes_of(header, len), &again, &need, &err) == FF_OK && need == 0);
    must(again.dtype == npy.dtype && ff_shape_equal(&again.shape, &npy.shape));
    must(again.data_bytes == npy.data_bytes);
    if (ff_npy_view(ff_bytes_of(data, size), &view, &err) == FF_OK) {
        ff_tensor copy;
        must(view.bytes == size - npy.header_bytes);
        if (ff_tensor_copy(&view, &copy, &err) == FF_OK) {
            ff_diff diff;
            must(ff_tensor_diff(&view, &copy, &diff, &err) == FF_OK && diff.differing == 0);
            ff_tensor_clean(&copy);
        }
    }
    return 0;
}
