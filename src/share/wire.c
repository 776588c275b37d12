#include "share/wire.h"

#include <string.h>

#include "base/base64.h"
#include "base/hash.h"

#define BLOCK       12288u /* bytes: a multiple of 3, and of what fits the first-level cache */
#define BLOCK_CHARS (BLOCK / 3 * 4)

ff_code ff_wire_init(ff_wire *wire, const ff_tensor *whole, const ff_region *region, ff_err *err)
{
    ff_wire w = {.whole = whole, .region = *region};
    ff_code code = ff_region_check(region, &whole->shape, err);
    if (code)
        return code;
    ff_shape shape = ff_region_shape(region);
    size_t bytes = 0;
    code = ff_npy_header(whole->dtype, &shape, w.header, &w.header_bytes, err);
    if (!code)
        code = ff_shape_bytes(&shape, whole->dtype, &bytes, err);
    if (code)
        return code;
    w.npy_bytes = w.header_bytes + bytes;
    *wire = w;
    return FF_OK;
}

/* Bytes on their way into base64. */
typedef struct encoder {
    char *out;
    uint32_t crc;
    size_t held; /* bytes in block */
    uint8_t block[BLOCK];
} encoder;

static void encode_bytes(encoder *e, const uint8_t *bytes, size_t len)
{
    e->crc = ff_hash_crc32c(e->crc, ff_bytes_of(bytes, len));
    ff_base64_encode(bytes, len, e->out);
    e->out += ff_base64_encoded_len(len);
}

static void encode_run(encoder *e, const uint8_t *run, size_t len)
{
    while (len) {
        if (!e->held && len >= BLOCK) { /* straight from the tensor */
            encode_bytes(e, run, BLOCK);
            run += BLOCK;
            len -= BLOCK;
            continue;
        }
        size_t n = BLOCK - e->held < len ? BLOCK - e->held : len;
        memcpy(e->block + e->held, run, n);
        e->held += n;
        run += n;
        len -= n;
        if (e->held == BLOCK) {
            encode_bytes(e, e->block, BLOCK);
            e->held = 0;
        }
    }
}

uint32_t ff_wire_encode(const ff_wire *wire, char *out)
{
    encoder e;
    ff_runs runs;
    size_t offset = 0;
    e.out = out;
    e.crc = 0;
    e.held = 0;
    encode_run(&e, wire->header, wire->header_bytes);
    if (!ff_runs_init(&runs, &wire->region, &wire->whole->shape, wire->whole->dtype, NULL))
        while (ff_runs_next(&runs, &offset)) {
            const uint8_t *run = wire->whole->data + offset;
            if (e.held && runs.run_bytes < BLOCK - e.held) { /* a short row, as most are */
                memcpy(e.block + e.held, run, runs.run_bytes);
                e.held += runs.run_bytes;
            } else {
                encode_run(&e, run, runs.run_bytes);
            }
        }
    encode_bytes(&e, e.block, e.held);
    return e.crc;
}

uint32_t ff_wire_slice(const ff_wire *wire, uint8_t *out)
{
    ff_runs runs;
    size_t offset = 0, done = 0, hashed = 0;
    uint32_t crc = ff_hash_crc32c(0, ff_bytes_of(wire->header, wire->header_bytes));
    if (ff_runs_init(&runs, &wire->region, &wire->whole->shape, wire->whole->dtype, NULL))
        return crc;
    while (ff_runs_next(&runs, &offset)) {
        const uint8_t *run = wire->whole->data + offset;
        if (!out) {
            crc = ff_hash_crc32c(crc, ff_bytes_of(run, runs.run_bytes));
            continue;
        }
        memcpy(out + done, run, runs.run_bytes);
        done += runs.run_bytes;
        if (done - hashed >= BLOCK) { /* while it is in the cache */
            crc = ff_hash_crc32c(crc, ff_bytes_of(out + hashed, done - hashed));
            hashed = done;
        }
    }
    return out ? ff_hash_crc32c(crc, ff_bytes_of(out + hashed, done - hashed)) : crc;
}

/* Does a .npy of that many bytes hold such a tensor? bfloat16 travels as uint16. */
static ff_code check_npy(const ff_npy *npy, size_t bytes, ff_dtype dtype, const ff_shape *shape,
                         ff_err *err)
{
    char wanted[200], found[200];
    ff_dtype as = dtype == FF_DTYPE_BF16 ? FF_DTYPE_U16 : dtype;
    if (npy->dtype != as || !ff_shape_equal(&npy->shape, shape))
        return ff_err_set(err, FF_FORMAT, "npy: wanted %s %s, found %s %s", ff_dtype_name(as),
                          ff_shape_text(shape, wanted, sizeof wanted), ff_dtype_name(npy->dtype),
                          ff_shape_text(&npy->shape, found, sizeof found));
    if (bytes - npy->header_bytes != npy->data_bytes)
        return ff_err_set(err, FF_FORMAT, "npy: wanted %zu bytes of elements, found %zu",
                          npy->data_bytes, bytes - npy->header_bytes);
    return FF_OK;
}

static ff_code check_crc(uint32_t wanted, uint32_t found, ff_err *err)
{
    if (wanted == found)
        return FF_OK;
    return ff_err_set(err, FF_CHECKSUM, "crc32c: wanted %08x, found %08x", wanted, found);
}

static ff_code cut_short(size_t need, size_t found, ff_err *err)
{
    return ff_err_set(err, FF_FORMAT, "npy: wanted at least %zu bytes, found %zu", need, found);
}

/* Bytes on their way out of base64 into a region. */
typedef struct decoder {
    const char *text;
    size_t len; /* characters */
    size_t at;  /* read so far */
    uint32_t crc;
    ff_runs runs;
    uint8_t *to; /* rest of the current run */
    size_t room;
    uint8_t block[BLOCK];
} decoder;

/* Decodes up to a block to out; *bytes are written. */
static ff_code decode_block(decoder *d, uint8_t *out, size_t *bytes, ff_err *err)
{
    size_t chars = d->len - d->at < BLOCK_CHARS ? d->len - d->at : BLOCK_CHARS;
    ff_code code = ff_base64_decoded_len(d->text + d->at, chars, bytes, err);
    if (!code && d->at + chars < d->len && *bytes != BLOCK) /* padding before the end */
        code = ff_err_at(err, FF_FORMAT, "", chars - 1, "base64: padding before the end");
    if (!code)
        code = ff_base64_decode(d->text + d->at, chars, out, err);
    if (code) {
        if (err && err->has_position)
            err->position += d->at;
        return code;
    }
    d->crc = ff_hash_crc32c(d->crc, ff_bytes_of(out, *bytes));
    d->at += chars;
    return FF_OK;
}

/* Makes room in the current run, or takes the next one. */
static bool next_run(decoder *d, ff_tensor *whole)
{
    size_t offset = 0;
    if (d->room)
        return true;
    if (!ff_runs_next(&d->runs, &offset))
        return false;
    d->to = whole->data + offset;
    d->room = d->runs.run_bytes;
    return d->room > 0;
}

/* The lengths were compared before: every byte has its place. */
static void scatter(decoder *d, ff_tensor *whole, const uint8_t *bytes, size_t len)
{
    while (len && next_run(d, whole)) {
        size_t n = d->room < len ? d->room : len;
        memcpy(d->to, bytes, n);
        d->to += n;
        d->room -= n;
        bytes += n;
        len -= n;
    }
}

static ff_code decode_rest(decoder *d, ff_tensor *whole, ff_err *err)
{
    ff_code code = FF_OK;
    size_t bytes = 0;
    while (!code && d->at < d->len) {
        if (d->len - d->at > BLOCK_CHARS && next_run(d, whole) && d->room >= BLOCK) {
            code = decode_block(d, d->to, &bytes, err); /* straight to the tensor */
            if (!code) {
                d->to += bytes;
                d->room -= bytes;
            }
            continue;
        }
        code = decode_block(d, d->block, &bytes, err);
        if (!code)
            scatter(d, whole, d->block, bytes);
    }
    return code;
}

ff_code ff_wire_decode(const char *text, size_t len, uint32_t crc32c, ff_tensor *whole,
                       const ff_region *region, ff_err *err)
{
    decoder d;
    ff_npy npy;
    size_t total = 0, bytes = 0, need = 0;
    d.text = text;
    d.len = len;
    d.at = 0;
    d.crc = 0;
    d.room = 0;
    d.to = NULL;
    ff_code code = ff_runs_init(&d.runs, region, &whole->shape, whole->dtype, err);
    if (!code)
        code = ff_base64_decoded_len(text, len, &total, err);
    if (!code)
        code = decode_block(&d, d.block, &bytes, err);
    if (!code)
        code = ff_npy_parse(ff_bytes_of(d.block, bytes), &npy, &need, err);
    if (code)
        return code;
    if (need) /* a header of this program or of numpy has 128 bytes */
        return need > BLOCK ? ff_err_set(err, FF_LIMIT, "npy: a header of %zu bytes, at most %u",
                                         need, BLOCK)
                            : cut_short(need, bytes, err);
    ff_shape shape = ff_region_shape(region);
    code = check_npy(&npy, total, whole->dtype, &shape, err);
    if (code)
        return code;
    scatter(&d, whole, d.block + npy.header_bytes, bytes - npy.header_bytes);
    code = decode_rest(&d, whole, err);
    return code ? code : check_crc(crc32c, d.crc, err);
}

ff_code ff_wire_check(ff_bytes npy, uint32_t crc32c, ff_dtype dtype, const ff_shape *shape,
                      ff_tensor *view, ff_err *err)
{
    ff_npy head;
    size_t need = 0;
    /* the checksum first: what is damaged is told apart from what was never right */
    ff_code code = check_crc(crc32c, ff_hash_crc32c(0, npy), err);
    if (!code)
        code = ff_npy_parse(npy, &head, &need, err);
    if (code)
        return code;
    if (need)
        return cut_short(need, npy.len, err);
    code = check_npy(&head, npy.len, dtype, shape, err);
    if (code)
        return code;
    return ff_tensor_view(dtype, shape, (void *)(uintptr_t)(npy.data + head.header_bytes),
                          head.data_bytes, view, err);
}
