/* How much more two threads do than one, pinned to the first two processors, in loops of different kinds. */
#define _GNU_SOURCE
#include "vectors.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

static const char *KINDS[] = {
    "arithmetic in registers", "products of 32-bit numbers", "passes over 16 kB", "passes over 512 kB", "passes over 64 MB",
    "additions at random places of 16 kB", "additions at random places of 32 MB",
};
static const size_t SIZES[] = {64, 64, 1 << 14, 1 << 19, 64 << 20, 1 << 14, 32 << 20};
typedef struct {
    int kind, processor;
    long turns;
    float *room;
    pthread_barrier_t *together;
    double seconds;
    volatile float kept;
} Work;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void turn(Work *work) {
    size_t count = SIZES[work->kind] / 4;
    uint32_t place = 12345;
    if (work->kind == 0) {
        vec x[8];
        for (int k = 0; k < 8; k++) x[k] = all((float)k);
        for (long r = 0; r < 1000000; r++)
            for (int k = 0; k < 8; k++) x[k] = x[k] * 0.999f + 0.1f;
        for (int k = 0; k < 8; k++) work->kept = x[k][0];
    } else if (work->kind == 1) {
        uint64_t x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        for (long r = 0; r < 2000000; r++)
            for (int k = 0; k < 8; k++) x[k] = (x[k] & 0xffffffff) * 0xD2511F53u ^ x[k] >> 32;
        for (int k = 0; k < 8; k++) work->kept = (float)x[k];
    } else if (work->kind < 5) {
        for (size_t done = 0; done < 64u << 20; done += SIZES[work->kind])
            for (size_t k = 0; k < count; k += LANES) put(work->room + k, at(work->room + k) * 0.999f);
    } else
        for (long r = 0; r < 4000000; r++) {
            place = place * 1664525u + 1013904223u;
            work->room[(place >> 3) & (count - 1)] += 1;
        }
}

static void *run(void *given) {
    Work *work = given;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(work->processor, &set);
    sched_setaffinity(0, sizeof set, &set);
    turn(work);
    pthread_barrier_wait(work->together);
    double start = now();
    for (int k = 0; k < 4; k++) turn(work);
    work->seconds = now() - start;
    return 0;
}

static double longest(int kind, int threads) {
    Work work[2];
    pthread_t id[2];
    pthread_barrier_t together;
    double most = 0;
    pthread_barrier_init(&together, 0, threads);
    for (int k = 0; k < threads; k++) {
        work[k] = (Work){kind, k, 0, aligned_alloc(4096, SIZES[kind] < 4096 ? 4096 : SIZES[kind]), &together, 0, 0};
        memset(work[k].room, 0, SIZES[kind]);
        pthread_create(id + k, 0, run, work + k);
    }
    for (int k = 0; k < threads; k++) {
        pthread_join(id[k], 0);
        if (work[k].seconds > most) most = work[k].seconds;
        free(work[k].room);
    }
    return most;
}

void print_gains(void) {
    printf("\n| loop | two threads do, of one |\n|---|---|\n");
    for (int kind = 0; kind < 7; kind++) {
        double best[2] = {1e9, 1e9};
        for (int round = 0; round < 7; round++)
            for (int threads = 1; threads < 3; threads++) {
                double taken = longest(kind, threads);
                if (taken < best[threads - 1]) best[threads - 1] = taken;
            }
        printf("| %s | %.2f |\n", KINDS[kind], 2 * best[0] / best[1]);
    }
    fflush(stdout);
}
