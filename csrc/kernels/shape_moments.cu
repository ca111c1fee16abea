// One thread per output, over the vertices in order: (3, K + 1, K + 1) outputs of a few hundred vertices.
#include "kernels/cuda.cuh"
#include "kernels/shape_moments.h"

namespace pyface3d {
namespace {
template <typename T>
__device__ __forceinline__ T column(const ShapeMoments& p, int64_t row, int64_t j) {  // row: vertex * 3 + coordinate
  return j == 0 ? static_cast<const T*>(p.mean)[row] : static_cast<const T*>(p.basis)[row * p.coeff_count + j - 1];
}

template <typename T>
__global__ void moments_kernel(ShapeMoments p) {
  const int64_t size = p.coeff_count + 1;
  for (int64_t at = cuda_first(); at < 3 * size * size; at += cuda_stride()) {
    const int64_t d = at / (size * size), i = at / size % size, j = at % size;
    T sum = 0;
    for (int64_t l = 0; l < p.count; ++l) {
      const int64_t row = p.indices[l] * 3 + d;
      sum += column<T>(p, row, i) * column<T>(p, row, j);
    }
    static_cast<T*>(p.out)[at] = sum;
  }
}
}  // namespace

template <typename T>
const char* shape_moments_cuda(const ShapeMoments& p, void* stream) {
  const int64_t size = p.coeff_count + 1;
  return cuda_launch(moments_kernel<T>, cuda_blocks(3 * size * size), kCudaThreads, stream, p);
}

template const char* shape_moments_cuda<float>(const ShapeMoments&, void*);
template const char* shape_moments_cuda<double>(const ShapeMoments&, void*);
}  // namespace pyface3d
