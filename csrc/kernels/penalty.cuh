// The penalties of penalty.h for one number on the GPU.
#pragma once
#include "kernels/cuda.cuh"
#include "kernels/penalty.h"

namespace pyface3d {
template <typename T>
__device__ __forceinline__ T sign_of(T x) {
  return x > 0 ? T(1) : x < 0 ? T(-1) : x;
}

// The bits of a number and back, and terms of the series below that it takes.
__device__ __forceinline__ unsigned bits_of(float x) { return __float_as_uint(x); }
__device__ __forceinline__ unsigned long long bits_of(double x) {
  return static_cast<unsigned long long>(__double_as_longlong(x));
}
__device__ __forceinline__ float from_bits(unsigned bits) { return __uint_as_float(bits); }
__device__ __forceinline__ double from_bits(unsigned long long bits) {
  return __longlong_as_double(static_cast<long long>(bits));
}

// 1 / x of x >= 1, which needs no care for what lies beyond the range of numbers.
__device__ __forceinline__ double reciprocal_of(double x) { return 1 / x; }
__device__ __forceinline__ float reciprocal_of(float x) {
  const float first = __fdividef(1.0f, x);
  return first + first * (1 - x * first);
}

// ln(1 + y) and 1 / (1 + y) for y >= 0 with one division, as on the CPU (penalty.h).
template <typename T>
__device__ __forceinline__ void log1p_and_reciprocal(T y, T& log, T& reciprocal) {
  constexpr bool kFloat = sizeof(T) == 4;
  constexpr int kMantissa = kFloat ? 23 : 52, kBias = kFloat ? 127 : 1023, kTerms = kFloat ? 5 : 11;
  const auto one = bits_of(T(1));
  const T u = 1 + y, lost = y - (u - 1);
  const int k = static_cast<int>((bits_of(u) + (one - bits_of(T(0.70710678118654752)))) >> kMantissa) - kBias;
  const T down = from_bits(static_cast<decltype(bits_of(y))>(kBias - k) << kMantissa), m = u * down;  // 2^-k
  const T both = reciprocal_of(u * (m + 1)), s = (m - 1 + lost * down) * (both * u), z = s * s;
  reciprocal = both * (m + 1);
  T series = T(2) / T(2 * kTerms - 1);
  PYFACE3D_UNROLL
  for (int n = kTerms - 2; n >= 0; --n) series = series * z + T(2) / T(2 * n + 1);
  log = static_cast<T>(k) * T(0.69314718055994531) + series * s;
}

// A penalty's numbers in the type at hand, made on the host: kernels neither divide by them nor convert them.
template <typename T>
struct PenaltyNumbers {
  Penalty kind;
  T w, inverse_w, inverse_epsilon, steepest;  // steepest: slope of wing next to zero
  explicit PenaltyNumbers(const PenaltyShape& p)
      : kind(p.kind),
        w(static_cast<T>(p.w)),
        inverse_w(static_cast<T>(1 / p.w)),
        inverse_epsilon(static_cast<T>(1 / p.epsilon)),
        steepest(static_cast<T>(p.w / p.epsilon)) {}
};

template <typename T>
__device__ __forceinline__ void penalise_one(const PenaltyNumbers<T>& p, T x, T& value, T& slope) {
  const T size = x < 0 ? -x : x;
  if (p.kind == Penalty::wing) {
    const bool curved = size < p.w;
    const T capped = curved ? size : p.w;
    T log, reciprocal;
    log1p_and_reciprocal(capped * p.inverse_epsilon, log, reciprocal);
    value = p.w * log + (size - capped);
    slope = sign_of(x) * (curved ? p.steepest * reciprocal : T(1));
  } else if (p.kind == Penalty::smooth_l1) {
    const bool curved = size < p.w;
    value = curved ? size * size * (T(0.5) * p.inverse_w) : size - p.w / 2;
    slope = curved ? x * p.inverse_w : sign_of(x);
  } else if (p.kind == Penalty::l1) {
    value = size, slope = sign_of(x);
  } else {
    value = x * x, slope = 2 * x;
  }
}
}  // namespace pyface3d
