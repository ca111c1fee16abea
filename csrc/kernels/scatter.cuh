// Sums scattered to cells, the same bits at every run: each addend becomes a 64-bit integer, scaled by the largest of
// them, because integer atomics may come in any order. An addend that is not finite makes its cell NaN.
#pragma once
#include <cmath>

#include "kernels/cuda.cuh"

namespace pyface3d {
// Words of workspace for `cells` sums: the largest magnitude, then one word per cell.
inline int64_t scatter_words(int64_t cells) { return cells + 1; }

struct ScatterLargest {  // first pass: the largest finite magnitude, as the bits of a double (they order like the
                         // numbers)
  unsigned long long bits = 0;
  template <typename T>
  __device__ __forceinline__ void operator()(int64_t, T value) {
    const double size = fabs(static_cast<double>(value));
    const auto candidate = static_cast<unsigned long long>(__double_as_longlong(size));
    if (isfinite(size) && candidate > bits) bits = candidate;
  }
};

// Binary exponent of the scale: `addends` numbers of the largest magnitude stay below 2^62.
__device__ __forceinline__ int scatter_shift(const unsigned long long* workspace, int addend_bits) {
  const int exponent = static_cast<int>(workspace[0] >> 52) - 1022;  // largest < 2^exponent
  const int shift = 62 - addend_bits - exponent;
  return workspace[0] == 0 ? 0 : shift > 1000 ? 1000 : shift;
}

template <typename T>
struct ScatterAdd {  // second pass
  unsigned long long* sums;
  T* out;
  int shift;
  __device__ __forceinline__ void operator()(int64_t cell, T value) {
    if (!isfinite(static_cast<double>(value)))
      out[cell] = value - value;  // NaN; every writer writes the same
    else if (value != 0)
      atomicAdd(sums + cell, static_cast<unsigned long long>(llrint(ldexp(static_cast<double>(value), shift))));
  }
};

template <typename T, typename Job>
__global__ void __launch_bounds__(kCudaThreads)
    scatter_largest_kernel(Job job, int64_t items, unsigned long long* workspace) {
  __shared__ unsigned long long shared[kCudaThreads];
  ScatterLargest largest;
  for (int64_t i = cuda_first(); i < items; i += cuda_stride()) job(i, largest);
  shared[threadIdx.x] = largest.bits;
  __syncthreads();
  for (unsigned half = kCudaThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half && shared[threadIdx.x + half] > shared[threadIdx.x])
      shared[threadIdx.x] = shared[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) atomicMax(workspace, shared[0]);
}

template <typename T, typename Job>
__global__ void __launch_bounds__(kCudaThreads)
    scatter_add_kernel(Job job, int64_t items, T* out, unsigned long long* workspace, int addend_bits) {
  ScatterAdd<T> add{workspace + 1, out, scatter_shift(workspace, addend_bits)};
  for (int64_t i = cuda_first(); i < items; i += cuda_stride()) job(i, add);
}

template <typename T>
__global__ void scatter_finish_kernel(T* out, int64_t cells, const unsigned long long* workspace, int addend_bits) {
  const int shift = scatter_shift(workspace, addend_bits);
  for (int64_t i = cuda_first(); i < cells; i += cuda_stride())
    if (out[i] == out[i])
      out[i] = static_cast<T>(ldexp(static_cast<double>(static_cast<long long>(workspace[i + 1])), -shift));
}

// out[cell] = sum of all value with add(cell, value) called by job(i, add), i in [0, items); at most `addends` for one
// cell.
template <typename T, typename Job>
const char* cuda_scatter(Job job, int64_t items, int64_t addends, T* out, int64_t cells, void* workspace,
                         void* stream) {
  auto* words = static_cast<unsigned long long*>(workspace);
  int addend_bits = 1;
  while ((int64_t{1} << addend_bits) < addends) ++addend_bits;
  cudaMemsetAsync(words, 0, static_cast<size_t>(scatter_words(cells)) * sizeof(*words),
                  static_cast<cudaStream_t>(stream));
  cudaMemsetAsync(out, 0, static_cast<size_t>(cells) * sizeof(T), static_cast<cudaStream_t>(stream));
  const unsigned blocks = cuda_blocks(items);
  const char* error = cuda_launch(scatter_largest_kernel<T, Job>, blocks, kCudaThreads, stream, job, items, words);
  if (!error)
    error = cuda_launch(scatter_add_kernel<T, Job>, blocks, kCudaThreads, stream, job, items, out, words, addend_bits);
  if (!error)
    error =
        cuda_launch(scatter_finish_kernel<T>, cuda_blocks(cells), kCudaThreads, stream, out, cells, words, addend_bits);
  return error;
}
}  // namespace pyface3d
