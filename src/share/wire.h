/*
 * A region of a tensor as the bytes of a .npy, in one pass: out of strided memory into base64 or
 * dense bytes, and back, with the CRC-32C (of the whole .npy, header included) made on the way.
 *
 * Blocks of 12 KiB go through the first-level cache, so that memory is read once and written once;
 * no intermediate copy of the tensor exists. Nothing here allocates or blocks.
 */
#ifndef FF_SHARE_WIRE_H
#define FF_SHARE_WIRE_H

#include "tensor/npy.h"
#include "tensor/region.h"

/* What goes on the wire: whole[region] behind its .npy header. */
typedef struct ff_wire {
    const ff_tensor *whole;
    ff_region region;
    uint8_t header[FF_NPY_HEADER_MAX];
    size_t header_bytes;
    size_t npy_bytes;
} ff_wire;

/* Fails as ff_region_check and ff_npy_header. whole is borrowed as long as the wire is used. */
ff_code ff_wire_init(ff_wire *wire, const ff_tensor *whole, const ff_region *region, ff_err *err);
/* Writes ff_base64_encoded_len(npy_bytes) characters; returns the CRC-32C. */
uint32_t ff_wire_encode(const ff_wire *wire, char *out);
/* Writes the elements, npy_bytes - header_bytes, densely; returns the CRC-32C. out may be NULL:
 * then only the checksum is made. */
uint32_t ff_wire_slice(const ff_wire *wire, uint8_t *out);

/* Base64 of a .npy -> whole[region]. The .npy must have exactly the region's dtype and shape
 * (FF_FORMAT) and that checksum (FF_CHECKSUM). On failure whole[region] holds garbage. */
ff_code ff_wire_decode(const char *text, size_t len, uint32_t crc32c, ff_tensor *whole,
                       const ff_region *region, ff_err *err);
/* The same checks of a .npy in plain bytes; view borrows its elements. A tensor of that dtype and
 * shape is expected. */
ff_code ff_wire_check(ff_bytes npy, uint32_t crc32c, ff_dtype dtype, const ff_shape *shape,
                      ff_tensor *view, ff_err *err);

#endif
