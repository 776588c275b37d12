/*
 * Folding: elements to cells and back, and which op is folded by what.
 */
#include <string.h>

#include "graph/infer_int.h"

bool ff_infer_folds(ff_dtype dtype)
{
    switch (dtype) {
    case FF_DTYPE_BOOL:
    case FF_DTYPE_U8:
    case FF_DTYPE_I8:
    case FF_DTYPE_U16:
    case FF_DTYPE_I16:
    case FF_DTYPE_I32:
    case FF_DTYPE_U32:
    case FF_DTYPE_I64:
    case FF_DTYPE_F32:
    case FF_DTYPE_F64:
        return true;
    default:
        return false;
    }
}

static bool is_signed(ff_dtype dtype)
{
    return dtype == FF_DTYPE_I8 || dtype == FF_DTYPE_I16 || dtype == FF_DTYPE_I32 ||
           dtype == FF_DTYPE_I64;
}

ff_cell ff_infer_load(ff_dtype dtype, const uint8_t *at)
{
    ff_cell cell = {.i = 0};
    if (dtype == FF_DTYPE_F32) {
        float f;
        memcpy(&f, at, sizeof f);
        cell.f = f;
        return cell;
    }
    size_t size = ff_dtype_bytes(dtype);
    memcpy(&cell, at, size); /* little-endian; F64 too */
    if (is_signed(dtype)) {
        unsigned shift = (unsigned)(64 - 8 * size);
        cell.i = (int64_t)((uint64_t)cell.i << shift) >> shift;
    }
    return cell;
}

void ff_infer_store(ff_dtype dtype, ff_cell cell, uint8_t *at)
{
    if (dtype == FF_DTYPE_F32) {
        float f = (float)cell.f;
        memcpy(at, &f, sizeof f);
    } else {
        memcpy(at, &cell, ff_dtype_bytes(dtype));
    }
}

const ff_cell *ff_infer_decode(ff_graph *g, const ff_value *v)
{
    size_t size = ff_dtype_bytes(v->dtype);
    if (!ff_infer_folds(v->dtype) || v->data.len / size > FF_FOLD_MAX) {
        return NULL;
    }
    size_t count = v->data.len / size;
    ff_cell *cells = ff_arena_array(g->arena, count + 1, sizeof *cells);
    for (size_t i = 0; i < count; i++) {
        cells[i] = ff_infer_load(v->dtype, v->data.data + i * size);
    }
    return cells;
}

static ff_fold_fn find_fold(const ff_node *node)
{
    const ff_fold_entry *const tables[2] = {ff_fold_move_table, ff_fold_math_table};
    for (int t = 0; t < 2; t++) {
        for (const ff_fold_entry *e = tables[t]; e->op != NULL; e++) {
            if (strcmp(e->op, node->op) == 0) {
                return e->fold;
            }
        }
    }
    return NULL;
}

void ff_infer_fold(ff_infer *c)
{
    ff_fold_fn fold = NULL;
    ff_cell cells[FF_FOLD_MAX];
    for (int o = 0; o < c->node->out_count && o < 32; o++) {
        uint64_t count = 0;
        if (c->node->out[o] == FF_NO_VALUE || (c->shaped >> o & 1) == 0) {
            continue;
        }
        ff_value *v = &c->g->values[c->node->out[o]];
        if (!ff_infer_folds(v->dtype) || ff_shape_elems(&v->shape, &count, NULL) != FF_OK ||
            count > FF_FOLD_MAX) {
            continue;
        }
        if (fold == NULL) {
            fold = find_fold(c->node);
        }
        if (fold == NULL) {
            return;
        }
        if (count == 0 || fold(c, o, cells, (int)count)) {
            ff_cell *kept = ff_arena_array(c->g->arena, (size_t)count + 1, sizeof *kept);
            memcpy(kept, cells, (size_t)count * sizeof *kept);
            c->cells[c->node->out[o]] = kept;
            v->known = ff_dtype_is_float(v->dtype) ? NULL : &kept->i;
        }
    }
}
