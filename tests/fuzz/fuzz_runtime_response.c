/* module: local */
/* What a function can post to the Runtime API: "error type \n body". Whatever it is, the caller
 * gets a JSON object. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "local/pool_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t type_len = end ? (size_t)(end - data) : 0;
    size_t from = end ? type_len + 1 : 0;
    char *type = end ? ff_mem_must_strndup((const char *)data, type_len) : NULL;
    ff_buf body = {0}, out = {0};
    yyjson_doc *doc = NULL;
    ff_err err;
    must(ff_buf_append(&body, data + from, size - from, NULL) == FF_OK);
    ff_runtime_error_body(type, size % 2, &body, &out);
    must(!body.data);
    must(ff_json_parse(ff_buf_view(&out), &doc, &err) == FF_OK);
    must(yyjson_is_obj(yyjson_doc_get_root(doc)));
    yyjson_doc_free(doc);
    ff_buf_clean(&out);
    ff_mem_free(type);
    return 0;
}
