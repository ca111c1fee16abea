// Sums scattered to cells, the same bits at every run: each addend becomes a 64-bit integer, scaled by the largest of
// its face's, because integer atomics may come in any order. An addend that is not finite makes its cell NaN.
// A face's sums do not depend on what the other faces hold.
#pragma once
#include <cmath>

#include "kernels/cuda.cuh"

namespace pyface3d {
// Faces of a scatter: items and cells lie face by face. Words of workspace: the largest magnitude of each face, then
// one word per cell.
struct ScatterFaces {
  int64_t count, items, cells;  // faces; items and cells of one face
  __host__ __device__ int64_t words() const { return count + count * cells; }
};

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

// Binary exponent of a face's scale: `addends` numbers of the largest magnitude stay below 2^62.
__device__ __forceinline__ int scatter_shift(unsigned long long largest, int addend_bits) {
  const int exponent = static_cast<int>(largest >> 52) - 1022;  // largest < 2^exponent
  const int shift = 62 - addend_bits - exponent;
  return largest == 0 ? 0 : shift > 1000 ? 1000 : shift;
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
    scatter_largest_kernel(Job job, ScatterFaces faces, unsigned long long* workspace) {
  __shared__ unsigned long long shared[kCudaThreads];
  const int64_t blocks = (faces.items + kCudaThreads - 1) / kCudaThreads;  // of one face
  for (int64_t block = blockIdx.x; block < blocks * faces.count; block += gridDim.x) {
    const int64_t face = block / blocks, i = block % blocks * kCudaThreads + threadIdx.x;
    ScatterLargest largest;
    if (i < faces.items) job(face * faces.items + i, largest);
    shared[threadIdx.x] = largest.bits;
    __syncthreads();
    for (unsigned half = kCudaThreads / 2; half > 0; half /= 2) {
      if (threadIdx.x < half && shared[threadIdx.x + half] > shared[threadIdx.x])
        shared[threadIdx.x] = shared[threadIdx.x + half];
      __syncthreads();
    }
    // no barrier before the next turn: shared[0] is read and then written by thread 0 alone
    if (threadIdx.x == 0 && shared[0]) atomicMax(workspace + face, shared[0]);
  }
}

template <typename T, typename Job>
__global__ void __launch_bounds__(kCudaThreads)
    scatter_add_kernel(Job job, ScatterFaces faces, T* out, unsigned long long* workspace, int addend_bits) {
  for (int64_t i = cuda_first(); i < faces.count * faces.items; i += cuda_stride()) {
    ScatterAdd<T> add{workspace + faces.count, out, scatter_shift(workspace[i / faces.items], addend_bits)};
    job(i, add);
  }
}

template <typename T>
__global__ void scatter_finish_kernel(T* out, ScatterFaces faces, const unsigned long long* workspace,
                                      int addend_bits) {
  for (int64_t i = cuda_first(); i < faces.count * faces.cells; i += cuda_stride())
    if (out[i] == out[i]) {
      const auto sum = static_cast<long long>(workspace[faces.count + i]);
      const int shift = scatter_shift(workspace[i / faces.cells], addend_bits);
      out[i] = static_cast<T>(ldexp(static_cast<double>(sum), -shift));
    }
}

// out[cell] = sum of all value with add(cell, value) called by job(i, add), i over the items of all faces, which add to
// cells of their own face only; at most `addends` for one cell.
template <typename T, typename Job>
const char* cuda_scatter(Job job, ScatterFaces faces, int64_t addends, T* out, void* workspace, void* stream) {
  const int64_t cells = faces.count * faces.cells, items = faces.count * faces.items;
  if (cells == 0) return nullptr;
  auto* words = static_cast<unsigned long long*>(workspace);
  int addend_bits = 1;
  while ((int64_t{1} << addend_bits) < addends) ++addend_bits;
  const char* error = cuda_fill(words, 0, faces.words() * int64_t{sizeof(*words)}, stream);
  if (!error) error = cuda_fill(out, 0, cells * int64_t{sizeof(T)}, stream);
  if (error || items == 0) return error;
  const unsigned blocks = cuda_blocks(items);
  error = cuda_launch(scatter_largest_kernel<T, Job>, blocks, kCudaThreads, stream, job, faces, words);
  if (!error)
    error = cuda_launch(scatter_add_kernel<T, Job>, blocks, kCudaThreads, stream, job, faces, out, words, addend_bits);
  if (!error)
    error =
        cuda_launch(scatter_finish_kernel<T>, cuda_blocks(cells), kCudaThreads, stream, out, faces, words, addend_bits);
  return error;
}
}  // namespace pyface3d
