#include "kernels/sample_position_map.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
template <typename T>
struct Axis {  // where a coordinate falls between two texels of one axis
  int64_t low, step;  // the lower texel, and 1 or (on an axis of one texel) 0 to the upper
  T weight, slope;    // of the upper texel; d weight / d coordinate, 0 where clamped
};

template <typename T>
inline Axis<T> locate(T coordinate, int64_t size) {
  const T last = static_cast<T>(size - 1);
  const T clamped = coordinate > 0 ? (coordinate < last ? coordinate : last) : T(0);  // NaN becomes 0
  int64_t low = static_cast<int64_t>(clamped);
  if (low > 0 && low == size - 1) --low;
  const bool inside = coordinate >= 0 && coordinate <= last && size > 1;
  // a NaN coordinate keeps a NaN weight, so that it shows in the result
  const T weight = coordinate != coordinate ? coordinate : clamped - static_cast<T>(low);
  return {low, size > 1 ? 1 : 0, weight, inside ? T(1) : T(0)};
}

template <typename T>
struct Taps {
  Axis<T> row[kSampleChunk], column[kSampleChunk];

  void fill(const SamplePositionMap& p, int64_t first, int64_t last) {
    const T* uv = static_cast<const T*>(p.uv);
    for (int64_t n = first; n < last; ++n) {
      column[n - first] = locate(uv[2 * n] * static_cast<T>(p.columns - 1), p.columns);
      row[n - first] = locate((T(1) - uv[2 * n + 1]) * static_cast<T>(p.rows - 1), p.rows);
    }
  }
};

template <typename T>
struct Corners {  // the four texels around a point, in one plane
  int64_t offset[4];  // upper left, upper right, lower left, lower right
  T weight[4];
};

template <typename T>
inline Corners<T> corners_of(const Axis<T>& row, const Axis<T>& column, int64_t columns) {
  const int64_t at = row.low * columns + column.low, down = row.step * columns;
  const T wy = row.weight, wx = column.weight;
  return {{at, at + column.step, at + down, at + down + column.step},
          {(1 - wy) * (1 - wx), (1 - wy) * wx, wy * (1 - wx), wy * wx}};
}

inline int64_t end_of(const SamplePositionMap& p, int64_t chunk) {
  const int64_t last = (chunk + 1) * kSampleChunk;
  return last < p.points ? last : p.points;
}
}  // namespace

template <typename T>
void sample_position_map_forward(const SamplePositionMap& p, int64_t begin, int64_t end) {
  const int64_t plane = p.rows * p.columns;
  Corners<T> corners[kSampleChunk];
  Taps<T> taps;
  for (int64_t chunk = begin; chunk < end; ++chunk) {
    const int64_t first = chunk * kSampleChunk, count = end_of(p, chunk) - first;
    taps.fill(p, first, first + count);
    for (int64_t i = 0; i < count; ++i) corners[i] = corners_of(taps.row[i], taps.column[i], p.columns);
    for (int64_t b = 0; b < p.batch; ++b) {
      const T* map = static_cast<const T*>(p.maps) + b * 3 * plane;
      T* out = static_cast<T*>(p.out) + (b * p.points + first) * 3;
      for (int64_t i = 0; i < count; ++i) {
        const Corners<T>& c = corners[i];
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
        const Corners<T> c = corners_of(taps.row[n - first], taps.column[n - first], p.columns);
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
      const Axis<T>&row = taps.row[n - first], &column = taps.column[n - first];
      const Corners<T> c = corners_of(row, column, p.columns);
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
