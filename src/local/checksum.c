/* S3's additional checksums. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/hash.h"
#include "local/s3_int.h"

#define PREFIX     "x-amz-checksum-"
#define CRC64_POLY 0x9a6c9329ac4bc9b5u /* reflected; CRC-64/NVME */

typedef enum kind {
    KIND_CRC32,
    KIND_CRC32C,
    KIND_CRC64NVME,
    KIND_SHA1,
    KIND_SHA256,
    KIND_NONE
} kind;

static kind kind_of(const char *name)
{
    static const char *const NAMES[] = {"crc32", "crc32c", "crc64nvme", "sha1", "sha256"};
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return KIND_NONE;
    for (int i = 0; i < KIND_NONE; i++)
        if (strcmp(name + strlen(PREFIX), NAMES[i]) == 0)
            return (kind)i;
    return KIND_NONE;
}

static uint64_t table[8][256];

/* table[0] is the usual one of a byte; table[k] that of a byte with k more behind it. */
static void make_table(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? CRC64_POLY : 0);
        table[0][i] = crc;
    }
    for (unsigned i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
}

uint64_t ff_checksum_crc64nvme(uint64_t seed, ff_bytes bytes)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_table);
    uint64_t crc = ~seed;
    const uint8_t *at = bytes.data;
    size_t len = bytes.len;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word = 0;
        for (int i = 0; i < 8; i++)
            word |= (uint64_t)at[i] << (8 * i);
        word ^= crc;
        crc = 0;
        for (int i = 0; i < 8; i++)
            crc ^= table[7 - i][word >> (8 * i) & 255];
    }
    for (; len; at++, len--)
        crc = crc >> 8 ^ table[0][(crc ^ *at) & 255];
    return ~crc;
}

static size_t big_endian(uint64_t value, size_t bytes, uint8_t *out)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    return bytes;
}

bool ff_checksum_is_name(const char *name)
{
    return kind_of(name) != KIND_NONE;
}

bool ff_checksum_compute(const char *name, ff_bytes bytes, char value[64])
{
    uint8_t digest[FF_SHA256_BYTES];
    unsigned len = 0;
    switch (kind_of(name)) {
    case KIND_CRC32:
        len = (unsigned)big_endian(ff_hash_crc32(0, bytes), 4, digest);
        break;
    case KIND_CRC32C:
        len = (unsigned)big_endian(ff_hash_crc32c(0, bytes), 4, digest);
        break;
    case KIND_CRC64NVME:
        len = (unsigned)big_endian(ff_checksum_crc64nvme(0, bytes), 8, digest);
        break;
    case KIND_SHA1:
        ff_hash_sha1(bytes, digest);
        len = 20;
        break;
    case KIND_SHA256:
        ff_hash_sha256(bytes, digest);
        len = FF_SHA256_BYTES;
        break;
    case KIND_NONE:
        return false;
    }
    ff_base64_encode(digest, len, value);
    value[ff_base64_encoded_len(len)] = '\0';
    return true;
}
