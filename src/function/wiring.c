#include <assert.h>
#include <string.h>

#include "function/function_int.h"

/* Later ones first: a name is given again only after its first bearer was dropped. */
static int number_of(const ff_wiring *w, const char *name)
{
    int i = w->value_count - 1;
    while (i >= 0 && strcmp(w->value[i]->name, name) != 0)
        i--;
    assert(i >= 0); /* a checked manifest knows its names */
    return i;
}

static int *numbers_of_parts(ff_wiring *w, const ff_mf_part *parts, int count)
{
    int *numbers = ff_arena_array(w->arena, (size_t)count, sizeof *numbers);
    for (int i = 0; i < count; i++)
        numbers[i] = number_of(w, parts[i].name);
    return numbers;
}

static int *add_values(ff_wiring *w, const ff_mf_tensor *tensors, int count)
{
    int *numbers = ff_arena_array(w->arena, (size_t)count, sizeof *numbers);
    for (int i = 0; i < count; i++) {
        numbers[i] = w->value_count;
        w->value[w->value_count++] = &tensors[i];
    }
    return numbers;
}

static void wire_stage(ff_wiring *w, const ff_mf_stage *from, ff_wired_stage *to)
{
    to->piece = ff_arena_array(w->arena, (size_t)from->piece_count, sizeof *to->piece);
    for (int p = 0; p < from->piece_count; p++)
        to->piece[p].in = numbers_of_parts(w, from->piece[p].in, from->piece[p].in_count);
    to->out = add_values(w, from->out, from->out_count);
    for (int p = 0; p < from->piece_count; p++)
        to->piece[p].out = numbers_of_parts(w, from->piece[p].out, from->piece[p].out_count);
    to->drop = ff_arena_array(w->arena, (size_t)from->drop_count, sizeof *to->drop);
    for (int i = 0; i < from->drop_count; i++)
        to->drop[i] = number_of(w, from->drop[i]);
}

void ff_wiring_init(ff_wiring *wiring, const ff_manifest *manifest)
{
    size_t values = (size_t)manifest->in_count;
    for (int s = 0; s < manifest->stage_count; s++)
        values += (size_t)manifest->stage[s].out_count;
    ff_wiring w = {.arena = ff_arena_new()};
    w.value = ff_arena_array(w.arena, values, sizeof *w.value);
    w.stage = ff_arena_array(w.arena, (size_t)manifest->stage_count, sizeof *w.stage);
    w.in = add_values(&w, manifest->in, manifest->in_count);
    for (int s = 0; s < manifest->stage_count; s++)
        wire_stage(&w, &manifest->stage[s], &w.stage[s]);
    w.out = ff_arena_array(w.arena, (size_t)manifest->out_count, sizeof *w.out);
    for (int i = 0; i < manifest->out_count; i++)
        w.out[i] = number_of(&w, manifest->out[i].name);
    *wiring = w;
}

void ff_wiring_clean(ff_wiring *wiring)
{
    ff_arena_free(wiring->arena);
    *wiring = (ff_wiring){0};
}
