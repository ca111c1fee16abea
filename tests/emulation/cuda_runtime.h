// A stand-in for the CUDA runtime that runs kernels on the CPU, block after block, with one fiber per thread: enough to
// check what a kernel computes (indexing, barriers, reductions) on a machine without a GPU. It says nothing about
// speed, and races show only as far as fibers, switched at barriers, order them differently from a sequential loop.
#pragma once
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(...)

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
struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  dim3 thread;
  bool done;
};
inline ucontext_t scheduler;
inline Fiber* running;
inline const std::function<void()>* body;
inline void enter() {
  (*body)();
  running->done = true;
}

inline void run_block(const dim3& block, const std::function<void()>& kernel);
inline void launch(const dim3& grid, const dim3& block, const std::function<void()>& kernel);
}  // namespace emulation

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

inline void __syncthreads() {  // back to the scheduler; every thread of the block passes before any goes on
  swapcontext(&emulation::running->context, &emulation::scheduler);
  threadIdx = emulation::running->thread;
}

template <typename T>
inline T atomicAdd(T* at, T value) {
  T old = *at;
  *at += value;
  return old;
}
template <typename T>
inline T atomicMax(T* at, T value) {
  T old = *at;
  if (value > old) *at = value;
  return old;
}
template <typename T>
inline T atomicMin(T* at, T value) {
  T old = *at;
  if (value < old) *at = value;
  return old;
}
template <typename T>
inline T atomicOr(T* at, T value) {
  T old = *at;
  *at |= value;
  return old;
}
template <typename T>
inline T atomicExch(T* at, T value) {
  T old = *at;
  *at = value;
  return old;
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
using std::isfinite;

namespace emulation {
inline void run_block(const dim3& block, const std::function<void()>& kernel) {
  static std::vector<Fiber> fibers;
  constexpr size_t kStack = 1 << 16;
  const size_t count = size_t{block.x} * block.y * block.z;
  if (fibers.size() < count) fibers.resize(count);
  body = &kernel;
  for (size_t i = 0; i < count; ++i) {
    Fiber& f = fibers[i];
    if (!f.stack) f.stack.reset(new char[kStack]);
    f.thread = dim3(i % block.x, i / block.x % block.y, i / (size_t{block.x} * block.y));
    f.done = false;
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = f.stack.get();
    f.context.uc_stack.ss_size = kStack;
    f.context.uc_link = &scheduler;
    makecontext(&f.context, enter, 0);
  }
  for (size_t left = count; left > 0;) {
    for (size_t i = 0; i < count; ++i) {
      if (fibers[i].done) continue;
      running = &fibers[i];
      threadIdx = running->thread;
      swapcontext(&scheduler, &running->context);
      left -= fibers[i].done;
    }
  }
}

inline void launch(const dim3& grid, const dim3& block, const std::function<void()>& kernel) {
  gridDim = grid;
  blockDim = block;
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        blockIdx = dim3(x, y, z);
        run_block(block, kernel);
      }
}
}  // namespace emulation
