// For each cell (a vertex, a texel) the items that name it (corners of triangles, taps of points), in rising order:
// what would be scattered to cells is gathered over this table instead, in a fixed order, for all faces of a batch.
// Built on the device, once per call: items are counted and placed by integer atomics, then each cell's are sorted.
#pragma once
#include "kernels/cuda.cuh"

namespace pyface3d {
constexpr int64_t kScanned = 4 * kCudaThreads;  // cells whose counts a block adds up

struct Incidence {
  int64_t cells, item_count;
  int64_t* words;                                                 // 3 cells + items + 2 of workspace
  __host__ __device__ int64_t* offsets() const { return words; }  // (cells + 1,) a cell's items are [at, next)
  __host__ __device__ int64_t* items() const { return words + cells + 1; }
  __host__ __device__ int64_t* counts() const { return items() + item_count; }  // then where the next item goes
  __host__ __device__ int64_t* totals() const { return counts() + cells; }      // of each block of counts
  __host__ __device__ int64_t blocks() const { return (cells + kScanned - 1) / kScanned; }
};

__device__ __forceinline__ int64_t add_one(int64_t* at) {
  return static_cast<int64_t>(atomicAdd(reinterpret_cast<unsigned long long*>(at), 1ull));
}

template <typename Job>
__global__ void incidence_count_kernel(Job job, Incidence table) {
  for (int64_t i = cuda_first(); i < table.item_count; i += cuda_stride()) {
    const int64_t cell = job.cell(i);
    if (cell >= 0) add_one(table.counts() + cell);
  }
}

static __global__ void __launch_bounds__(kCudaThreads) incidence_totals_kernel(Incidence table) {
  __shared__ int64_t shared[kCudaThreads];
  for (int64_t block = blockIdx.x; block < table.blocks(); block += gridDim.x) {
    int64_t sum = 0;
    for (int64_t i = block * kScanned + threadIdx.x; i < (block + 1) * kScanned && i < table.cells; i += kCudaThreads)
      sum += table.counts()[i];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) table.totals()[block] = sum;
  }
}

static __global__ void __launch_bounds__(kCudaThreads) incidence_offsets_kernel(Incidence table) {
  __shared__ int64_t shared[kCudaThreads];
  for (int64_t block = blockIdx.x; block < table.blocks(); block += gridDim.x) {
    int64_t before = 0, own = 0;
    for (int64_t i = threadIdx.x; i < block; i += kCudaThreads) before += table.totals()[i];
    before = block_sum(before, shared);
    const int64_t first = block * kScanned + threadIdx.x * 4;
    for (int64_t i = first; i < first + 4 && i < table.cells; ++i) own += table.counts()[i];
    shared[threadIdx.x] = own;
    __syncthreads();
    for (unsigned step = 1; step < kCudaThreads; step *= 2) {
      const int64_t left = threadIdx.x >= step ? shared[threadIdx.x - step] : 0;
      __syncthreads();
      shared[threadIdx.x] += left;
      __syncthreads();
    }
    int64_t at = before + shared[threadIdx.x] - own;
    for (int64_t i = first; i < first + 4 && i < table.cells; ++i) {
      const int64_t count = table.counts()[i];
      table.offsets()[i] = table.counts()[i] = at;
      at += count;
      if (i == table.cells - 1) table.offsets()[table.cells] = at;
    }
    __syncthreads();  // `shared` is read
  }
}

template <typename Job>
__global__ void incidence_place_kernel(Job job, Incidence table) {
  for (int64_t i = cuda_first(); i < table.item_count; i += cuda_stride()) {
    const int64_t cell = job.cell(i);
    if (cell >= 0) table.items()[add_one(table.counts() + cell)] = i;
  }
}

// Shell's sort: a few items as a rule, and not the square of very many.
static __global__ void incidence_sort_kernel(Incidence table) {
  for (int64_t cell = cuda_first(); cell < table.cells; cell += cuda_stride()) {
    int64_t* items = table.items() + table.offsets()[cell];
    const int64_t count = table.offsets()[cell + 1] - table.offsets()[cell];
    for (int64_t gap = count < 16 ? 1 : count / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11)
      for (int64_t i = gap; i < count; ++i) {
        const int64_t item = items[i];
        int64_t at = i;
        for (; at >= gap && items[at - gap] > item; at -= gap) items[at] = items[at - gap];
        items[at] = item;
      }
  }
}

// job.cell(i): the cell that item i names, negative: none.
template <typename Job>
const char* build_incidence(const Job& job, const Incidence& table, void* stream) {
  const unsigned blocks = cuda_blocks(table.blocks(), 1), items = cuda_blocks(table.item_count);
  const char* error = cuda_fill(table.counts(), 0, table.cells * int64_t{sizeof(int64_t)}, stream);
  if (!error) error = cuda_launch(incidence_count_kernel<Job>, items, kCudaThreads, stream, job, table);
  if (!error) error = cuda_launch(incidence_totals_kernel, blocks, kCudaThreads, stream, table);
  if (!error) error = cuda_launch(incidence_offsets_kernel, blocks, kCudaThreads, stream, table);
  if (!error) error = cuda_launch(incidence_place_kernel<Job>, items, kCudaThreads, stream, job, table);
  if (!error) error = cuda_launch(incidence_sort_kernel, cuda_blocks(table.cells), kCudaThreads, stream, table);
  return error;
}
}  // namespace pyface3d
