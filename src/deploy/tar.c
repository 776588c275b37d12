#include "deploy/tar.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES   100
#define PREFIX_BYTES 155

/* The ustar header, field by field; all of it are bytes. */
typedef struct header {
    char name[NAME_BYTES];
    char mode[8], uid[8], gid[8], size[12], mtime[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char user[32], group[32];
    char major[8], minor[8];
    char prefix[PREFIX_BYTES];
    char padding[12];
} header;
_Static_assert(sizeof(header) == FF_TAR_BLOCK, "a tar header is one block");

/* A name of more than 100 bytes is cut at a '/' into prefix and name. */
static bool put_name(header *h, const char *name)
{
    size_t len = strlen(name);
    if (len <= NAME_BYTES) {
        memcpy(h->name, name, len);
        return true;
    }
    for (size_t cut = len - 1; cut > 0; cut--)
        if (name[cut] == '/' && name[cut + 1] && len - cut - 1 <= NAME_BYTES &&
            cut <= PREFIX_BYTES) {
            memcpy(h->prefix, name, cut);
            memcpy(h->name, name + cut + 1, len - cut - 1);
            return true;
        }
    return false;
}

/* digits octal digits and a NUL. */
static void put_octal(char *field, int digits, uint64_t value)
{
    field[digits] = '\0';
    for (int i = digits - 1; i >= 0; i--, value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

ff_code ff_tar_header(const char *name, uint64_t size, int mode, uint8_t block[FF_TAR_BLOCK],
                      ff_err *err)
{
    header h = {0};
    size_t len = strlen(name);
    unsigned sum = 0;
    if (size >= FF_TAR_MAX_BYTES)
        return ff_err_set(err, FF_LIMIT, "a file of %llu bytes, a tar's has less than %llu",
                          (unsigned long long)size, (unsigned long long)FF_TAR_MAX_BYTES);
    if (!len || !put_name(&h, name))
        return ff_err_set(err, FF_LIMIT, "a name of %zu bytes does not fit into a tar: %.300s", len,
                          name);
    put_octal(h.mode, 7, (uint64_t)mode);
    put_octal(h.uid, 7, 0);
    put_octal(h.gid, 7, 0);
    put_octal(h.size, 11, size);
    put_octal(h.mtime, 11, 0);
    h.type = name[len - 1] == '/' ? '5' : '0';
    memcpy(h.magic, "ustar", 6);
    memcpy(h.version, "00", 2);
    memset(h.checksum, ' ', sizeof h.checksum); /* it counts as blanks */
    memcpy(block, &h, sizeof h);
    for (int i = 0; i < FF_TAR_BLOCK; i++)
        sum += block[i];
    put_octal(h.checksum, 6, sum);
    memcpy(block, &h, sizeof h);
    return FF_OK;
}
