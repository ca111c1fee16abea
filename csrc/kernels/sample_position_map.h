// Bilinear reading of position maps: out[b, n] = sum of 4 taps of map[b, :, .] at column u (V - 1), row (1 - v)(U - 1).
// Texel centres lie at integers, v points up, coordinates outside the map are clamped to its border.
// vjp: grad_map scatters the 4 taps (one face and one pass over n at a time: fixed order);
// grad_uv = sum_b sum_c grad_out d out/d uv, 0 where clamped.
#pragma once
#include "kernels/inline.h"
#include "kernels/simd.h"

namespace pyface3d {
template <typename T>
struct SamplePositionMap {               // contiguous, one scalar type
  const T* maps;                         // (B, 3, U, V)
  const T* uv;                           // (N, 2)
  T* out;                                // (B, N, 3), forward only
  const T* grad_out;                     // (B, N, 3), backward only
  T* grad_maps;                          // (B, 3, U, V), backward only
  T* grad_uv;                            // (N, 2), backward only
  uint32_t* incidence;                   // CUDA workspace: incidence.cuh, of U V cells and 4 N items; backward only
  int64_t batch, points, rows, columns;  // B, N, U, V; U V from 1 to 2^31 - 1
  bool want_maps, want_uv;               // backward only: which gradients
};

template <typename T>
struct MapAxis {      // where a coordinate falls between two texels of one axis
  int32_t low, step;  // the lower texel, and 1 or (on an axis of one texel) 0 to the upper
  T weight, slope;    // of the upper texel; d weight / d coordinate, 0 where clamped
};

template <typename T>
PYFACE3D_INLINE MapAxis<T> locate_texel(T coordinate, int64_t size) {
  const T last = static_cast<T>(size - 1);
  const T clamped = coordinate > 0 ? (coordinate < last ? coordinate : last) : T(0);  // NaN becomes 0
  int32_t low = static_cast<int32_t>(clamped);
  low -= (low > 0) & (low == size - 1);
  const bool inside = coordinate >= 0 && coordinate <= last && size > 1;
  // a NaN coordinate keeps a NaN weight, so that it shows in the result
  const T weight = coordinate != coordinate ? coordinate : clamped - static_cast<T>(low);
  return {low, size > 1 ? 1 : 0, weight, inside ? T(1) : T(0)};
}

template <typename T>
struct MapPoint {  // where point n falls
  MapAxis<T> row, column;
  PYFACE3D_INLINE MapPoint(const SamplePositionMap<T>& p, int64_t n) {
    const T* uv = p.uv + 2 * n;
    column = locate_texel(uv[0] * static_cast<T>(p.columns - 1), p.columns);
    row = locate_texel((T(1) - uv[1]) * static_cast<T>(p.rows - 1), p.rows);
  }
};

template <typename T>
struct MapCorners {   // the four texels around a point, in one plane
  int64_t offset[4];  // upper left, upper right, lower left, lower right
  T weight[4];
};

template <typename T>
PYFACE3D_INLINE MapCorners<T> corners_of(const MapAxis<T>& row, const MapAxis<T>& column, int64_t columns) {
  const int64_t at = int64_t{row.low} * columns + column.low, down = row.step * columns;
  const T wy = row.weight, wx = column.weight;
  return {{at, at + column.step, at + down, at + down + column.step},
          {(1 - wy) * (1 - wx), (1 - wy) * wx, wy * (1 - wx), wy * wx}};
}

constexpr int64_t kSampleChunk = 256;  // points whose taps are computed together
constexpr int64_t kSampleFaces = 16;   // faces that are read with them

inline int64_t sample_chunks(int64_t points) { return (points + kSampleChunk - 1) / kSampleChunk; }
inline int64_t sample_items(int64_t batch, int64_t points) {
  return sample_chunks(points) * ((batch + kSampleFaces - 1) / kSampleFaces);
}

PYFACE3D_DECLARE_LAUNCHERS(sample_position_map, SamplePositionMap)

PYFACE3D_EACH_ISA(
    // Items are (block of faces, chunk of points) pairs.
    template <typename T> void sample_position_map_forward(const SamplePositionMap<T>& p, int64_t begin, int64_t end);
    // Items are planes, three to a face.
    template <typename T>
    void sample_position_map_backward_maps(const SamplePositionMap<T>& p, int64_t begin, int64_t end);
    // Items are chunks of points.
    template <typename T>
    void sample_position_map_backward_uv(const SamplePositionMap<T>& p, int64_t begin, int64_t end);)
}  // namespace pyface3d
