/*
 * The instances of one function, and the queue of events; plain containers of a run.
 */
#ifndef FF_SIM_SIM_POOL_H
#define FF_SIM_SIM_POOL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_instance {
    double free_ms;              /* since when it idles */
    double up_bytes, down_bytes; /* taken from its buckets, as of free_ms */
} sim_instance;

typedef struct sim_call {
    int request, worker;
    double at_ms;
} sim_call;

typedef struct sim_pool {
    sim_instance *idle; /* the one used last is on top */
    int idle_count, idle_room, busy, most_busy;
    sim_call *queue; /* a ring, in order of arrival */
    int queue_first, queue_count, queue_room;
} sim_pool;

/* An idle instance into *out: true. False: there is none that still lives, so one starts. */
bool sim_pool_take(sim_pool *p, double now_ms, double idle_ms, sim_instance *out);
void sim_pool_give(sim_pool *p, const sim_instance *instance);
void sim_pool_wait(sim_pool *p, const sim_call *call);
bool sim_pool_next(sim_pool *p, sim_call *out); /* the first that waits */
void sim_pool_clean(sim_pool *p);

typedef enum sim_event_kind { SIM_ARRIVE, SIM_CALL, SIM_FREE, SIM_JOIN } sim_event_kind;

typedef struct sim_event {
    double at_ms;
    uint64_t order; /* of equal times, the first pushed */
    sim_event_kind kind;
    int request, worker; /* FREE: the function */
} sim_event;

typedef struct sim_events {
    sim_event *heap;
    int count, room;
    uint64_t pushed;
} sim_events;

void sim_events_push(sim_events *q, double at_ms, sim_event_kind kind, int request, int worker);
bool sim_events_pop(sim_events *q, sim_event *out); /* the earliest */
void sim_events_clean(sim_events *q);

#endif
