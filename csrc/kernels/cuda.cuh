// What every CUDA kernel file needs: launching on a stream, index arithmetic, sums with a fixed order.
#pragma once
#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>

// Before a loop whose arrays must stay in registers: an index known only at run time would move them to memory.
// The second: before an inner loop whose copies would take more registers than there are.
#ifdef __CUDACC__
#define PYFACE3D_UNROLL _Pragma("unroll")
#define PYFACE3D_NO_UNROLL _Pragma("unroll 1")
#else
#define PYFACE3D_UNROLL
#define PYFACE3D_NO_UNROLL
#endif

namespace pyface3d {
constexpr int kCudaThreads = 256, kCudaWarps = kCudaThreads / 32;

#ifdef PYFACE3D_EMULATE_CUDA
inline int64_t most_blocks() { return emulation::most_blocks(); }
#else
constexpr int64_t most_blocks() { return 1 << 20; }
#endif

// Blocks of kCudaThreads for `count` items, a bounded number: kernels stride over what is left (64-bit indices).
inline unsigned cuda_blocks(int64_t count, int64_t per_block = kCudaThreads) {
  const int64_t blocks = (count + per_block - 1) / per_block, most = most_blocks();
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks > most ? most : blocks);
}

// The first item and the stride of this thread in a loop over all items of a one-dimensional grid.
__device__ __forceinline__ int64_t cuda_first() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ __forceinline__ int64_t cuda_stride() { return int64_t{gridDim.x} * blockDim.x; }

// Row `index` of `count` rows, and what its values are multiplied by where a picked index may lie outside: then row 0
// is read and NaN shows in the result, as an error could not be reported without waiting for the device.
struct PickedRow {
  int64_t row;
  bool inside;
  __device__ __forceinline__ PickedRow(const int64_t* indices, int64_t at, int64_t count)
      : row(indices ? indices[at] : at), inside(row >= 0 && row < count) {
    if (!inside) row = 0;
  }
  template <typename T>
  __device__ __forceinline__ T operator()(T value) const {
    return inside ? value : T(NAN);
  }
};

// Stores kCount values, a multiple of 16 bytes, 16 bytes at a time, from `at` on in an array of `count` that begins on
// 16 bytes, as what we allocate does; of the last group what there is.
template <typename T, int kCount>
__device__ __forceinline__ void store_packed(T* to, int64_t at, int64_t count, const T (&values)[kCount]) {
  constexpr int kEach = 16 / sizeof(T);
  struct alignas(16) Pack {
    T values[kEach];
  };
  if (at + kCount <= count) {
    PYFACE3D_UNROLL
    for (int i = 0; i < kCount; i += kEach) {
      Pack pack;
      PYFACE3D_UNROLL
      for (int k = 0; k < kEach; ++k) pack.values[k] = values[i + k];
      *reinterpret_cast<Pack*>(to + at + i) = pack;
    }
  } else {
    PYFACE3D_UNROLL
    for (int i = 0; i < kCount; ++i)
      if (at + i < count) to[at + i] = values[i];
  }
}

// Launches; returns nullptr or the CUDA error's text. No synchronisation: errors inside the kernel surface later.
template <typename... Parameters, typename... Arguments>
const char* cuda_launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, void* stream, Arguments... arguments) {
#ifdef PYFACE3D_EMULATE_CUDA
  (void)stream;
  return emulation::launch(grid, block, [&] { kernel(arguments...); });
#else
  // clang-format off
  kernel<<<grid, block, 0, static_cast<cudaStream_t>(stream)>>>(arguments...);
  // clang-format on
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
#endif
}

// Sets every byte; nullptr or the CUDA error's text.
inline const char* cuda_fill(void* to, int value, int64_t bytes, void* stream) {
  const cudaError_t error =
      bytes == 0 ? cudaSuccess
                 : cudaMemsetAsync(to, value, static_cast<size_t>(bytes), static_cast<cudaStream_t>(stream));
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

// Of a warp's 32 lanes, in a fixed order; every lane gets it, if combining commutes.
template <typename T, typename Combine>
__device__ __forceinline__ T warp_combine(T value, Combine combine) {
  PYFACE3D_UNROLL
  for (int bits = 16; bits > 0; bits /= 2) value = combine(value, __shfl_xor_sync(0xffffffffu, value, bits));
  return value;
}
template <typename T>
__device__ __forceinline__ T warp_sum(T value) {
  return warp_combine(value, [](T a, T b) { return a + b; });
}

// Of a block's kCudaThreads threads, in a fixed order; every thread gets it. `shared` holds kCudaWarps values.
template <typename T, typename Combine>
__device__ __forceinline__ T block_combine(T value, T* shared, Combine combine) {
  value = warp_combine(value, combine);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  T all = shared[0];
  PYFACE3D_UNROLL
  for (int warp = 1; warp < kCudaWarps; ++warp) all = combine(all, shared[warp]);
  __syncthreads();  // before the next use of `shared`
  return all;
}
template <typename T>
__device__ __forceinline__ T block_sum(T value, T* shared) {
  return block_combine(value, shared, [](T a, T b) { return a + b; });
}
template <typename T>
__device__ __forceinline__ T block_most(T value, T* shared) {  // the largest
  return block_combine(value, shared, [](T a, T b) { return a > b ? a : b; });
}
}  // namespace pyface3d
