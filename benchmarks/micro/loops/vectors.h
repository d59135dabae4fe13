/* Vectors of LANES floats, as GCC and clang write them; -DLANES=16 or 8. */
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4)));
typedef int32_t ivec __attribute__((vector_size(4 * LANES), aligned(4)));

static inline vec at(const float *p) { return *(const vec *)p; }
static inline void put(float *p, vec x) { *(vec *)p = x; }
static inline vec all(float x) { return x - (vec){}; }
static inline vec chosen(ivec mask, vec yes, vec no) { return (vec)(((ivec)yes & mask) | ((ivec)no & ~mask)); }

/* the signs of all lanes */
static inline uint32_t bits(ivec mask) {
#if LANES == 16
    return (uint32_t)_mm512_movepi32_mask((__m512i)mask);
#else
    return (uint32_t)_mm256_movemask_ps((__m256)mask);
#endif
}

/* xorshift64*, for the wiring and the input */
static uint64_t seed_;
static inline uint64_t next_(void) {
    seed_ ^= seed_ >> 12, seed_ ^= seed_ << 25, seed_ ^= seed_ >> 27;
    return seed_ * 2685821657736338717ull;
}
static inline double uniform(void) { return ((next_() >> 11) + 0.5) * 0x1p-53; }
