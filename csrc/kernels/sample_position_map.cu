// Forward: one thread per (face, point). grad_uv: one thread per point, over faces in order. grad_maps: uv is shared by
// all faces, so the taps at each texel are tabled once (incidence.cuh) and gathered, one thread per texel and four
// faces.
#include "kernels/incidence.cuh"
#include "kernels/sample_position_map.h"

namespace pyface3d {
namespace {
template <typename T>
__global__ void forward_kernel(SamplePositionMap<T> p) {
  const int64_t plane = p.rows * p.columns;
  for (int64_t i = cuda_first(); i < p.batch * p.points; i += cuda_stride()) {
    const T* map = p.maps + i / p.points * 3 * plane;
    const MapPoint<T> at(p, i % p.points);
    const MapCorners<T> c = corners_of(at.row, at.column, p.columns);
    for (int d = 0; d < 3; ++d) {
      const T* m = map + d * plane;
      p.out[3 * i + d] = c.weight[0] * m[c.offset[0]] + c.weight[1] * m[c.offset[1]] + c.weight[2] * m[c.offset[2]] +
                         c.weight[3] * m[c.offset[3]];
    }
  }
}

template <typename T>
__global__ void grad_uv_kernel(SamplePositionMap<T> p) {
  const int64_t plane = p.rows * p.columns;
  for (int64_t n = cuda_first(); n < p.points; n += cuda_stride()) {
    const MapPoint<T> at(p, n);
    const MapCorners<T> c = corners_of(at.row, at.column, p.columns);
    T along_row = 0, along_column = 0;
    for (int64_t b = 0; b < p.batch; ++b)
      for (int d = 0; d < 3; ++d) {
        const T* m = p.maps + (b * 3 + d) * plane;
        const T a = m[c.offset[0]], e = m[c.offset[1]], f = m[c.offset[2]], h = m[c.offset[3]];
        const T g = p.grad_out[(b * p.points + n) * 3 + d];
        along_column += g * ((1 - at.row.weight) * (e - a) + at.row.weight * (h - f));
        along_row += g * ((1 - at.column.weight) * (f - a) + at.column.weight * (h - e));
      }
    T* grad = p.grad_uv;
    grad[2 * n] = along_column * at.column.slope * static_cast<T>(p.columns - 1);
    grad[2 * n + 1] = -along_row * at.row.slope * static_cast<T>(p.rows - 1);
  }
}

constexpr int kFaces = 4;

template <typename T>
struct TapsJob {  // item 4 n + k: tap k of point n
  SamplePositionMap<T> p;

  __host__ __device__ int64_t units() const { return p.points; }

  template <typename Visit>
  __device__ void each(int64_t, int64_t n, Visit visit) const {
    const MapPoint<T> at(p, n);
    for (uint32_t k = 0; k < 4; ++k) {
      const int64_t row = at.row.low + (k < 2 ? 0 : at.row.step);
      visit(row * p.columns + at.column.low + (k % 2 == 0 ? 0 : at.column.step), static_cast<uint32_t>(4 * n) + k);
    }
  }

  __device__ bool sorts(int64_t, int64_t, uint32_t) const { return true; }
};

// The weight of a tap.
template <typename T>
__device__ __forceinline__ T weight_of(const SamplePositionMap<T>& p, int64_t item) {
  const MapPoint<T> at(p, item / 4);
  const T row = item % 4 < 2 ? 1 - at.row.weight : at.row.weight;
  return row * (item % 2 == 0 ? 1 - at.column.weight : at.column.weight);
}

template <typename T>
__global__ void grad_maps_kernel(SamplePositionMap<T> p, Incidence table) {
  const int64_t plane = p.rows * p.columns, groups = (p.batch + kFaces - 1) / kFaces;
  for (int64_t i = cuda_first(); i < groups * plane; i += cuda_stride()) {
    const int64_t first = i / plane * kFaces, texel = i % plane;
    T sums[kFaces][3] = {};
    const uint32_t *items = table.items(0), end = table.offsets(0)[texel + 1];
    for (uint32_t at = table.offsets(0)[texel]; at < end; ++at) {
      const int64_t item = items[at];
      const T weight = weight_of(p, item);
      PYFACE3D_UNROLL
      for (int f = 0; f < kFaces; ++f) {
        if (first + f >= p.batch) continue;
        const T* grad = p.grad_out + ((first + f) * p.points + item / 4) * 3;
        PYFACE3D_UNROLL
        for (int d = 0; d < 3; ++d) sums[f][d] += weight * grad[d];
      }
    }
    PYFACE3D_UNROLL
    for (int f = 0; f < kFaces; ++f) PYFACE3D_UNROLL
    for (int d = 0; d < 3; ++d)
      if (first + f < p.batch) p.grad_maps[((first + f) * 3 + d) * plane + texel] = sums[f][d];
  }
}
}  // namespace

template <typename T>
const char* sample_position_map_forward_cuda(const SamplePositionMap<T>& p, void* stream) {
  return cuda_launch(forward_kernel<T>, cuda_blocks(p.batch * p.points), kCudaThreads, stream, p);
}

template <typename T>
const char* sample_position_map_backward_cuda(const SamplePositionMap<T>& p, void* stream) {
  const char* error = nullptr;
  if (p.want_uv) error = cuda_launch(grad_uv_kernel<T>, cuda_blocks(p.points), kCudaThreads, stream, p);
  if (error || !p.want_maps) return error;
  const Incidence table{1, p.rows * p.columns, 4 * p.points, p.incidence};
  error = build_incidence(TapsJob<T>{p}, table, stream);
  const int64_t groups = (p.batch + kFaces - 1) / kFaces;
  return error ? error
               : cuda_launch(grad_maps_kernel<T>, cuda_blocks(groups * table.cells), kCudaThreads, stream, p, table);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(sample_position_map, SamplePositionMap)
}  // namespace pyface3d
