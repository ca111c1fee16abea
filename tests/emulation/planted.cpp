// Kernels with one fault each, for the emulator to catch: planted <name> prints what it says and the result's bits.
#include <cstdio>
#include <vector>

#include "kernels/cuda.cuh"

namespace {
constexpr int kThreads = pyface3d::kCudaThreads, kBlocks = 6;

__global__ void clean(const float* in, float* out) {
  __shared__ float shared[kThreads];
  const float sum = pyface3d::block_sum(in[pyface3d::cuda_first()], shared);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

__global__ void missing_barrier(const float* in, float* out) {
  __shared__ float shared[kThreads];
  shared[threadIdx.x] = in[pyface3d::cuda_first()];
  if (threadIdx.x == 0) out[blockIdx.x] = shared[1] + shared[kThreads - 1];
}

__global__ void barrier_too_late(const float* in, float* out) {  // the next turn overwrites what others still read
  __shared__ float shared;
  float sum = 0;
  for (int turn = 0; turn < 3; ++turn) {
    if (threadIdx.x == 0) shared = in[blockIdx.x + turn];
    __syncthreads();
    sum += shared;
  }
  out[pyface3d::cuda_first()] = sum;
}

__global__ void float_atomics(const float* in, float* out) { atomicAdd(out, in[pyface3d::cuda_first()]); }

__global__ void block_order(const float* in, float* out) {
  if (threadIdx.x == 0) out[blockIdx.x] = in[blockIdx.x] + (blockIdx.x ? out[blockIdx.x - 1] : 0.0f);
}

__global__ void neighbours(const float* in, float* out) {  // two threads write one place
  out[pyface3d::cuda_first() / 2] = in[pyface3d::cuda_first()];
}

__global__ void divergent(const float*, float* out) {
  if (threadIdx.x < 7) __syncthreads();
  out[pyface3d::cuda_first()] = 1;
}

__global__ void two_barriers(const float*, float* out) {
  if (threadIdx.x < 7)
    __syncthreads();
  else
    __syncthreads();
  out[pyface3d::cuda_first()] = 1;
}

__global__ void shuffled(const float* in, float* out) {  // without fault, by exchanges in a warp
  float sum = in[pyface3d::cuda_first()];
  for (int bits = 16; bits > 0; bits /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, bits);
  out[pyface3d::cuda_first()] = sum;
}

__global__ void absent(const float* in, float* out) {  // a lane that does not come to the exchange
  if (threadIdx.x == 7) return;
  out[pyface3d::cuda_first()] = __shfl_xor_sync(0xffffffffu, in[pyface3d::cuda_first()], 1);
}

__global__ void unwritten(const float* in, float* out) {
  __shared__ float shared[kThreads + 1];
  shared[threadIdx.x] = in[pyface3d::cuda_first()];
  __syncthreads();
  out[pyface3d::cuda_first()] = shared[threadIdx.x + 1];
}

__global__ void beyond(const float* in, float* out) {  // one number past the end; for the address sanitizer
  out[pyface3d::cuda_first()] = in[pyface3d::cuda_first() + 1];
}

struct Plant {
  const char* name;
  void (*kernel)(const float*, float*);
} const kPlants[] = {{"clean", clean},
                     {"missing_barrier", missing_barrier},
                     {"barrier_too_late", barrier_too_late},
                     {"float_atomics", float_atomics},
                     {"block_order", block_order},
                     {"neighbours", neighbours},
                     {"divergent", divergent},
                     {"two_barriers", two_barriers},
                     {"shuffled", shuffled},
                     {"absent", absent},
                     {"unwritten", unwritten},
                     {"beyond", beyond}};
}  // namespace

int main(int, char** arguments) {
  std::vector<float> in(kThreads * kBlocks), out(in.size());
  for (size_t i = 0; i < in.size(); ++i) in[i] = 1.0f / static_cast<float>(i % 97 + 1);
  for (const Plant& plant : kPlants) {
    if (std::strcmp(plant.name, arguments[1])) continue;
    const char* said = pyface3d::cuda_launch(plant.kernel, kBlocks, kThreads, nullptr,
                                             const_cast<const float*>(in.data()), out.data());
    double sum = 0;
    for (const float value : out) sum += value;
    std::printf("%s\n%.9g %.9g\n", said ? said : "nothing", out[0], sum);
    return 0;
  }
  return 2;
}
