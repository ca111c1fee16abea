// For each cell (a vertex, a texel) the items that name it (corners of triangles, taps of points), in rising order:
// what would be scattered to cells is gathered over this table instead, in a fixed order. Built on the device: one
// integer atomic gives each item its rank in its cell, whatever rank that is; then each cell's items are sorted.
#pragma once
#include "kernels/cuda.cuh"

namespace pyface3d {
constexpr int64_t kScanned = 4 * kCudaThreads;  // cells whose counts a block adds up

// A job says what there is:
//   units()                    of one table: triangles, points, pixels
//   each(table, unit, visit)   calls visit(cell, item) for each of its items that names a cell
//   sorts(table, cell, count)  whether this cell's items are wanted in order
struct Incidence {
  int64_t tables, cells, item_count;  // tables one beside the other, and the cells and items of one
  uint32_t* words;                    // of workspace: incidence_words(tables, cells, item_count)
  __host__ __device__ uint32_t* offsets(int64_t table) const { return words + table * (cells + 1); }
  __host__ __device__ uint32_t* items(int64_t table) const { return offsets(tables) + table * item_count; }
  __host__ __device__ uint32_t* ranks(int64_t table) const { return items(tables) + table * item_count; }
  __host__ __device__ uint32_t* totals(int64_t table) const { return ranks(tables) + table * blocks(); }
  __host__ __device__ int64_t blocks() const { return (cells + kScanned - 1) / kScanned; }
};

template <typename Job>
__global__ void incidence_count_kernel(Job job, Incidence to) {
  for (int64_t i = cuda_first(); i < to.tables * job.units(); i += cuda_stride()) {
    const int64_t table = i / job.units();
    uint32_t *counts = to.offsets(table), *ranks = to.ranks(table);
    job.each(table, i % job.units(), [&](int64_t cell, uint32_t item) { ranks[item] = atomicAdd(counts + cell, 1u); });
  }
}

static __global__ void __launch_bounds__(kCudaThreads) incidence_totals_kernel(Incidence of) {
  __shared__ uint32_t shared[kCudaWarps];
  for (int64_t block = blockIdx.x; block < of.tables * of.blocks(); block += gridDim.x) {
    const int64_t table = block / of.blocks(), first = block % of.blocks() * kScanned;
    uint32_t sum = 0;
    for (int64_t i = first + threadIdx.x; i < first + kScanned && i < of.cells; i += kCudaThreads)
      sum += of.offsets(table)[i];
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) of.totals(table)[block % of.blocks()] = sum;
  }
}

// Counts become offsets, in place.
static __global__ void __launch_bounds__(kCudaThreads) incidence_offsets_kernel(Incidence of) {
  __shared__ uint32_t shared[kCudaThreads], sums[kCudaWarps];
  for (int64_t block = blockIdx.x; block < of.tables * of.blocks(); block += gridDim.x) {
    const int64_t table = block / of.blocks(), own_block = block % of.blocks();
    uint32_t* offsets = of.offsets(table);
    uint32_t before = 0, own = 0;
    for (int64_t i = threadIdx.x; i < own_block; i += kCudaThreads) before += of.totals(table)[i];
    before = block_sum(before, sums);
    const int64_t first = own_block * kScanned + threadIdx.x * 4;
    for (int64_t i = first; i < first + 4 && i < of.cells; ++i) own += offsets[i];
    shared[threadIdx.x] = own;
    __syncthreads();
    for (unsigned step = 1; step < kCudaThreads; step *= 2) {
      const uint32_t left = threadIdx.x >= step ? shared[threadIdx.x - step] : 0;
      __syncthreads();
      shared[threadIdx.x] += left;
      __syncthreads();
    }
    // no barrier before the next turn: a thread reads its own number and then overwrites it
    uint32_t at = before + shared[threadIdx.x] - own;
    for (int64_t i = first; i < first + 4 && i < of.cells; ++i) {
      const uint32_t count = offsets[i];
      offsets[i] = at;
      at += count;
      if (i == of.cells - 1) offsets[of.cells] = at;
    }
  }
}

template <typename Job>
__global__ void incidence_place_kernel(Job job, Incidence to) {
  for (int64_t i = cuda_first(); i < to.tables * job.units(); i += cuda_stride()) {
    const int64_t table = i / job.units();
    const uint32_t *offsets = to.offsets(table), *ranks = to.ranks(table);
    uint32_t* items = to.items(table);
    job.each(table, i % job.units(), [&](int64_t cell, uint32_t item) { items[offsets[cell] + ranks[item]] = item; });
  }
}

// Shell's sort: a few items as a rule, and not the square of very many.
template <typename Job>
__global__ void incidence_sort_kernel(Job job, Incidence to) {
  for (int64_t i = cuda_first(); i < to.tables * to.cells; i += cuda_stride()) {
    const int64_t table = i / to.cells, cell = i % to.cells;
    const uint32_t begin = to.offsets(table)[cell], count = to.offsets(table)[cell + 1] - begin;
    if (count < 2 || !job.sorts(table, cell, count)) continue;
    uint32_t* items = to.items(table) + begin;
    for (uint32_t gap = count < 16 ? 1 : count / 2; gap > 0; gap = gap == 2 ? 1 : gap * uint64_t{5} / 11)
      for (uint32_t k = gap; k < count; ++k) {
        const uint32_t item = items[k];
        uint32_t at = k;
        for (; at >= gap && items[at - gap] > item; at -= gap) items[at] = items[at - gap];
        items[at] = item;
      }
  }
}

template <typename Job>
const char* build_incidence(const Job& job, const Incidence& to, void* stream) {
  const unsigned blocks = cuda_blocks(to.tables * to.blocks(), 1), units = cuda_blocks(to.tables * job.units());
  const char* error = cuda_fill(to.words, 0, to.tables * (to.cells + 1) * int64_t{sizeof(uint32_t)}, stream);
  if (!error) error = cuda_launch(incidence_count_kernel<Job>, units, kCudaThreads, stream, job, to);
  if (!error) error = cuda_launch(incidence_totals_kernel, blocks, kCudaThreads, stream, to);
  if (!error) error = cuda_launch(incidence_offsets_kernel, blocks, kCudaThreads, stream, to);
  if (!error) error = cuda_launch(incidence_place_kernel<Job>, units, kCudaThreads, stream, job, to);
  const unsigned cells = cuda_blocks(to.tables * to.cells);
  if (!error) error = cuda_launch(incidence_sort_kernel<Job>, cells, kCudaThreads, stream, job, to);
  return error;
}
}  // namespace pyface3d
