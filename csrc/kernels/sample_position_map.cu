// Forward: one thread per (face, point). grad_uv: one thread per point, over faces in order. grad_maps: a scatter.
#include "kernels/sample_position_map.h"
#include "kernels/scatter.cuh"

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

template <typename T>
struct MapsJob {
  SamplePositionMap<T> p;
  template <typename Add>
  __device__ void operator()(int64_t i, Add& add) const {
    const int64_t plane = p.rows * p.columns, face = i / p.points;
    const MapPoint<T> at(p, i % p.points);
    const MapCorners<T> c = corners_of(at.row, at.column, p.columns);
    for (int d = 0; d < 3; ++d) {
      const T g = p.grad_out[3 * i + d];
      for (int k = 0; k < 4; ++k) add((face * 3 + d) * plane + c.offset[k], c.weight[k] * g);
    }
  }
};
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
  const ScatterFaces faces{p.batch, p.points, 3 * p.rows * p.columns};
  return cuda_scatter(MapsJob<T>{p}, faces, 4 * p.points, p.grad_maps, p.scatter_workspace, stream);
}

PYFACE3D_INSTANTIATE_LAUNCHERS(sample_position_map, SamplePositionMap)
}  // namespace pyface3d
