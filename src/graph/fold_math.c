/*
 * Folding of arithmetic, exactly as a runtime computes it: integers within their type, float32
 * rounded after each step. What would overflow, divide by zero or round otherwise is not folded.
 */
#include <math.h>
#include <string.h>

#include "graph/infer_int.h"

static ff_dtype out_dtype(const ff_infer *c)
{
    return c->g->values[c->node->out[0]].dtype;
}

/* Does the type hold this integer? */
static bool fits(ff_dtype dtype, int64_t i)
{
    switch (dtype) {
    case FF_DTYPE_BOOL:
        return i == 0 || i == 1;
    case FF_DTYPE_U8:
        return i >= 0 && i <= UINT8_MAX;
    case FF_DTYPE_I8:
        return i >= INT8_MIN && i <= INT8_MAX;
    case FF_DTYPE_U16:
        return i >= 0 && i <= UINT16_MAX;
    case FF_DTYPE_I16:
        return i >= INT16_MIN && i <= INT16_MAX;
    case FF_DTYPE_I32:
        return i >= INT32_MIN && i <= INT32_MAX;
    case FF_DTYPE_U32:
        return i >= 0 && i <= UINT32_MAX;
    default:
        return true;
    }
}

/* Rounds to the type, or checks its range; false where it does not fit. */
static bool settle(ff_dtype dtype, ff_cell *cell)
{
    if (dtype == FF_DTYPE_F32) {
        cell->f = (double)(float)cell->f;
    }
    return ff_dtype_is_float(dtype) || fits(dtype, cell->i);
}

static bool int_binary(char op, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case '+':
        return !__builtin_add_overflow(a, b, out);
    case '-':
        return !__builtin_sub_overflow(a, b, out);
    case '*':
        return !__builtin_mul_overflow(a, b, out);
    case '/':
    case '%':
        if (b == 0 || (a == INT64_MIN && b == -1)) {
            return false;
        }
        *out = op == '/' ? a / b : a % b;
        if (op == '%' && *out != 0 && (*out < 0) != (b < 0)) {
            *out += b; /* ONNX: the sign of the divisor */
        }
        return true;
    case '<':
        *out = a < b ? a : b;
        return true;
    default: /* '>' */
        *out = a > b ? a : b;
        return true;
    }
}

static bool real_binary(char op, double a, double b, double *out)
{
    switch (op) {
    case '+':
        *out = a + b;
        return true;
    case '-':
        *out = a - b;
        return true;
    case '*':
        *out = a * b;
        return true;
    case '/':
        *out = a / b;
        return true;
    case '<':
        *out = a < b ? a : b;
        return !isnan(a) && !isnan(b);
    case '>':
        *out = a > b ? a : b;
        return !isnan(a) && !isnan(b);
    default:
        return false;
    }
}

/* out = out op input i, element by element. */
static bool accumulate(ff_infer *c, char op, int i, ff_cell *out, int count)
{
    ff_cell other[FF_FOLD_MAX];
    ff_dtype dtype = out_dtype(c);
    if (!ff_fold_broadcast(c, i, other)) {
        return false;
    }
    for (int k = 0; k < count; k++) {
        bool good = ff_dtype_is_float(dtype) ? real_binary(op, out[k].f, other[k].f, &out[k].f)
                                             : int_binary(op, out[k].i, other[k].i, &out[k].i);
        if (!good || !settle(dtype, &out[k])) {
            return false;
        }
    }
    return true;
}

static bool chain(ff_infer *c, char op, ff_cell *out, int count)
{
    bool good = ff_fold_broadcast(c, 0, out);
    for (int i = 1; good && i < c->node->in_count; i++) {
        good = accumulate(c, op, i, out, count);
    }
    return good;
}

static bool arithmetic(ff_infer *c, int o, ff_cell *out, int count)
{
    static const struct {
        const char *name;
        char op;
    } ops[] = {{"Add", '+'}, {"Sub", '-'}, {"Mul", '*'}, {"Div", '/'},
               {"Mod", '%'}, {"Min", '<'}, {"Max", '>'}};
    (void)o;
    if (ff_node_int(c->node, "fmod", 0) != 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (strcmp(ops[i].name, c->node->op) == 0) {
            return chain(c, ops[i].op, out, count);
        }
    }
    return false;
}

/* Relations and logic: both inputs of one type, the output bool. */
static bool relation(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o;
    ff_cell a[FF_FOLD_MAX], b[FF_FOLD_MAX];
    const char *op = c->node->op;
    bool real = ff_dtype_is_float(ff_infer_dtype(c, 0));
    if (!ff_fold_broadcast(c, 0, a) || !ff_fold_broadcast(c, 1, b)) {
        return false;
    }
    bool less = strncmp(op, "Less", 4) == 0, greater = strncmp(op, "Greater", 7) == 0;
    bool equal = strcmp(op, "Equal") == 0 || strstr(op, "OrEqual") != NULL;
    for (int k = 0; k < count; k++) {
        bool lt = real ? a[k].f < b[k].f : a[k].i < b[k].i;
        bool gt = real ? a[k].f > b[k].f : a[k].i > b[k].i;
        bool eq = real ? a[k].f == b[k].f : a[k].i == b[k].i;
        if (strcmp(op, "And") == 0) {
            out[k].i = a[k].i != 0 && b[k].i != 0;
        } else if (strcmp(op, "Or") == 0) {
            out[k].i = a[k].i != 0 || b[k].i != 0;
        } else if (strcmp(op, "Xor") == 0) {
            out[k].i = (a[k].i != 0) != (b[k].i != 0);
        } else {
            out[k].i = (less && lt) || (greater && gt) || (equal && eq);
        }
    }
    return true;
}

static bool where(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o;
    ff_cell condition[FF_FOLD_MAX], b[FF_FOLD_MAX];
    if (!ff_fold_broadcast(c, 0, condition) || !ff_fold_broadcast(c, 1, out) ||
        !ff_fold_broadcast(c, 2, b)) {
        return false;
    }
    for (int k = 0; k < count; k++) {
        out[k] = condition[k].i != 0 ? out[k] : b[k];
    }
    return true;
}

static bool cast_cell(ff_dtype from, ff_dtype to, ff_cell *cell)
{
    bool real = ff_dtype_is_float(from);
    if (to == FF_DTYPE_BOOL) {
        cell->i = real ? cell->f != 0 : cell->i != 0;
    } else if (ff_dtype_is_float(to) && !real) {
        cell->f = to == FF_DTYPE_F32 ? (double)(float)cell->i : (double)cell->i;
    } else if (real && !ff_dtype_is_float(to)) {
        double whole = trunc(cell->f);
        if (!(whole > -9.2e18 && whole < 9.2e18)) {
            return false;
        }
        cell->i = (int64_t)whole;
    }
    return settle(to, cell);
}

static bool cast(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o;
    bool good = ff_fold_broadcast(c, 0, out);
    for (int k = 0; good && k < count; k++) {
        good = cast_cell(ff_infer_dtype(c, 0), out_dtype(c), &out[k]);
    }
    return good;
}

static bool unary_cell(const char *op, bool real, ff_cell *cell)
{
    if (strcmp(op, "Not") == 0) {
        cell->i = cell->i == 0;
        return true;
    }
    if (!real) {
        if (strcmp(op, "Abs") == 0 && cell->i >= 0) {
            return true;
        }
        return (strcmp(op, "Neg") == 0 || strcmp(op, "Abs") == 0) &&
               !__builtin_sub_overflow(0, cell->i, &cell->i);
    }
    double x = cell->f;
    cell->f = strcmp(op, "Neg") == 0     ? -x
              : strcmp(op, "Abs") == 0   ? fabs(x)
              : strcmp(op, "Floor") == 0 ? floor(x)
              : strcmp(op, "Ceil") == 0  ? ceil(x)
              : strcmp(op, "Round") == 0 ? nearbyint(x) /* halves to even */
              : strcmp(op, "Sqrt") == 0  ? sqrt(x)
                                         : 1.0 / x; /* Reciprocal */
    return true;
}

static bool unary(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o;
    ff_dtype dtype = out_dtype(c);
    bool good = ff_fold_broadcast(c, 0, out);
    for (int k = 0; good && k < count; k++) {
        good = unary_cell(c->node->op, ff_dtype_is_float(dtype), &out[k]) && settle(dtype, &out[k]);
    }
    return good;
}

static bool range(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o;
    int one = 0;
    const ff_cell *start = ff_infer_cells(c, 0, &one), *step = ff_infer_cells(c, 2, &one);
    if (start == NULL || step == NULL || ff_dtype_is_float(out_dtype(c))) {
        return false;
    }
    for (int k = 0; k < count; k++) { /* within the limit, so no overflow */
        out[k].i = start->i + k * step->i;
    }
    return true;
}

/* Sums, products and extremes of integers. */
static bool reduce(ff_infer *c, int o, ff_cell *out, int count)
{
    (void)o;
    int from_count = 0;
    const ff_cell *from = ff_infer_cells(c, 0, &from_count);
    const char *op = c->node->op;
    uint32_t axes = 0;
    bool given = false, known = false;
    if (from == NULL || ff_dtype_is_float(out_dtype(c))) {
        return false;
    }
    const ff_shape *x = ff_infer_shape(c, 0);
    int64_t since = strcmp(op, "ReduceSum") == 0 ? 13 : 18;
    if (ff_infer_axes(c, 1, since, x->rank, &axes, &given, &known) != FF_OK || !known) {
        return false;
    }
    if (!given) {
        axes = ff_node_int(c->node, "noop_with_empty_axes", 0) != 0 ? 0 : UINT32_MAX;
    }
    bool filled[FF_FOLD_MAX] = {false};
    char sign = op[6] == 'S' ? '+' : op[6] == 'P' ? '*' : op[7] == 'i' ? '<' : '>';
    for (int k = 0; k < from_count; k++) {
        int64_t at = 0, rest = k, scale = 1;
        for (int a = x->rank - 1; a >= 0; a--) {
            int64_t index = rest % x->dim[a];
            rest /= x->dim[a];
            if ((axes >> a & 1) == 0) {
                at += index * scale;
                scale *= x->dim[a];
            }
        }
        if (filled[at] && (!int_binary(sign, out[at].i, from[k].i, &out[at].i) ||
                           !settle(out_dtype(c), &out[at]))) {
            return false;
        }
        if (!filled[at]) {
            out[at] = from[k];
            filled[at] = true;
        }
    }
    return from_count > 0 && count > 0;
}

const ff_fold_entry ff_fold_math_table[] = {
    {"Add", arithmetic},   {"Sub", arithmetic},
    {"Mul", arithmetic},   {"Div", arithmetic},
    {"Mod", arithmetic},   {"Min", arithmetic},
    {"Max", arithmetic},   {"Equal", relation},
    {"Less", relation},    {"LessOrEqual", relation},
    {"Greater", relation}, {"GreaterOrEqual", relation},
    {"And", relation},     {"Or", relation},
    {"Xor", relation},     {"Where", where},
    {"Cast", cast},        {"Not", unary},
    {"Neg", unary},        {"Abs", unary},
    {"Floor", unary},      {"Ceil", unary},
    {"Round", unary},      {"Sqrt", unary},
    {"Reciprocal", unary}, {"Range", range},
    {"ReduceSum", reduce}, {"ReduceProd", reduce},
    {"ReduceMin", reduce}, {"ReduceMax", reduce},
    {NULL, NULL},
};
