#include "base/hash.h"

#include <isa-l/crc.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"

struct ff_sha256 {
    EVP_MD_CTX *context;
};

static void must_work(int result)
{
    if (result != 1)
        abort(); /* OpenSSL fails here only when memory is out */
}

ff_sha256 *ff_sha256_new(void)
{
    ff_sha256 *hash = ff_mem_must(sizeof *hash);
    hash->context = EVP_MD_CTX_new();
    must_work(hash->context && EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL));
    return hash;
}

void ff_sha256_update(ff_sha256 *hash, const void *data, size_t len)
{
    must_work(EVP_DigestUpdate(hash->context, data, len));
}

void ff_sha256_final(ff_sha256 *hash, uint8_t digest[FF_SHA256_BYTES])
{
    must_work(EVP_DigestFinal_ex(hash->context, digest, NULL));
    ff_sha256_free(hash);
}

void ff_sha256_free(ff_sha256 *hash)
{
    if (!hash)
        return;
    EVP_MD_CTX_free(hash->context);
    ff_mem_free(hash);
}

void ff_hash_sha256(ff_bytes bytes, uint8_t digest[FF_SHA256_BYTES])
{
    must_work(EVP_Digest(bytes.data, bytes.len, digest, NULL, EVP_sha256(), NULL));
}

void ff_hash_sha256_hex(ff_bytes bytes, char hex[FF_SHA256_HEX])
{
    uint8_t digest[FF_SHA256_BYTES];
    ff_hash_sha256(bytes, digest);
    ff_hash_hex(digest, sizeof digest, hex);
}

ff_code ff_hash_sha256_file(const char *path, char hex[FF_SHA256_HEX], ff_err *err)
{
    ff_map map = {0};
    ff_code code = ff_file_map(path, &map, err);
    if (code)
        return code;
    ff_hash_sha256_hex((ff_bytes){map.data, map.len}, hex);
    ff_file_unmap(&map);
    return FF_OK;
}

void ff_hash_hmac_sha256(ff_bytes key, ff_bytes data, uint8_t digest[FF_SHA256_BYTES])
{
    static const uint8_t NOTHING[1];
    unsigned len = FF_SHA256_BYTES;
    must_work(HMAC(EVP_sha256(), key.len ? key.data : NOTHING, (int)key.len, data.data, data.len,
                   digest, &len) != NULL);
}

void ff_hash_md5(ff_bytes bytes, uint8_t digest[16])
{
    must_work(EVP_Digest(bytes.data, bytes.len, digest, NULL, EVP_md5(), NULL));
}

void ff_hash_sha1(ff_bytes bytes, uint8_t digest[20])
{
    must_work(EVP_Digest(bytes.data, bytes.len, digest, NULL, EVP_sha1(), NULL));
}

#define CHUNK (1u << 30) /* ISA-L's CRC-32C takes an int */

uint32_t ff_hash_crc32c(uint32_t seed, ff_bytes bytes)
{
    /* crc32_iscsi leaves initial and final inversion to the caller */
    uint32_t crc = ~seed;
    while (bytes.len) {
        size_t n = bytes.len < CHUNK ? bytes.len : CHUNK;
        crc = crc32_iscsi((unsigned char *)(uintptr_t)bytes.data, (int)n, crc);
        bytes.data += n;
        bytes.len -= n;
    }
    return ~crc;
}

uint32_t ff_hash_crc32(uint32_t seed, ff_bytes bytes)
{
    return crc32_gzip_refl(seed, bytes.data, bytes.len);
}

void ff_hash_hex(const uint8_t *bytes, size_t len, char *hex)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        hex[2 * i] = DIGITS[bytes[i] >> 4];
        hex[2 * i + 1] = DIGITS[bytes[i] & 15];
    }
    hex[2 * len] = '\0';
}
