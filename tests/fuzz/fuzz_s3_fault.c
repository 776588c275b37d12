/* module: store */
/* Any bytes as S3's answer: errors are found one after the other, each text bounded, and the search
 * comes to an end. A key is escaped so that no markup is left in it. */
#include <stdlib.h>
#include <string.h>

#include "store/s3_fault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int condition)
{
    if (!condition)
        abort();
}

static void escape(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    ff_buf xml;
    ff_buf_init(&xml, 0);
    must(ff_store_xml_escape(text, &xml, NULL) == FF_OK);
    for (size_t i = 0; i < xml.len; i++)
        must(!strchr("<>\"'", xml.data[i]) && xml.data[i] >= ' ');
    ff_buf_clean(&xml);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ff_s3_fault fault;
    size_t at = 0, before = 0;
    while (ff_s3_fault_next(ff_bytes_of(data, size), &at, &fault)) {
        must(at > before && at <= size);
        before = at;
        must(memchr(fault.code, 0, sizeof fault.code) != NULL);
        must(memchr(fault.message, 0, sizeof fault.message) != NULL);
        must(memchr(fault.key, 0, sizeof fault.key) != NULL);
        for (const char *p = fault.message; *p; p++)
            must((unsigned char)*p >= ' ');
    }
    ff_buf body = {.data = (uint8_t *)(uintptr_t)data, .len = size};
    ff_http_response response = {.status = 400, .body = body};
    ff_err err;
    must(ff_s3_fault_set(&response, "GET", "k", &err) != FF_OK && err.message[0]);
    escape(data, size);
    return 0;
}
