// A stand-in for the CUDA runtime that runs kernels on the CPU, one fiber per thread: what a kernel computes (indexing,
// barriers, reductions) can be checked on a machine without a GPU. It says nothing about speed.
// With PYFACE3D_EMULATION_SEED=N in the environment blocks come in random order, threads too between two barriers,
// shared memory starts as NaN in each block, and shadow.cpp watches every access: a launch in which two threads touch
// one byte, one of them writing, with no barrier between, answers with a sentence in place of nullptr.
// The lanes of a warp exchange values (shuffles, matrix products) wherever each of them is between two barriers.
// With PYFACE3D_EMULATION_BLOCKS=N there are at most N blocks, so that each does the work of several.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static thread_local  // the module's thread-local memory holds nothing else: shadow.cpp
#define __launch_bounds__(...)
#define __syncthreads() emulation::barrier(__FILE__, __LINE__)

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
using cudaStream_t = void*;
using cudaError_t = int;
constexpr cudaError_t cudaSuccess = 0;
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline const char* cudaGetErrorString(cudaError_t) { return "no error"; }
inline cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t) {
  std::memset(to, value, bytes);
  return cudaSuccess;
}

namespace emulation {
void barrier(const char* file, int line);
// Every lane of the warp brings `bytes`, and gets those of all lanes, one after the other, until its next exchange.
const char* exchange(const void* mine, size_t bytes);
const char* launch(const dim3& grid, const dim3& block, const std::function<void()>& kernel);
int64_t most_blocks();
void note_atomic(void* at, size_t bytes);  // atomics do not race with one another
}  // namespace emulation

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

#define PYFACE3D_UNWATCHED __attribute__((noinline, no_sanitize("thread")))
template <typename T, typename Change>
PYFACE3D_UNWATCHED T emulated_atomic(T* at, Change change) {
  emulation::note_atomic(at, sizeof(T));
  const T old = *at;
  *at = change(old);
  return old;
}
template <typename T>
PYFACE3D_UNWATCHED T __shfl_xor_sync(unsigned, T value, int bits) {
  T other;
  std::memcpy(&other, emulation::exchange(&value, sizeof(T)) + (threadIdx.x % 32 ^ bits) * sizeof(T), sizeof(T));
  return other;
}
template <typename T>
inline T atomicAdd(T* at, T value) {
  return emulated_atomic(at, [value](T old) { return static_cast<T>(old + value); });
}
template <typename T>
inline T atomicMax(T* at, T value) {
  return emulated_atomic(at, [value](T old) { return value > old ? value : old; });
}
template <typename T>
inline T atomicMin(T* at, T value) {
  return emulated_atomic(at, [value](T old) { return value < old ? value : old; });
}
template <typename T>
inline T atomicOr(T* at, T value) {
  return emulated_atomic(at, [value](T old) { return old | value; });
}
template <typename T>
inline T atomicExch(T* at, T value) {
  return emulated_atomic(at, [value](T) { return value; });
}
inline void __threadfence() {}
inline long long __double_as_longlong(double x) {
  long long bits;
  std::memcpy(&bits, &x, 8);
  return bits;
}
inline double __longlong_as_double(long long bits) {
  double x;
  std::memcpy(&x, &bits, 8);
  return x;
}
inline unsigned __float_as_uint(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}
inline float __uint_as_float(unsigned bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}
inline float __fdividef(float a, float b) { return a / b; }
using std::isfinite;
