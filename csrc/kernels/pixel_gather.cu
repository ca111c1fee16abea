// Runs of pixels of one triangle are tabled by vertex (incidence.cuh) and summed in rising order, one thread per vertex
// and up to three channels. A vertex with very many runs (of a triangle that fills the picture) is busy: a block goes
// through all pixels from its first to its last, and no one has to sort them.
#include "kernels/incidence.cuh"
#include "kernels/inline.h"
#include "kernels/pixel_gather.cuh"

namespace pyface3d {
namespace {
constexpr int64_t kRun = 32;        // a run ends at multiples of it
constexpr uint32_t kBusyRuns = 32;  // a vertex with more is busy
constexpr int kBusyBlocks = 1024;

Incidence table_of(const ShownTriangles& p) { return {p.batch, p.vertex_count, 3 * p.pixels, p.words}; }

// Behind the tables: how many vertices are busy, then face and vertex of each.
uint32_t* busy_of(const ShownTriangles& p) { return table_of(p).totals(p.batch); }

int64_t most_busy(const ShownTriangles& p) {
  const int64_t most = 3 * p.pixels / (kBusyRuns + 1);
  return p.batch * (most < p.vertex_count ? most : p.vertex_count);
}

struct RunsJob {  // item 3 i + k: the run that begins at pixel i, for corner k of its triangle
  ShownTriangles p;
  uint32_t* busy;

  __host__ __device__ int64_t units() const { return p.pixels; }

  template <typename Visit>
  __device__ void each(int64_t face, int64_t pixel, Visit visit) const {
    const int32_t* id = p.triangle_ids + face * p.pixels + pixel;
    if (id[0] < 0 || (pixel % kRun != 0 && id[-1] == id[0])) return;
    const int64_t* corners = p.triangle_at(face * p.pixels + pixel);
    for (uint32_t k = 0; k < 3 && corners; ++k) visit(corners[k], static_cast<uint32_t>(3 * pixel) + k);
  }

  __device__ bool sorts(int64_t face, int64_t vertex, uint32_t count) const {
    if (count <= kBusyRuns) return true;
    uint32_t* to = busy + 1 + 2 * atomicAdd(busy, 1u);
    to[0] = static_cast<uint32_t>(face), to[1] = static_cast<uint32_t>(vertex);
    return false;
  }
};

template <typename T, int kOwn>
__global__ void gather_runs_kernel(PixelGather<T> p, Incidence table) {
  const ShownTriangles& shown = p.shown;
  const int64_t groups = p.channels / kOwn;
  for (int64_t i = cuda_first(); i < shown.batch * shown.vertex_count * groups; i += cuda_stride()) {
    const int64_t row = i / groups, face = row / shown.vertex_count, own = i % groups * kOwn;
    const uint32_t* offsets = table.offsets(face) + row % shown.vertex_count;
    const uint32_t begin = offsets[0], end = offsets[1];
    if (end - begin > kBusyRuns) continue;
    T sums[kOwn] = {};
    for (uint32_t at = begin; at < end; ++at) {
      const uint32_t item = table.items(face)[at], corner = item % 3;
      const int64_t first = item / 3, limit = (first / kRun + 1) * kRun;
      const int64_t last = face * shown.pixels + (limit < shown.pixels ? limit : shown.pixels);
      int64_t pixel = face * shown.pixels + first;
      const int32_t id = shown.triangle_ids[pixel];
      do {
        const T weight = p.barycentrics[3 * pixel + corner];
        PYFACE3D_UNROLL
        for (int c = 0; c < kOwn; ++c) sums[c] += weight * p.grad[pixel * p.channels + own + c];
      } while (++pixel < last && shown.triangle_ids[pixel] == id);
    }
    PYFACE3D_UNROLL
    for (int c = 0; c < kOwn; ++c) p.out[row * p.channels + own + c] = sums[c];
  }
}

template <typename T, int kOwn>
__global__ void __launch_bounds__(kCudaThreads) gather_busy_kernel(PixelGather<T> p, Incidence table, uint32_t* busy) {
  const ShownTriangles& shown = p.shown;
  __shared__ T shared[kCudaWarps];
  __shared__ uint32_t extremes[kCudaWarps];
  for (uint32_t at = blockIdx.x; at < busy[0]; at += gridDim.x) {
    const int64_t face = busy[1 + 2 * at], vertex = busy[2 + 2 * at];
    const uint32_t *items = table.items(face), *offsets = table.offsets(face) + vertex;
    uint32_t high = 0, low = ~0u;
    for (uint32_t i = offsets[0] + threadIdx.x; i < offsets[1]; i += kCudaThreads) {
      high = items[i] > high ? items[i] : high;
      low = items[i] < low ? items[i] : low;
    }
    high = block_most(high, extremes), low = ~block_most(~low, extremes);
    const int64_t last = high / 3 + kRun < shown.pixels ? high / 3 + kRun : shown.pixels;  // after the last run
    for (int64_t own = 0; own < p.channels; own += kOwn) {
      T sums[kOwn] = {};
      for (int64_t i = low / 3 + threadIdx.x; i < last; i += kCudaThreads) {
        const int64_t pixel = face * shown.pixels + i;
        const int64_t* corners = shown.triangle_at(pixel);
        for (int k = 0; k < 3 && corners; ++k) {
          if (corners[k] != vertex) continue;
          const T weight = p.barycentrics[3 * pixel + k];
          PYFACE3D_UNROLL
          for (int c = 0; c < kOwn; ++c) sums[c] += weight * p.grad[pixel * p.channels + own + c];
        }
      }
      PYFACE3D_UNROLL
      for (int c = 0; c < kOwn; ++c) {
        const T sum = block_sum(sums[c], shared);
        if (threadIdx.x == 0) p.out[(face * shown.vertex_count + vertex) * p.channels + own + c] = sum;
      }
    }
  }
}

template <typename T, int kOwn>
const char* gather_runs(const PixelGather<T>& p, const Incidence& table, void* stream) {
  const int64_t threads = p.shown.batch * p.shown.vertex_count * (p.channels / kOwn);
  const char* error = cuda_launch(gather_runs_kernel<T, kOwn>, cuda_blocks(threads), kCudaThreads, stream, p, table);
  const int64_t most = most_busy(p.shown);
  const unsigned blocks = cuda_blocks(most < kBusyBlocks ? most : kBusyBlocks, 1);
  return error ? error
               : cuda_launch(gather_busy_kernel<T, kOwn>, blocks, kCudaThreads, stream, p, table, busy_of(p.shown));
}
}  // namespace

template <typename T>
const char* gather_pixels(const PixelGather<T>& p, void* stream) {
  const Incidence table = table_of(p.shown);
  const char* error = cuda_fill(busy_of(p.shown), 0, sizeof(uint32_t), stream);
  if (!error) error = build_incidence(RunsJob{p.shown, busy_of(p.shown)}, table, stream);
  if (error) return error;
  return p.channels % 3 == 0 ? gather_runs<T, 3>(p, table, stream) : gather_runs<T, 1>(p, table, stream);
}

#define PYFACE3D_KERNELS(T) template const char* gather_pixels<T>(const PixelGather<T>&, void*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace pyface3d
