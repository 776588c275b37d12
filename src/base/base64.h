/*
 * Base64 (RFC 4648, section 4, with padding), by the widest kernel that the CPU has.
 */
#ifndef FF_BASE_BASE64_H
#define FF_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Characters of the encoding of len bytes, without NUL. */
static inline size_t ff_base64_encoded_len(size_t len)
{
    return (len + 2) / 3 * 4;
}
/* Writes exactly ff_base64_encoded_len(len) characters, no NUL. */
void ff_base64_encode(const uint8_t *in, size_t len, char *out);
/* Bytes of the decoding by length and padding alone; FF_FORMAT where len is no multiple of 4. */
ff_code ff_base64_decoded_len(const char *in, size_t len, size_t *out_len, ff_err *err);
/* Writes exactly that many bytes. FF_FORMAT with the position of the first bad character. */
ff_code ff_base64_decode(const char *in, size_t len, uint8_t *out, ff_err *err);
/* The kernel in use: "avx2", "ssse3" or "scalar"; tests force one by name, NULL = the best. */
const char *ff_base64_kernel(const char *force);

#endif
