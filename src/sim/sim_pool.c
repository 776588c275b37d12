#include "sim/sim_pool.h"

#include "base/mem.h"

bool sim_pool_take(sim_pool *p, double now_ms, double idle_ms, sim_instance *out)
{
    p->busy++;
    p->most_busy = p->busy > p->most_busy ? p->busy : p->most_busy;
    if (p->idle_count > 0 && now_ms - p->idle[p->idle_count - 1].free_ms > idle_ms)
        p->idle_count = 0; /* those below have idled longer */
    if (p->idle_count == 0) {
        *out = (sim_instance){now_ms, 0, 0};
        return false;
    }
    *out = p->idle[--p->idle_count];
    return true;
}

void sim_pool_give(sim_pool *p, const sim_instance *instance)
{
    p->busy--;
    if (p->idle_count == p->idle_room) {
        int room = p->idle_room * 2 + 4;
        p->idle = ff_mem_must_grow(p->idle, (size_t)p->idle_room, (size_t)room, sizeof *p->idle);
        p->idle_room = room;
    }
    p->idle[p->idle_count++] = *instance;
}

void sim_pool_wait(sim_pool *p, const sim_call *call)
{
    if (p->queue_count == p->queue_room) {
        int room = p->queue_room * 2 + 4;
        sim_call *ring = ff_mem_must_array((size_t)room, sizeof *ring);
        for (int i = 0; i < p->queue_count; i++)
            ring[i] = p->queue[(p->queue_first + i) % p->queue_room];
        ff_mem_free(p->queue);
        p->queue = ring;
        p->queue_room = room;
        p->queue_first = 0;
    }
    p->queue[(p->queue_first + p->queue_count++) % p->queue_room] = *call;
}

bool sim_pool_next(sim_pool *p, sim_call *out)
{
    if (p->queue_count == 0)
        return false;
    *out = p->queue[p->queue_first];
    p->queue_first = (p->queue_first + 1) % p->queue_room;
    p->queue_count--;
    return true;
}

void sim_pool_clean(sim_pool *p)
{
    ff_mem_free(p->idle);
    ff_mem_free(p->queue);
    *p = (sim_pool){0};
}

static bool before(const sim_event *a, const sim_event *b)
{
    return a->at_ms < b->at_ms || (a->at_ms <= b->at_ms && a->order < b->order);
}

void sim_events_push(sim_events *q, double at_ms, sim_event_kind kind, int request, int worker)
{
    sim_event e = {at_ms, q->pushed++, kind, request, worker};
    if (q->count == q->room) {
        int room = q->room * 2 + 64;
        q->heap = ff_mem_must_grow(q->heap, (size_t)q->room, (size_t)room, sizeof *q->heap);
        q->room = room;
    }
    int i = q->count++;
    for (; i > 0 && before(&e, &q->heap[(i - 1) / 2]); i = (i - 1) / 2)
        q->heap[i] = q->heap[(i - 1) / 2];
    q->heap[i] = e;
}

bool sim_events_pop(sim_events *q, sim_event *out)
{
    if (q->count == 0)
        return false;
    *out = q->heap[0];
    sim_event last = q->heap[--q->count];
    int i = 0;
    for (int child = 1; child < q->count; child = 2 * i + 1) {
        if (child + 1 < q->count && before(&q->heap[child + 1], &q->heap[child]))
            child++;
        if (!before(&q->heap[child], &last))
            break;
        q->heap[i] = q->heap[child];
        i = child;
    }
    if (q->count > 0)
        q->heap[i] = last;
    return true;
}

void sim_events_clean(sim_events *q)
{
    ff_mem_free(q->heap);
    *q = (sim_events){0};
}
