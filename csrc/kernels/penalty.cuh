// The penalties of penalty.h for one number on the GPU.
#pragma once
#include "kernels/cuda.cuh"
#include "kernels/penalty.h"

namespace pyface3d {
template <typename T>
__device__ __forceinline__ T sign_of(T x) {
  return x > 0 ? T(1) : x < 0 ? T(-1) : x;
}

template <typename T>
__device__ __forceinline__ void penalise_one(const PenaltyShape& p, T x, T& value, T& slope) {
  const T w = static_cast<T>(p.w), epsilon = static_cast<T>(p.epsilon), size = x < 0 ? -x : x;
  if (p.kind == Penalty::wing) {
    const bool curved = size < w;
    value = curved ? w * log1p(size / epsilon) : size - w + w * log1p(w / epsilon);
    slope = curved ? sign_of(x) * w / (epsilon + size) : sign_of(x);
  } else if (p.kind == Penalty::smooth_l1) {
    const bool curved = size < w;
    value = curved ? size * size * (T(0.5) / w) : size - w / 2;
    slope = curved ? x / w : sign_of(x);
  } else if (p.kind == Penalty::l1) {
    value = size, slope = sign_of(x);
  } else {
    value = x * x, slope = 2 * x;
  }
}
}  // namespace pyface3d
