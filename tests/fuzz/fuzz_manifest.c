/* module: manifest */
/* Any bytes as a manifest: what is accepted is written again and reads back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ff_manifest *m = NULL, *again = NULL;
    ff_err err;
    if (ff_manifest_parse(ff_bytes_of(data, size), "dir", &m, &err)) {
        must(m == NULL);
        return 0;
    }
    ff_buf first, second;
    ff_buf_init(&first, 0);
    ff_buf_init(&second, 0);
    must(ff_manifest_emit(m, &first, &err) == FF_OK);
    must(ff_manifest_parse(ff_buf_view(&first), "dir", &again, &err) == FF_OK);
    must(ff_manifest_emit(again, &second, &err) == FF_OK);
    must(first.len == second.len && !memcmp(first.data, second.data, first.len));
    must(again->stage_count == m->stage_count && again->function_count == m->function_count);
    ff_buf_clean(&first);
    ff_buf_clean(&second);
    ff_manifest_free(m);
    ff_manifest_free(again);
    return 0;
}
