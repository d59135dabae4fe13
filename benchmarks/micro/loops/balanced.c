/* COBA (or -DCUBA): one weight for each kind, no delay but the step, spikes as a list. What a circuit of this kind cannot avoid. */
#include "vectors.h"

static int n, nexc;
static float *v, *ge, *gi;
static int32_t *ready;  /* the step from which a cell is no longer refractory */
static int32_t *start, *target, *fired;
static int32_t now;
static long last;  /* spikes of the last step */

void begin(int cells, double probability, uint64_t seed) {
    n = cells, nexc = cells * 4 / 5, seed_ = seed, now = 0, last = 0;
    size_t room = 4 * (size_t)(n + 64);
    v = aligned_alloc(64, (room + 63) & ~63ul), ge = aligned_alloc(64, (room + 63) & ~63ul);
    gi = aligned_alloc(64, (room + 63) & ~63ul), ready = aligned_alloc(64, (room + 63) & ~63ul);
    fired = malloc(room), start = malloc(room);
    target = malloc((size_t)(1.1 * probability * n * n + 1000) * 4);
    for (int i = 0; i < n + 64; i++) {
#ifdef CUBA
        v[i] = -60 + 10 * uniform(), ge[i] = gi[i] = 0;
#else
        v[i] = -65 + 15 * uniform(), ge[i] = 2 * uniform(), gi[i] = 20 * uniform();
#endif
        ready[i] = i < n ? 0 : INT32_MAX;
    }
    long k = 0;
    for (int i = 0; i < n; i++) {
        start[i] = k;
        for (double j = -1;;) {
            j += 1 + floor(log(uniform()) / log1p(-probability));
            if (j >= n) break;
            target[k++] = (int32_t)j;
        }
    }
    start[n] = k;
}

/* (exp(x) - 1) / x, |x| < 1/2, to float */
static inline vec exprel(vec x) {
    vec y = x * 1.98412698e-4f + 1.38888889e-3f;
    y = y * x + 8.33333333e-3f;
    y = y * x + 4.16666667e-2f;
    y = y * x + 1.66666667e-1f;
    y = y * x + 0.5f;
    return y * x + 1.0f;
}

long advance(int steps) {
    const float dt = 0.1f, decay_e = expf(-dt / 5), decay_i = expf(-dt / 10);
    long total = 0;
    for (int t = 0; t < steps; t++, now++) {
        for (long s = 0; s < last; s++) { /* arrive */
            const int32_t *to = target + start[fired[s]], *end = target + start[fired[s] + 1];
#ifdef CUBA
            float *g = fired[s] < nexc ? ge : gi, w = fired[s] < nexc ? 1.62f : -9.0f;
#else
            float *g = fired[s] < nexc ? ge : gi, w = fired[s] < nexc ? 0.6f : 6.7f;
#endif
            while (to < end) g[*to++] += w;
        }
        last = 0;
        for (int i = 0; i < n; i += LANES) { /* advance, fire, reset */
            vec E = at(ge + i), I = at(gi + i), V = at(v + i);
#ifdef CUBA
            vec W = V * 0.99501248f + 4.98752e-3f * -49.0f; /* the exact step of three linear equations */
            W += E * 4.93787e-3f + I * 4.96271e-3f;
#else
            vec x = (E + I + 1.0f) * (-dt / 20);
            vec f = V * x + (E * 0.0f + I * -80.0f + -60.0f) * (dt / 20);
            vec W = V + f * exprel(x);
#endif
            ivec *hold = (ivec *)(ready + i);
            V = chosen(*hold <= now, W, V);
            ivec spike = V > -50.0f;
            put(v + i, chosen(spike, all(-60), V)), put(ge + i, E * decay_e), put(gi + i, I * decay_i);
            for (uint32_t some = bits(spike); some; some &= some - 1) {
                int cell = i + __builtin_ctz(some);
                fired[last++] = cell, ready[cell] = now + 51;
            }
        }
        total += last;
    }
    return total;
}
