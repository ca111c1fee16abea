#include "kernels/sample_position_map.h"

#include "kernels/quad.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
template <typename T>
struct Taps {  // of a chunk of points: the upper left texel, and the weights of the right and of the lower ones
  int32_t at[kSampleChunk];
  T right[kSampleChunk], lower[kSampleChunk];

  void fill(const SamplePositionMap<T>& p, int64_t first, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const MapPoint<T> point(p, first + i);
      at[i] = point.row.low * static_cast<int32_t>(p.columns) + point.column.low;
      right[i] = point.column.weight, lower[i] = point.row.weight;
    }
  }
};

template <typename T>
int64_t size_of(const SamplePositionMap<T>& p, int64_t chunk) {
  const int64_t left = p.points - chunk * kSampleChunk;
  return left < kSampleChunk ? left : kSampleChunk;
}

// Neighbours a[0], a[1], b[0], b[1]: two loads.
inline void load_pairs(const float* a, const float* b, Quad<float>& out) {
  typedef int64_t Two __attribute__((vector_size(16)));
  int64_t low, high;
  __builtin_memcpy(&low, a, 8), __builtin_memcpy(&high, b, 8);
  out = (Quad<float>)Two{low, high};
}
inline void load_pairs(const double* a, const double* b, Quad<double>& out) {
  out = Quad<double>{a[0], a[1], b[0], b[1]};
}

struct PickEven {
  static constexpr int at(int i) { return 2 * i; }
};
struct PickOdd {
  static constexpr int at(int i) { return 2 * i + 1; }
};
template <typename V>  // a[0] + a[1], a[2] + a[3], b[0] + b[1], b[2] + b[3]
inline void add_pairs(const V& a, const V& b, V& out) {
  V odd;
  shuffle_lanes<PickEven>(a, b, out, std::make_integer_sequence<int, 4>{});
  shuffle_lanes<PickOdd>(a, b, odd, std::make_integer_sequence<int, 4>{});
  out += odd;
}

// Reads a chunk of points from one face: out (count, 3). Rows are mixed first, then left and right, x and y in one
// vector.
template <typename T>
void read_chunk(const SamplePositionMap<T>& p, const Taps<T>& taps, int64_t count, const T* map, T* out) {
  const int64_t plane = p.rows * p.columns, down = p.rows > 1 ? p.columns : 0;
  Quad<T> upper, lower, upper_z, lower_z, point;
  for (int64_t i = 0; i < count; ++i) {
    const T *x = map + taps.at[i], *y = x + plane, *z = y + plane, wy = taps.lower[i], wx = taps.right[i];
    load_pairs(x, y, upper), load_pairs(x + down, y + down, lower);
    load_pairs(z, z, upper_z), load_pairs(z + down, z + down, lower_z);
    const Quad<T> across{1 - wx, wx, 1 - wx, wx};
    upper = (upper * (1 - wy) + lower * wy) * across, upper_z = (upper_z * (1 - wy) + lower_z * wy) * across;
    add_pairs(upper, upper_z, point);
    __builtin_memcpy(out + 3 * i, &point, (i + 1 < count ? 4 : 3) * sizeof(T));  // the next point corrects the fourth
  }
}

// The same of maps with one column, where no pixel has a right neighbour.
template <typename T>
void read_column(const SamplePositionMap<T>& p, const Taps<T>& taps, int64_t count, const T* map, T* out) {
  const int64_t down = p.rows > 1 ? 1 : 0;
  for (int64_t i = 0; i < count; ++i)
    for (int64_t d = 0; d < 3; ++d) {
      const T* m = map + d * p.rows + taps.at[i];
      out[3 * i + d] = (m[0] * (1 - taps.lower[i]) + m[down] * taps.lower[i]) * (1 + taps.right[i]);  // right: 0 or NaN
    }
}
}  // namespace

template <typename T>
void sample_position_map_forward(const SamplePositionMap<T>& p, int64_t begin, int64_t end) {
  const int64_t chunks = sample_chunks(p.points), map_size = 3 * p.rows * p.columns;
  Taps<T> taps;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t chunk = item % chunks, count = size_of(p, chunk), face = item / chunks * kSampleFaces;
    taps.fill(p, chunk * kSampleChunk, count);
    for (int64_t b = face; b < p.batch && b < face + kSampleFaces; ++b) {
      const T* map = p.maps + b * map_size;
      T* out = p.out + (b * p.points + chunk * kSampleChunk) * 3;
      p.columns > 1 ? read_chunk<T>(p, taps, count, map, out) : read_column<T>(p, taps, count, map, out);
    }
  }
}

template <typename T>
void sample_position_map_backward_maps(const SamplePositionMap<T>& p, int64_t begin, int64_t end) {
  const int64_t plane = p.rows * p.columns, right = p.columns > 1 ? 1 : 0, down = p.rows > 1 ? p.columns : 0;
  Taps<T> taps;
  for (int64_t item = begin; item < end; ++item) {
    T* grad = p.grad_maps + item * plane;
    for (int64_t i = 0; i < plane; ++i) grad[i] = 0;
    const T* g = p.grad_out + item / 3 * p.points * 3 + item % 3;
    for (int64_t chunk = 0; chunk < sample_chunks(p.points); ++chunk, g += kSampleChunk * 3) {
      const int64_t count = size_of(p, chunk);
      taps.fill(p, chunk * kSampleChunk, count);
      for (int64_t i = 0; i < count; ++i) {
        T* to = grad + taps.at[i];
        const T lower = g[3 * i] * taps.lower[i], upper = g[3 * i] - lower;
        const T lower_right = lower * taps.right[i], upper_right = upper * taps.right[i];
        to[0] += upper - upper_right, to[right] += upper_right;
        to[down] += lower - lower_right, to[down + right] += lower_right;
      }
    }
  }
}

template <typename T>
void sample_position_map_backward_uv(const SamplePositionMap<T>& p, int64_t begin, int64_t end) {
  const int64_t plane = p.rows * p.columns;
  T* grad = p.grad_uv;
  for (int64_t chunk = begin; chunk < end; ++chunk) {
    const int64_t first = chunk * kSampleChunk, last = first + size_of(p, chunk);
    for (int64_t n = first; n < last; ++n) {
      const MapPoint<T> at(p, n);
      const MapAxis<T>&row = at.row, &column = at.column;
      const MapCorners<T> c = corners_of(row, column, p.columns);
      T along_row = 0, along_column = 0;
      for (int64_t b = 0; b < p.batch; ++b)
        for (int d = 0; d < 3; ++d) {
          const T* m = p.maps + (b * 3 + d) * plane;
          const T a = m[c.offset[0]], e = m[c.offset[1]], f = m[c.offset[2]], h = m[c.offset[3]];
          const T g = p.grad_out[(b * p.points + n) * 3 + d];
          along_column += g * ((1 - row.weight) * (e - a) + row.weight * (h - f));
          along_row += g * ((1 - column.weight) * (f - a) + column.weight * (h - e));
        }
      grad[2 * n] = along_column * column.slope * static_cast<T>(p.columns - 1);
      grad[2 * n + 1] = -along_row * row.slope * static_cast<T>(p.rows - 1);
    }
  }
}

#define PYFACE3D_KERNELS(T)                                                                          \
  template void sample_position_map_forward<T>(const SamplePositionMap<T>&, int64_t, int64_t);       \
  template void sample_position_map_backward_maps<T>(const SamplePositionMap<T>&, int64_t, int64_t); \
  template void sample_position_map_backward_uv<T>(const SamplePositionMap<T>&, int64_t, int64_t);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
#undef PYFACE3D_INSTANTIATE
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
