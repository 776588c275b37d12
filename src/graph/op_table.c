/*
 * The op table: the families' arrays as one list.
 */
#include <string.h>

#include "graph/op_int.h"

static const ff_op_entry *const FAMILIES[] = {ff_ops_each,       ff_ops_norm,   ff_ops_move,
                                              ff_ops_matrix,     ff_ops_window, ff_ops_resize,
                                              ff_ops_transposed, ff_ops_shift};
#define FAMILY_COUNT (sizeof FAMILIES / sizeof FAMILIES[0])

const ff_op_entry *ff_op_find(const ff_node *node)
{
    if (node->domain[0] != '\0') {
        return NULL;
    }
    for (size_t f = 0; f < FAMILY_COUNT; f++) {
        for (const ff_op_entry *e = FAMILIES[f]; e->name != NULL; e++) {
            if (e->name[0] == node->op[0] && strcmp(e->name, node->op) == 0) {
                return e;
            }
        }
    }
    return NULL;
}

static const ff_op_entry *entry_at(int index)
{
    for (size_t f = 0; f < FAMILY_COUNT; f++) {
        for (const ff_op_entry *e = FAMILIES[f]; e->name != NULL; e++) {
            if (index-- == 0) {
                return e;
            }
        }
    }
    return NULL;
}

int ff_op_count(void)
{
    int count = 0;
    while (entry_at(count) != NULL) {
        count++;
    }
    return count;
}

const char *ff_op_name(int index)
{
    const ff_op_entry *e = entry_at(index);
    return e == NULL ? NULL : e->name;
}

const char *ff_op_summary(int index)
{
    const ff_op_entry *e = entry_at(index);
    return e == NULL ? NULL : e->summary;
}

bool ff_op_is_layer(int index)
{
    const ff_op_entry *e = entry_at(index);
    return e != NULL && e->dense_axis != NULL;
}

bool ff_op_is_sum(int index)
{
    const ff_op_entry *e = entry_at(index);
    return e != NULL && e->sum_axis != NULL;
}

bool ff_op_is_linear(int index)
{
    const ff_op_entry *e = entry_at(index);
    return e != NULL && e->linear != NULL;
}
