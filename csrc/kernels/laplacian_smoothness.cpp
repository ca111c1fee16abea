// A face per lane: points of L faces lie side by side, so that a neighbor is three loads for all of them. An item moves
// the points that its block of vertices reaches to scratch once; where neighbors have near numbers, the cache holds
// them.
#include "kernels/laplacian_smoothness.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
struct Range {  // of vertices
  int64_t first, last;
  int64_t size() const { return last - first; }
};

// From the lowest to the highest of the rows and their neighbors.
template <typename T>
Range reached(const LaplacianSmoothness<T>& p, const Range& rows) {
  int32_t lowest = static_cast<int32_t>(rows.first), highest = static_cast<int32_t>(rows.last - 1);
  for (int64_t e = p.offsets[rows.first]; e < p.offsets[rows.last]; ++e) {
    lowest = p.neighbors[e] < lowest ? p.neighbors[e] : lowest;
    highest = p.neighbors[e] > highest ? p.neighbors[e] : highest;
  }
  return {lowest, highest + int64_t{1}};
}

template <typename T>
Range block_at(const LaplacianSmoothness<T>& p, int64_t first) {
  return {first, first + p.block < p.vertex_count ? first + p.block : p.vertex_count};
}

// The L faces of an item; at the end of the batch the last one stands for those missing.
template <typename T>
struct Faces {
  int64_t first, last;
  Faces(int64_t group, int64_t batch)
      : first(group * kLanes<T>), last(first + kLanes<T> < batch ? first + kLanes<T> : batch) {}
  int64_t at(int lane) const { return first + lane < last ? first + lane : last - 1; }
};

// Points of the faces from vertex `first` on, as [vertex][coordinate][face].
template <typename T>
struct Points {
  T* rows;
  int64_t first;
  T* at(int64_t n) const { return rows + (n - first) * (3 * kLanes<T>); }
};

// The range of p.vertices, transposed.
template <typename T>
void load_faces(const LaplacianSmoothness<T>& p, const Faces<T>& faces, const Range& range, T* out) {
  constexpr int L = kLanes<T>;
  const T* from[L];
  for (int l = 0; l < L; ++l) from[l] = p.vertices + (faces.at(l) * p.vertex_count + range.first) * 3;
  int64_t i = 0;
  for (; i + L <= range.size() * 3; i += L) {
    Vec<T> block[L];
    for (int l = 0; l < L; ++l) block[l] = load<T>(from[l] + i);
    transpose(block);
    for (int l = 0; l < L; ++l) store<T>(out + (i + l) * L, block[l]);
  }
  for (; i < range.size() * 3; ++i)
    for (int l = 0; l < L; ++l) out[i * L + l] = from[l][i];
}

// The inverse, to p.grad_vertices.
template <typename T>
void store_faces(const LaplacianSmoothness<T>& p, const Faces<T>& faces, const Range& range, const T* from) {
  constexpr int L = kLanes<T>;
  T* to = p.grad_vertices + (faces.first * p.vertex_count + range.first) * 3;
  int64_t i = 0;
  for (; i + L <= range.size() * 3; i += L) {
    Vec<T> block[L];
    for (int l = 0; l < L; ++l) block[l] = load<T>(from + (i + l) * L);
    transpose(block);
    for (int l = 0; l < faces.last - faces.first; ++l) store<T>(to + l * p.vertex_count * 3 + i, block[l]);
  }
  for (; i < range.size() * 3; ++i)
    for (int l = 0; l < faces.last - faces.first; ++l) to[l * p.vertex_count * 3 + i] = from[i * L + l];
}

// sum = sum over the entries of row n of weight (point(neighbor) - point(n)).
template <typename T>
inline void sum_row(const LaplacianSmoothness<T>& p, int64_t n, const Points<T>& points, Vec<T> (&sum)[3]) {
  constexpr int L = kLanes<T>;
  const T* center = points.at(n);
  for (int d = 0; d < 3; ++d) sum[d] = Vec<T>{};
  for (int64_t e = p.offsets[n]; e < p.offsets[n + 1]; ++e) {
    const T* other = points.at(p.neighbors[e]);
    for (int d = 0; d < 3; ++d) {
      const Vec<T> difference = load<T>(other + d * L) - load<T>(center + d * L);
      sum[d] += p.weights ? difference * p.weights[e] : difference;
    }
  }
}

template <typename T>
inline T weight_at(const LaplacianSmoothness<T>& p, int64_t n) {
  return p.vertex_weights ? p.vertex_weights[n] : T(1);
}

template <typename T>
void sum_chunk(const LaplacianSmoothness<T>& p, const Faces<T>& faces, int64_t chunk, const Points<T>& points) {
  constexpr int L = kLanes<T>;
  double part[L] = {};
  Vec<T> sum[3];
  T squares[L];
  const int64_t first = chunk * kLaplacianChunk;
  for (int64_t n = first; n < first + kLaplacianChunk && n < p.vertex_count; ++n) {
    sum_row(p, n, points, sum);
    store<T>(squares, weight_at(p, n) * (sum[0] * sum[0] + sum[1] * sum[1] + sum[2] * sum[2]));
    for (int l = 0; l < L; ++l) part[l] += static_cast<double>(squares[l]);
  }
  const int64_t chunks = laplacian_chunks(p.vertex_count);
  for (int64_t b = faces.first; b < faces.last; ++b) p.parts[b * chunks + chunk] = part[b - faces.first];
}

// h of the vertices in `range`.
template <typename T>
void weigh_differences(const LaplacianSmoothness<T>& p, const Faces<T>& faces, const Range& range,
                       const Points<T>& points, const Points<T>& h) {
  Vec<T> twice, sum[3];
  for (int l = 0; l < kLanes<T>; ++l) twice[l] = 2 * p.grad_loss[faces.at(l)];
  for (int64_t n = range.first; n < range.last; ++n) {
    sum_row(p, n, points, sum);
    const Vec<T> factor = twice * weight_at(p, n);
    for (int d = 0; d < 3; ++d) store<T>(h.at(n) + d * kLanes<T>, sum[d] * factor);
  }
}

template <typename T>
void backward_item(const LaplacianSmoothness<T>& p, const Faces<T>& faces, const Range& block, T* scratch) {
  constexpr int L = kLanes<T>;
  const Range near = reached(p, block), far = reached(p, near);
  const Points<T> points{scratch, far.first}, h{scratch + p.reach * 3 * L, near.first}, grad{scratch, block.first};
  load_faces(p, faces, far, points.rows);
  weigh_differences(p, faces, near, points, h);
  Vec<T> sum[3];
  for (int64_t n = block.first; n < block.last; ++n) {  // the gradient lies where the points did
    sum_row(p, n, h, sum);
    for (int d = 0; d < 3; ++d) store<T>(grad.at(n) + d * L, sum[d]);
  }
  store_faces(p, faces, block, grad.rows);
}

template <typename T>
int64_t block_count(const LaplacianSmoothness<T>& p) {
  return (p.vertex_count + p.block - 1) / p.block;
}

template <typename T, typename Run>
void each_item(const LaplacianSmoothness<T>& p, int64_t begin, int64_t end, const Run& run) {
  const int64_t blocks = block_count(p);
  for (int64_t i = begin; i < end; ++i) run(Faces<T>(i / blocks, p.batch), block_at(p, i % blocks * p.block));
}
}  // namespace

template <typename T>
void laplacian_smoothness_plan(LaplacianSmoothness<T>& p, int distance) {
  int64_t total = 0;
  p.block = kLaplacianChunk, p.reach = 0;
  for (int64_t first = 0; first < p.vertex_count; first += p.block) {
    Range range = block_at(p, first);
    for (int i = 0; i < distance; ++i) range = reached(p, range);
    total += range.size();
    if (range.size() > p.reach) p.reach = range.size();
  }
  if (total > 2 * p.vertex_count) p.block = p.reach = p.vertex_count;  // near in space, far in number
}

template <typename T>
int64_t laplacian_smoothness_items(const LaplacianSmoothness<T>& p) {
  return (p.batch + kLanes<T> - 1) / kLanes<T> * block_count(p);
}

template <typename T>
int64_t laplacian_smoothness_scratch(const LaplacianSmoothness<T>& p) {
  return 2 * p.reach * 3 * kLanes<T>;
}

template <typename T>
void laplacian_smoothness_parts(const LaplacianSmoothness<T>& p, int64_t begin, int64_t end, T* scratch) {
  each_item(p, begin, end, [&](const Faces<T>& faces, const Range& block) {
    const Range near = reached(p, block);
    load_faces(p, faces, near, scratch);
    for (int64_t n = block.first; n < block.last; n += kLaplacianChunk)
      sum_chunk(p, faces, n / kLaplacianChunk, Points<T>{scratch, near.first});
  });
}

template <typename T>
void laplacian_smoothness_finish(const LaplacianSmoothness<T>& p) {
  const int64_t chunks = laplacian_chunks(p.vertex_count);
  for (int64_t b = 0; b < p.batch; ++b) {
    double sum = 0;
    for (int64_t c = 0; c < chunks; ++c) sum += p.parts[b * chunks + c];
    p.loss[b] = static_cast<T>(sum);
  }
}

template <typename T>
void laplacian_smoothness_backward(const LaplacianSmoothness<T>& p, int64_t begin, int64_t end, T* scratch) {
  each_item(p, begin, end, [&](const Faces<T>& faces, const Range& block) { backward_item(p, faces, block, scratch); });
}

#define PYFACE3D_KERNELS(T)                                                                         \
  template void laplacian_smoothness_plan<T>(LaplacianSmoothness<T>&, int);                         \
  template int64_t laplacian_smoothness_items<T>(const LaplacianSmoothness<T>&);                    \
  template int64_t laplacian_smoothness_scratch<T>(const LaplacianSmoothness<T>&);                  \
  template void laplacian_smoothness_parts<T>(const LaplacianSmoothness<T>&, int64_t, int64_t, T*); \
  template void laplacian_smoothness_finish<T>(const LaplacianSmoothness<T>&);                      \
  template void laplacian_smoothness_backward<T>(const LaplacianSmoothness<T>&, int64_t, int64_t, T*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
