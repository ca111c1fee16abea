// (3, K + 1, K + 1) outputs of a few hundred vertices: 32 outputs per block, side by side in each of its warps, which
// share the vertices out; their sums are added in order.
#include "kernels/cuda.cuh"
#include "kernels/shape_moments.h"

namespace pyface3d {
namespace {
template <typename T>
__device__ __forceinline__ T column(const ShapeMoments<T>& p, int64_t row, int64_t j) {  // row: vertex * 3 + coordinate
  return j == 0 ? p.mean[row] : p.basis[row * p.coeff_count + j - 1];
}

template <typename T>
__global__ void __launch_bounds__(kCudaThreads) moments_kernel(ShapeMoments<T> p) {
  __shared__ T shared[kCudaThreads];
  const int64_t size = p.coeff_count + 1, outputs = 3 * size * size;
  for (int64_t first = blockIdx.x * int64_t{32}; first < outputs; first += gridDim.x * int64_t{32}) {
    const int64_t at = first + threadIdx.x % 32;
    const int64_t d = at / (size * size), i = at / size % size, j = at % size;
    T sum = 0;
    for (int64_t l = threadIdx.x / 32; l < p.count && at < outputs; l += kCudaWarps) {
      const PickedRow picked(p.indices, l, p.row_count);
      const int64_t row = picked.row * 3 + d;
      sum += picked(column<T>(p, row, i) * column<T>(p, row, j));
    }
    shared[threadIdx.x] = sum;
    __syncthreads();
    for (int warp = 1; warp < kCudaWarps && threadIdx.x < 32; ++warp) sum += shared[threadIdx.x + 32 * warp];
    if (threadIdx.x < 32 && at < outputs) p.out[at] = sum;
    __syncthreads();  // before the next use of `shared`
  }
}
}  // namespace

template <typename T>
const char* shape_moments_cuda(const ShapeMoments<T>& p, void* stream) {
  const int64_t size = p.coeff_count + 1;
  return cuda_launch(moments_kernel<T>, cuda_blocks(3 * size * size, 32), kCudaThreads, stream, p);
}

#define PYFACE3D_KERNELS(T) template const char* shape_moments_cuda<T>(const ShapeMoments<T>&, void*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace pyface3d
