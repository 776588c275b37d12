/*
 * Hashes and encodings of bytes. SHA-256, SHA-1, HMAC and MD5 by OpenSSL, CRC-32C and CRC-32 by
 * ISA-L.
 */
#ifndef FF_BASE_HASH_H
#define FF_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define FF_SHA256_BYTES 32
#define FF_SHA256_HEX   65 /* with the NUL */

typedef struct ff_sha256 ff_sha256; /* streaming */
ff_sha256 *ff_sha256_new(void);
void ff_sha256_update(ff_sha256 *hash, const void *data, size_t len);
/* Writes the digest and frees the hash. */
void ff_sha256_final(ff_sha256 *hash, uint8_t digest[FF_SHA256_BYTES]);
void ff_sha256_free(ff_sha256 *hash); /* accepts NULL; for a hash that is given up */
void ff_hash_sha256(ff_bytes bytes, uint8_t digest[FF_SHA256_BYTES]);
void ff_hash_sha256_hex(ff_bytes bytes, char hex[FF_SHA256_HEX]);
ff_code ff_hash_sha256_file(const char *path, char hex[FF_SHA256_HEX], ff_err *err);
void ff_hash_hmac_sha256(ff_bytes key, ff_bytes data, uint8_t digest[FF_SHA256_BYTES]);
void ff_hash_md5(ff_bytes bytes, uint8_t digest[16]);
void ff_hash_sha1(ff_bytes bytes, uint8_t digest[20]);  /* only because S3's clients may send it */
uint32_t ff_hash_crc32c(uint32_t seed, ff_bytes bytes); /* seed 0 to begin; chains */
uint32_t ff_hash_crc32(uint32_t seed, ff_bytes bytes);  /* zlib's and S3's CRC32 */
void ff_hash_hex(const uint8_t *bytes, size_t len, char *hex); /* lower case, 2*len+1 */

#endif
