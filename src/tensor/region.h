/*
 * Regions: axis-aligned boxes of a tensor, half-open, and moving them.
 *
 * Copies run over the longest contiguous rows; nothing is allocated.
 */
#ifndef FF_TENSOR_REGION_H
#define FF_TENSOR_REGION_H

#include "tensor/tensor.h"

typedef struct ff_region {
    int rank;
    int64_t lo[FF_MAX_RANK];
    int64_t hi[FF_MAX_RANK];
} ff_region;

ff_region ff_region_whole(const ff_shape *shape);
ff_shape ff_region_shape(const ff_region *region);
bool ff_region_equal(const ff_region *a, const ff_region *b);
bool ff_region_is_whole(const ff_region *region, const ff_shape *shape);
bool ff_region_empty(const ff_region *region);
/* The smallest box that holds both. Equal ranks. */
ff_region ff_region_hull(const ff_region *a, const ff_region *b);
/* Within the shape, lo < hi on each axis; FF_FORMAT with the axis otherwise. */
ff_code ff_region_check(const ff_region *region, const ff_shape *shape, ff_err *err);
/* "[0:1, 0:64, 0:58, 54:112]". Returns text. */
const char *ff_region_text(const ff_region *region, char *text, size_t size);

/* Is the region one run of bytes of the whole (so that a view serves)? Its offset in bytes. */
bool ff_region_contiguous(const ff_region *region, const ff_shape *shape, ff_dtype dtype,
                          size_t *offset);
/* The runs of contiguous bytes that a region is made of, in the order of its elements. */
typedef struct ff_runs {
    size_t run_bytes; /* of every run */
    size_t next;      /* offset of the next one in the whole */
    bool done;
    int outer; /* axes 0 .. outer-1 count runs */
    int64_t at[FF_MAX_RANK], count[FF_MAX_RANK];
    size_t stride[FF_MAX_RANK]; /* bytes */
} ff_runs;
/* Fails as ff_region_check. */
ff_code ff_runs_init(ff_runs *runs, const ff_region *region, const ff_shape *shape, ff_dtype dtype,
                     ff_err *err);
/* The offset in bytes of the next run; false where there is none. */
bool ff_runs_next(ff_runs *runs, size_t *offset);
/* whole[region] -> dense bytes at out (room for the region's bytes). */
ff_code ff_region_slice(const ff_tensor *whole, const ff_region *region, void *out, ff_err *err);
/* dense bytes -> whole[region] = part. part's dtype and shape must be the region's. */
ff_code ff_region_place(ff_tensor *whole, const ff_region *region, const ff_tensor *part,
                        ff_err *err);
/* whole[region] += part; float32, float64, float16 (rounded once), integers (wrapping). */
ff_code ff_region_add(ff_tensor *whole, const ff_region *region, const ff_tensor *part,
                      ff_err *err);

#endif
