/* Additive pair STDP of Song, Miller and Abbott: all inputs on all cells; the row of an input is read and written at its spikes only.
   Postsynaptic updates wait in one sum for each cell, which a row multiplies by its trace; sums begin anew every four time constants. */
#include "vectors.h"

enum { BLOCK = 800, KEPT = 16 };
static int n;
static float *w, *v, *g, *y, *sums[KEPT];
static float *x;        /* traces of inputs when their rows were read last */
static int32_t *seen;   /* the step of that */
static int32_t *fired;
static long now, last;
static double gap;      /* cells until the next spike of the input */

static float *room(size_t count) {
    float *p = aligned_alloc(64, (4 * (count + 64) + 63) & ~63ul);
    memset(p, 0, 4 * (count + 64));
    return p;
}

void begin(int cells, double unused, uint64_t seed) {
    (void)unused;
    n = cells, seed_ = seed, now = last = 0, gap = 0;
    w = room((size_t)n * n), v = room(n), g = room(n), y = room(n), x = room(n), seen = (int32_t *)room(n);
    fired = (int32_t *)room(n);
    for (int k = 0; k < KEPT; k++) sums[k] = room(n);
    for (long k = 0; k < (long)n * n; k++) w[k] = 0.01f * (float)uniform();
    for (int i = 0; i < n + 64; i++) v[i] = -60;
}

static inline vec bounded(vec a) {
    a = chosen(a > 0.0f, a, all(0));
    return chosen(a < 0.01f, a, all(0.01f));
}

static void read_row(int i) {
    const float a = 0.01f * 0.01f, down = -0.0105f * 0.01f;
    float *row = w + (size_t)i * n, before = x[i] * a, weight[KEPT];
    long first = seen[i] / BLOCK, here = now / BLOCK;
    if (here - first >= KEPT) first = here - KEPT + 1;
    for (long k = first; k <= here; k++) weight[k - first] = before * expf((seen[i] - (float)(k * BLOCK)) / 200);
    float after = x[i] * expf((seen[i] - (float)now) / 200) + 1;
    float owed = after * a * expf((now - (float)(here * BLOCK)) / 200);
    x[i] = after, seen[i] = (int32_t)now;
    for (int j = 0; j < n; j += LANES) {
        vec W = at(row + j), S = at(sums[here % KEPT] + j);
        for (long k = first; k < here; k++) W += at(sums[k % KEPT] + j) * weight[k - first];
        W = bounded(W + S * weight[here - first]);
        put(g + j, at(g + j) + W);
        put(row + j, bounded(W + at(y + j) * down) - S * owed);
    }
}

long advance(int steps) {
    const float dt = 0.1f, decay = expf(-dt / 5), trace = expf(-dt / 20);
    long total = 0;
    for (int t = 0; t < steps; t++, now++) {
        if (now % BLOCK == 0) memset(sums[now / BLOCK % KEPT], 0, 4 * (size_t)n);
        for (; gap < n; gap += 1 + floor(log(uniform()) / log1p(-0.0015))) read_row((int)gap);
        gap -= n;
        float power = expf((float)(now % BLOCK) / -200);
        for (long s = 0; s < last; s++) { /* postsynaptic spikes of the step before */
            sums[now / BLOCK % KEPT][fired[s]] += power;
            y[fired[s]] += 1;
        }
        last = 0;
        for (int i = 0; i < n; i += LANES) {
            vec G = at(g + i), V = at(v + i), r = G * (dt / 10) + dt / 10;
            vec f = -V * r + all(-74.0f * dt / 10);
            V = V + f * (1.0f + r * (-0.5f + r * (0.16666667f - r * 0.041666667f)));
            ivec spike = V > -54.0f;
            put(v + i, chosen(spike, all(-60), V)), put(g + i, G * decay), put(y + i, at(y + i) * trace);
            for (uint32_t some = bits(spike); some; some &= some - 1)
                if (i + __builtin_ctz(some) < n) fired[last++] = i + __builtin_ctz(some);
        }
        total += last;
    }
    return total;
}
