"""Large angles for printed steps: the remainder of x beyond the nearest multiple of pi/2, in C99 and in Python.

Method (M. H. Payne and R. N. Hanek, "Radian reduction for trigonometric functions", ACM SIGNUM Newsletter 18(1), 1983): only
192 bits of 2/pi matter modulo 4, and whole numbers multiply them. The last steps are the same float64 operations in both.
"""

from __future__ import annotations

import math
import struct

import numpy as np

from ranvier.kernels.elementary import TWO_OVER_PI

__all__ = ["FAR_ANGLES", "far_angle"]

_HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
_LEAST = 2.0**17
_LOW_BITS = 2047  # of 64, those beyond the 53 of a double
_WORD = (1 << 64) - 1

FAR_ANGLES = f"""
static const uint64_t two_over_pi[{len(TWO_OVER_PI)}] = {{
  {", ".join(f"0x{word:016x}u" for word in TWO_OVER_PI)}
}};

static inline uint64_t joined(uint64_t high, uint64_t low, int shift) {{
  return high << shift | (low >> 1) >> (63 - shift);
}}

static inline void product(uint64_t a, uint64_t b, uint64_t *high, uint64_t *low) {{
  const uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
  const uint64_t p = a0 * b0, q = a1 * b0 + (p >> 32), s = a0 * b1 + (q & 0xffffffffu);
  *high = a1 * b1 + (q >> 32) + (s >> 32);
  *low = s << 32 | (p & 0xffffffffu);
}}

typedef struct {{ double rest; int turns; }} reduced_angle;

/* x = rest + turns pi/2 + a multiple of 2 pi, for |x| >= 2^17; the rest is NaN at infinity */
static reduced_angle far_angle(double x) {{
  const uint64_t bits = (uint64_t)as_integer_d(x);
  const int e = (int)(bits >> 52 & 2047) - 1075;
  reduced_angle found = {{x, 0}};
  if (!(absolute_d(x) >= {_LEAST.hex()})) return found;
  if (e == 972) {{ found.rest = NAN; return found; }}
  const uint64_t m = (bits & 0xfffffffffffffu) | 0x10000000000000u, *table = two_over_pi + ((e + 62) >> 6);
  uint64_t w[3], high, low, middle, rest;
  for (int k = 0; k < 3; k++) w[k] = joined(table[k], table[k + 1], (e + 62) & 63);
  product(m, w[2], &middle, &rest);
  product(m, w[1], &high, &low);
  low += middle;
  high += (low < middle) + m * w[0];
  uint64_t quarter = (high + ((uint64_t)1 << 61)) >> 62;
  high -= quarter << 62;
  const int below = high >> 63;
  if (below) {{ high = ~high; low = ~low; }}
  int zeros = 0;
  if (!high) {{ high = low; low = 0; zeros = 64; }}
  while (!(high >> 63)) {{ high = joined(high, low, 1); low <<= 1; zeros++; }}
  const double head = (double)(high & ~(uint64_t){_LOW_BITS}), tail = (double)(high & {_LOW_BITS});
  double r = head * {_HALF_PI[0].hex()} + (head * {_HALF_PI[1].hex()} + tail * {_HALF_PI[0].hex()});
  r *= as_float_d((whole_d)(1023 - 62 - zeros) << 52);
  const int turned = below != (int)(bits >> 63);
  found.rest = turned ? -r : r;
  found.turns = (int)(bits >> 63 ? 0 - quarter : quarter);
  return found;
}}
"""


def _far_angle(x: float) -> tuple[float, int]:
    (bits,) = struct.unpack("<Q", struct.pack("<d", x))
    if not abs(x) >= _LEAST:
        return x, 0
    if math.isinf(x):
        return math.nan, 0
    place, m = (bits >> 52 & 2047) - 1075 + 62, bits & (1 << 52) - 1 | 1 << 52
    first, shift = divmod(place, 64)
    window = sum(word << 64 * (3 - k) for k, word in enumerate(TWO_OVER_PI[first : first + 4]))
    found = (m * (window << shift >> 64 & (1 << 192) - 1) & (1 << 192) - 1) >> 64
    quarter = (found + (1 << 125)) >> 126
    left = found - (quarter << 126)
    below = left < 0
    left = ~left if below else left
    zeros = 128 - left.bit_length()
    top = left << zeros >> 64
    head, tail = float(top & ~_LOW_BITS & _WORD), float(top & _LOW_BITS)
    r = head * _HALF_PI[0] + (head * _HALF_PI[1] + tail * _HALF_PI[0])
    r *= 2.0 ** (-62 - zeros)
    negative = x < 0
    return (-r if below != negative else r), (-quarter if negative else quarter)


def far_angle(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """r and n modulo 4 of x = r + n pi/2, one number at a time; x itself and 0 below 2^17."""
    found = [_far_angle(float(v)) for v in np.ravel(x)]
    rest, turns = np.array([r for r, _ in found]), np.array([n for _, n in found], np.int64)
    return rest.reshape(np.shape(x)), turns.reshape(np.shape(x))
