// One thread per output, over the vertices in order: (3, K + 1, K + 1) outputs of a few hundred vertices.
#include "kernels/cuda.cuh"
#include "kernels/shape_moments.h"

namespace pyface3d {
namespace {
template <typename T>
__device__ __forceinline__ T column(const ShapeMoments<T>& p, int64_t row, int64_t j) {  // row: vertex * 3 + coordinate
  return j == 0 ? p.mean[row] : p.basis[row * p.coeff_count + j - 1];
}

template <typename T>
__global__ void moments_kernel(ShapeMoments<T> p) {
  const int64_t size = p.coeff_count + 1;
  for (int64_t at = cuda_first(); at < 3 * size * size; at += cuda_stride()) {
    const int64_t d = at / (size * size), i = at / size % size, j = at % size;
    T sum = 0;
    for (int64_t l = 0; l < p.count; ++l) {
      const PickedRow picked(p.indices, l, p.row_count);
      const int64_t row = picked.row * 3 + d;
      sum += picked(column<T>(p, row, i) * column<T>(p, row, j));
    }
    p.out[at] = sum;
  }
}
}  // namespace

template <typename T>
const char* shape_moments_cuda(const ShapeMoments<T>& p, void* stream) {
  const int64_t size = p.coeff_count + 1;
  return cuda_launch(moments_kernel<T>, cuda_blocks(3 * size * size), kCudaThreads, stream, p);
}

#define PYFACE3D_KERNELS(T) template const char* shape_moments_cuda<T>(const ShapeMoments<T>&, void*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace pyface3d
