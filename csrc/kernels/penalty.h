// Penalties on a coordinate's error x, each as a (value, slope) pair with slope = d value / dx, 0 at x = 0:
//   wing       w ln(1 + |x| / eps) where |x| < w, else |x| - (w - w ln(1 + w / eps))   (Feng et al. 2018, eq. 5)
//   l1         |x|
//   smooth_l1  x^2 / (2 w) where |x| < w, else |x| - w / 2
//   l2         x^2
// A NaN error gives a NaN value and a NaN slope.
#pragma once
#include "kernels/simd.h"

namespace pyface3d {
enum class Penalty : int { wing = 0, l1 = 1, smooth_l1 = 2, l2 = 3 };

struct PenaltyShape {
  Penalty kind;
  double w, epsilon;  // corner between the two branches; curvature of wing near zero
};
}  // namespace pyface3d

#ifdef PYFACE3D_ISA
namespace pyface3d {
namespace PYFACE3D_ISA {
template <typename T>
struct Float;  // layout of an IEEE number, for taking exponents apart
template <>
struct Float<float> {
  typedef int32_t Bits __attribute__((vector_size(PYFACE3D_VECTOR_BYTES)));
  static constexpr int mantissa = 23, bias = 127, terms = 5;
};
template <>
struct Float<double> {
  typedef int64_t Bits __attribute__((vector_size(PYFACE3D_VECTOR_BYTES)));
  static constexpr int mantissa = 52, bias = 1023, terms = 11;
};
template <typename T>
using Bits = typename Float<T>::Bits;

template <typename T>
inline Vec<T> all_lanes(T value) {
  return value - Vec<T>{};
}

// ln(1 + y) and 1 / (1 + y) for y >= 0, with one division. 1 + y = 2^k m, sqrt(1/2) <= m < sqrt(2), and
// ln m = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172, by its power series; exact to a few ulp also where y is tiny,
// because what 1 + y rounds away is put back into m - 1.
template <typename T>
inline void log1p_and_reciprocal(Vec<T> y, Vec<T>& log, Vec<T>& reciprocal) {
  using F = Float<T>;
  const Vec<T> one = all_lanes<T>(1), u = one + y, lost = y - (u - one), root = all_lanes<T>(T(0.70710678118654752));
  const Bits<T> offset = (Bits<T>)one - (Bits<T>)root;
  const Bits<T> k = (((Bits<T>)u + offset) >> F::mantissa) - F::bias;
  const Vec<T> down = (Vec<T>)((F::bias - k) << F::mantissa);  // 2^-k
  const Vec<T> m = u * down, both = one / (u * (m + one));
  reciprocal = both * (m + one);
  const Vec<T> s = (m - one + lost * down) * (both * u), z = s * s;
  Vec<T> series = all_lanes<T>(T(2) / T(2 * F::terms - 1));
#pragma GCC unroll 16
  for (int n = F::terms - 2; n >= 0; --n) series = series * z + T(2) / T(2 * n + 1);
  log = __builtin_convertvector(k, Vec<T>) * T(0.69314718055994531) + series * s;
}

template <typename T>
inline Vec<T> magnitude(Vec<T> x) {
  return (Vec<T>)((Bits<T>)x & ~(Bits<T>)all_lanes<T>(T(-0.0)));
}

template <typename T>  // slope of |x|: -1, 0, 1, NaN
inline Vec<T> sign(Vec<T> x) {
  const Vec<T> unit = (Vec<T>)((Bits<T>)all_lanes<T>(1) | ((Bits<T>)x & (Bits<T>)all_lanes<T>(T(-0.0))));
  return ((x < 0) | (x > 0)) ? unit : x;
}

template <typename T>
inline void wing(Vec<T> x, T w, T epsilon, T corner_value, Vec<T>& value, Vec<T>& slope) {
  const Vec<T> size = magnitude<T>(x), corner = all_lanes<T>(w), direction = sign<T>(x);
  const Vec<T> y = (size < corner ? size : corner) * (1 / epsilon);
  Vec<T> log, reciprocal;
  log1p_and_reciprocal<T>(y, log, reciprocal);
  value = size < corner ? w * log : size - corner + corner_value;
  slope = size < corner ? direction * (w / epsilon) * reciprocal : direction;
}

template <typename T>
inline void smooth_l1(Vec<T> x, T w, Vec<T>& value, Vec<T>& slope) {
  const Vec<T> size = magnitude<T>(x), corner = all_lanes<T>(w);
  value = size < corner ? size * size * (T(0.5) / w) : size - w / 2;
  slope = size < corner ? x * (1 / w) : sign<T>(x);
}

template <typename T>  // wing at |x| = w; the line there is written |x| - w + this, which does not cancel
inline T wing_corner(T w, T epsilon) {
  return T(double(w) * __builtin_log1p(double(w) / double(epsilon)));
}

// Replaces the errors x[0..count) by their values and writes their slopes.
template <typename T>
inline void penalise(const PenaltyShape& p, int count, Vec<T>* x, Vec<T>* slope) {
  const T w = T(p.w), epsilon = T(p.epsilon);
  if (p.kind == Penalty::wing) {
    const T corner = wing_corner<T>(w, epsilon);
    for (int i = 0; i < count; ++i) wing<T>(x[i], w, epsilon, corner, x[i], slope[i]);
  } else if (p.kind == Penalty::smooth_l1) {
    for (int i = 0; i < count; ++i) smooth_l1<T>(x[i], w, x[i], slope[i]);
  } else if (p.kind == Penalty::l1) {
    for (int i = 0; i < count; ++i) slope[i] = sign<T>(x[i]), x[i] = magnitude<T>(x[i]);
  } else {
    for (int i = 0; i < count; ++i) slope[i] = 2 * x[i], x[i] = x[i] * x[i];
  }
}
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
#endif
