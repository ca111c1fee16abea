// Products of small tiles that lie in the registers of a warp: sum (16, 8) += a (16, 8) b (8, 8), on tensor cores where
// there are any for the type. With g = lane / 4 and t = lane % 4 a lane holds (PTX ISA, mma.m16n8k8)
//   a: (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4);   b: (t, g), (t + 4, g);
//   sum: (g, 2 t), (g, 2 t + 1), (g + 8, 2 t), (g + 8, 2 t + 1).
// float32 from sm_80 on: each factor is cut into two numbers of 11 bits, which TF32 holds exactly; of their four
// products the smallest, below 2^-22 of the whole, is left out. A factor that is not finite gives NaN. float64: the
// double-precision mma. On sm_75 the lanes hand their factors around; the emulator does the same, with TF32's bits.
#pragma once
#include "kernels/cuda.cuh"

namespace pyface3d {
struct CutNumber {  // bits of x = upper + rest; TF32 ignores the lower 13 of each
  unsigned upper, rest;
};

__device__ __forceinline__ CutNumber cut(float x) {
  const unsigned upper = (__float_as_uint(x) + 0x1000u) & 0xffffe000u;
  return {upper, __float_as_uint(x - __uint_as_float(upper))};
}

#if defined(PYFACE3D_EMULATE_CUDA)
inline float tf32(unsigned bits) { return __uint_as_float(bits & 0xffffe000u); }
PYFACE3D_UNWATCHED inline double product_of(double a, double b) { return a * b; }
PYFACE3D_UNWATCHED inline float product_of(float a, float b) {
  const CutNumber x = cut(a), y = cut(b);
  return tf32(x.rest) * tf32(y.upper) + tf32(x.upper) * tf32(y.rest) + tf32(x.upper) * tf32(y.upper);
}

template <typename T>
PYFACE3D_UNWATCHED void warp_product(T (&sum)[4], const T (&a)[4], const T (&b)[2]) {
  T mine[6] = {a[0], a[1], a[2], a[3], b[0], b[1]}, all[32][6];
  std::memcpy(all, emulation::exchange(mine, sizeof mine), sizeof all);
  const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  for (int i = 0; i < 4; ++i)
    for (int k = 0; k < 8; ++k)
      sum[i] += product_of(all[g * 4 + k % 4][i / 2 + k / 4 * 2], all[(2 * t + i % 2) * 4 + k % 4][4 + k / 4]);
}
#elif !defined(__CUDA_ARCH__) || __CUDA_ARCH__ < 800
template <typename T>
__device__ __forceinline__ void warp_product(T (&sum)[4], const T (&a)[4], const T (&b)[2]) {
  const int g = threadIdx.x % 32 / 4, t = threadIdx.x % 4;
  PYFACE3D_UNROLL
  for (int half = 0; half < 2; ++half) {  // of the inner dimension
    PYFACE3D_NO_UNROLL
    for (int k = 0; k < 4; ++k) {
      const T upper = __shfl_sync(0xffffffffu, a[2 * half], g * 4 + k),
              lower = __shfl_sync(0xffffffffu, a[2 * half + 1], g * 4 + k);
      const T left = __shfl_sync(0xffffffffu, b[half], 8 * t + k),
              right = __shfl_sync(0xffffffffu, b[half], 8 * t + 4 + k);
      sum[0] += upper * left, sum[1] += upper * right, sum[2] += lower * left, sum[3] += lower * right;
    }
  }
}
#else
__device__ __forceinline__ void tf32_product(float (&sum)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

__device__ __forceinline__ void warp_product(float (&sum)[4], const float (&a)[4], const float (&b)[2]) {
  const CutNumber a0 = cut(a[0]), a1 = cut(a[1]), a2 = cut(a[2]), a3 = cut(a[3]), b0 = cut(b[0]), b1 = cut(b[1]);
  tf32_product(sum, {a0.rest, a1.rest, a2.rest, a3.rest}, {b0.upper, b1.upper});
  tf32_product(sum, {a0.upper, a1.upper, a2.upper, a3.upper}, {b0.rest, b1.rest});
  tf32_product(sum, {a0.upper, a1.upper, a2.upper, a3.upper}, {b0.upper, b1.upper});
}

__device__ __forceinline__ void double_product(double& left, double& right, double a, double b) {  // (8, 4) (4, 8)
  asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
               : "+d"(left), "+d"(right)
               : "d"(a), "d"(b));
}

__device__ __forceinline__ void warp_product(double (&sum)[4], const double (&a)[4], const double (&b)[2]) {
  PYFACE3D_UNROLL
  for (int half = 0; half < 2; ++half) {  // of the inner dimension
    double_product(sum[0], sum[1], a[2 * half], b[half]);
    double_product(sum[2], sum[3], a[2 * half + 1], b[half]);
  }
}
#endif
}  // namespace pyface3d
