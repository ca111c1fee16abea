#include "kernels/mobilenet.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
constexpr int kTile = PYFACE3D_VECTOR_BYTES == 64 ? 8 : 4;  // rows whose sums stay in registers, two vectors each

template <typename T>
inline Vec<T> relu(Vec<T> x) {  // NaN stays
  return x < 0 ? Vec<T>{} : x;
}

struct Run {               // pixels of one picture that are one task
  int64_t picture, first;  // the first one's number, in rows of the output
  int64_t count;
};

// A window of the stem that reaches over the border: 27 values, those outside of the picture zero.
template <typename T>
void copy_border(const MobileLayer<T>& p, const T* picture, int64_t top, int64_t left, T* to) {
  for (int k = 0; k < 9; ++k) {
    const int64_t y = top + k / 3, x = left + k % 3;
    const bool inside = y >= 0 && y < p.height && x >= 0 && x < p.width;
    for (int c = 0; c < 3; ++c) to[3 * k + c] = inside ? picture[(y * p.width + x) * 3 + c] : T(0);
  }
}

// Windows of the stem: (count, 27).
template <typename T>
void gather_windows(const MobileLayer<T>& p, const Run& run, T* to) {
  const T* picture = p.input + run.picture * p.height * p.width * 3;
  const int64_t across = p.out_width();
  int64_t row = run.first / across, column = run.first % across;
  for (int64_t i = 0; i < run.count; ++i, to += kStemRows) {
    const int64_t top = row * p.stride - 1, left = column * p.stride - 1;
    if (top < 0 || left < 0 || top + 3 > p.height || left + 3 > p.width)
      copy_border<T>(p, picture, top, left, to);
    else
      for (int y = 0; y < 3; ++y)
        __builtin_memcpy(to + 9 * y, picture + ((top + y) * p.width + left) * 3, 9 * sizeof(T));
    if (++column == across) column = 0, ++row;
  }
}

// One vector of channels of one pixel, whose window reaches over the border.
template <typename T>
inline Vec<T> filter_border(const MobileLayer<T>& p, const T* map, int64_t top, int64_t left, const Vec<T> (&taps)[9],
                            Vec<T> sum) {
  for (int k = 0; k < 9; ++k) {
    const int64_t y = top + k / 3, x = left + k % 3;
    if (y >= 0 && y < p.height && x >= 0 && x < p.width) sum += taps[k] * load<T>(map + (y * p.width + x) * p.channels);
  }
  return sum;
}

// The 3x3 convolution of a block: (count, C).
template <typename T>
void filter_channels(const MobileLayer<T>& p, const Run& run, T* to) {
  constexpr int L = kLanes<T>;
  const int64_t C = p.channels, across = p.out_width();
  for (int64_t c = 0; c < C; c += L) {
    Vec<T> taps[9];
    for (int k = 0; k < 9; ++k) taps[k] = load<T>(p.taps + k * C + c);
    const Vec<T> bias = load<T>(p.taps_bias + c);
    const T* map = p.input + run.picture * p.height * p.width * C + c;
    int64_t row = run.first / across, column = run.first % across;
    for (int64_t i = 0; i < run.count; ++i) {
      const int64_t top = row * p.stride - 1, left = column * p.stride - 1;
      Vec<T> sum = bias;
      if (top < 0 || left < 0 || top + 3 > p.height || left + 3 > p.width) {
        sum = filter_border<T>(p, map, top, left, taps, sum);
      } else {
        const T* corner = map + (top * p.width + left) * C;
        for (int k = 0; k < 9; ++k) sum += taps[k] * load<T>(corner + (k / 3 * p.width + k % 3) * C);
      }
      store<T>(to + i * C + c, relu<T>(sum));
      if (++column == across) column = 0, ++row;
    }
  }
}

// The sums of the head: (S, C), or the means (C,).
template <typename T>
void sum_places(const MobileLayer<T>& p, const Run& run, T* to) {
  constexpr int L = kLanes<T>;
  const int64_t places = p.height * p.width, C = p.channels, count = p.sum_count ? p.sum_count : 1;
  const T* map = p.input + run.picture * places * C;
  for (int64_t s = 0; s < count; ++s)
    for (int64_t c = 0; c < C; c += L) {
      Vec<T> sum{};
      for (int64_t i = 0; i < places; ++i) {
        const Vec<T> value = load<T>(map + i * C + c);
        sum += p.sum_count ? value * load<T>(p.sums + (i * count + s) * C + c) : value;
      }
      store<T>(to + s * C + c, p.sum_count ? sum : sum / static_cast<T>(places));
    }
}

template <typename T>
struct Product {     // of rows with columns that lie together
  const T* rows;     // (F, depth)
  const T* columns;  // (depth, V L), `wide` apart
  const T* bias;     // (V L,)
  T* out;            // (F, V L), `stride` apart
  int64_t depth, wide, stride;
  bool rectified;
};

// F rows with V vectors of columns: the sums stay in registers, and how many there are does not change one.
template <typename T, int F, int V>
inline void multiply(const Product<T>& m) {
  constexpr int L = kLanes<T>;
  Vec<T> sums[F][V];
  for (int f = 0; f < F; ++f)
    for (int v = 0; v < V; ++v) sums[f][v] = load<T>(m.bias + v * L);
  for (int64_t r = 0; r < m.depth; ++r) {
    Vec<T> columns[V];
    for (int v = 0; v < V; ++v) columns[v] = load<T>(m.columns + r * m.wide + v * L);
    for (int f = 0; f < F; ++f)
      for (int v = 0; v < V; ++v) sums[f][v] += columns[v] * m.rows[f * m.depth + r];
  }
  for (int f = 0; f < F; ++f)
    for (int v = 0; v < V; ++v) store<T>(m.out + f * m.stride + v * L, m.rectified ? relu<T>(sums[f][v]) : sums[f][v]);
}

// All rows of a task with one panel.
template <typename T, int V>
void multiply_panel(const MobileLayer<T>& p, const T* rows, int64_t count, int64_t column, int64_t wide, T* out) {
  const int64_t depth = p.depth(), D = p.out_channels;
  for (int64_t first = 0; first < count;) {
    const bool whole = first + kTile <= count;
    for (int64_t at = 0; at < wide; at += V * kLanes<T>) {
      const Product<T> m{rows + first * depth,
                         p.panels + column * depth + at,
                         p.bias + column + at,
                         out + first * D + column + at,
                         depth,
                         wide,
                         D,
                         p.kind != MobileKind::head};
      whole ? multiply<T, kTile, V>(m) : multiply<T, 1, V>(m);
    }
    first += whole ? kTile : 1;
  }
}

template <typename T>
void gather(const MobileLayer<T>& p, const Run& run, T* to) {
  if (p.kind == MobileKind::stem) return gather_windows<T>(p, run, to);
  if (p.kind == MobileKind::block) return filter_channels<T>(p, run, to);
  sum_places<T>(p, run, to);
}
}  // namespace

template <typename T>
void mobilenet(const MobileLayer<T>& p, T* scratch, int64_t begin, int64_t end) {
  for (int64_t task = begin; task < end; ++task) {
    Run run{task / p.tasks(), task % p.tasks() * kMobilePixels, kMobilePixels};
    if (run.count > p.pixels() - run.first) run.count = p.pixels() - run.first;
    gather<T>(p, run, scratch);
    T* out = p.out + (run.picture * p.pixels() + run.first) * p.out_channels;
    for (int64_t column = 0; column < p.out_channels; column += kMobilePanel) {
      const int64_t left = p.out_channels - column, wide = left < kMobilePanel ? left : kMobilePanel;
      wide < 2 * kLanes<T> ? multiply_panel<T, 1>(p, scratch, run.count, column, wide, out)
                           : multiply_panel<T, 2>(p, scratch, run.count, column, wide, out);
    }
  }
}

#define PYFACE3D_KERNELS(T) template void mobilenet<T>(const MobileLayer<T>&, T*, int64_t, int64_t);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
