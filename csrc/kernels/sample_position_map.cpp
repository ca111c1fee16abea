#include "kernels/sample_position_map.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
template <typename T>
struct Taps {
  MapAxis<T> row[kSampleChunk], column[kSampleChunk];

  void fill(const SamplePositionMap& p, int64_t first, int64_t last) {
    for (int64_t n = first; n < last; ++n) {
      const MapPoint<T> at(p, n);
      row[n - first] = at.row, column[n - first] = at.column;
    }
  }
};

inline int64_t end_of(const SamplePositionMap& p, int64_t chunk) {
  const int64_t last = (chunk + 1) * kSampleChunk;
  return last < p.points ? last : p.points;
}
}  // namespace

template <typename T>
void sample_position_map_forward(const SamplePositionMap& p, int64_t begin, int64_t end) {
  const int64_t plane = p.rows * p.columns;
  MapCorners<T> corners[kSampleChunk];
  Taps<T> taps;
  for (int64_t chunk = begin; chunk < end; ++chunk) {
    const int64_t first = chunk * kSampleChunk, count = end_of(p, chunk) - first;
    taps.fill(p, first, first + count);
    for (int64_t i = 0; i < count; ++i) corners[i] = corners_of(taps.row[i], taps.column[i], p.columns);
    for (int64_t b = 0; b < p.batch; ++b) {
      const T* map = static_cast<const T*>(p.maps) + b * 3 * plane;
      T* out = static_cast<T*>(p.out) + (b * p.points + first) * 3;
      for (int64_t i = 0; i < count; ++i) {
        const MapCorners<T>& c = corners[i];
        for (int d = 0; d < 3; ++d) {
          const T* m = map + d * plane;
          out[3 * i + d] = c.weight[0] * m[c.offset[0]] + c.weight[1] * m[c.offset[1]] +
                           c.weight[2] * m[c.offset[2]] + c.weight[3] * m[c.offset[3]];
        }
      }
    }
  }
}

template <typename T>
void sample_position_map_backward_maps(const SamplePositionMap& p, int64_t begin, int64_t end) {
  const int64_t plane = p.rows * p.columns;
  Taps<T> taps;
  for (int64_t b = begin; b < end; ++b) {
    T* grad = static_cast<T*>(p.grad_maps) + b * 3 * plane;
    for (int64_t i = 0; i < 3 * plane; ++i) grad[i] = 0;
    const T* g = static_cast<const T*>(p.grad_out) + b * p.points * 3;
    for (int64_t chunk = 0; chunk < sample_chunks(p.points); ++chunk) {
      const int64_t first = chunk * kSampleChunk, last = end_of(p, chunk);
      taps.fill(p, first, last);
      for (int64_t n = first; n < last; ++n) {
        const MapCorners<T> c = corners_of(taps.row[n - first], taps.column[n - first], p.columns);
        for (int d = 0; d < 3; ++d)
          for (int k = 0; k < 4; ++k) grad[d * plane + c.offset[k]] += c.weight[k] * g[3 * n + d];
      }
    }
  }
}

template <typename T>
void sample_position_map_backward_uv(const SamplePositionMap& p, int64_t begin, int64_t end) {
  const int64_t plane = p.rows * p.columns;
  Taps<T> taps;
  for (int64_t chunk = begin; chunk < end; ++chunk) {
    const int64_t first = chunk * kSampleChunk, last = end_of(p, chunk);
    taps.fill(p, first, last);
    T* grad = static_cast<T*>(p.grad_uv);
    for (int64_t n = first; n < last; ++n) {
      const MapAxis<T>&row = taps.row[n - first], &column = taps.column[n - first];
      const MapCorners<T> c = corners_of(row, column, p.columns);
      T along_row = 0, along_column = 0;
      for (int64_t b = 0; b < p.batch; ++b)
        for (int d = 0; d < 3; ++d) {
          const T* m = static_cast<const T*>(p.maps) + (b * 3 + d) * plane;
          const T a = m[c.offset[0]], e = m[c.offset[1]], f = m[c.offset[2]], h = m[c.offset[3]];
          const T g = static_cast<const T*>(p.grad_out)[(b * p.points + n) * 3 + d];
          along_column += g * ((1 - row.weight) * (e - a) + row.weight * (h - f));
          along_row += g * ((1 - column.weight) * (f - a) + column.weight * (h - e));
        }
      grad[2 * n] = along_column * column.slope * static_cast<T>(p.columns - 1);
      grad[2 * n + 1] = -along_row * row.slope * static_cast<T>(p.rows - 1);
    }
  }
}

#define PYFACE3D_INSTANTIATE(T)                                                                         \
  template void sample_position_map_forward<T>(const SamplePositionMap&, int64_t, int64_t);             \
  template void sample_position_map_backward_maps<T>(const SamplePositionMap&, int64_t, int64_t);       \
  template void sample_position_map_backward_uv<T>(const SamplePositionMap&, int64_t, int64_t);
PYFACE3D_INSTANTIATE(float)
PYFACE3D_INSTANTIATE(double)
#undef PYFACE3D_INSTANTIATE
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
