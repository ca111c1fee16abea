#include "kernels/synthesize_shape.h"

#include "kernels/morphable_tile.h"
#include "kernels/panel_product.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
template <typename T>
struct Model {  // the typed view of the parameters
  explicit Model(const SynthesizeShape<T>& p)
      : mean(p.mean),
        basis(p.basis),
        coeffs(p.coeffs),
        pose(p.pose),
        grad_out(p.grad_out),
        K(p.coeff_count),
        N(p.vertex_count) {}
  const T *mean, *basis, *coeffs, *pose, *grad_out;
  int64_t K, N;
};

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

template <typename T>
void pack_block(const SynthesizeShape<T>& p, const Model<T>& m, int64_t first, int64_t last, T* scratch) {
  for (int64_t n = first; n < last; n += kLanes<T>)
    pack_tile<T>(m.mean, m.basis, p.indices, m.K, n, last, scratch + (n - first) / kLanes<T> * tile_size<T>(m.K));
}

template <typename T>
void finish_tile(const SynthesizeShape<T>& p, const Model<T>& m, int64_t face, int64_t n, int64_t last,
                 const Vec<T> (&shape)[3]) {
  T* to = p.out + (face * m.N + n) * 3;
  const int present = static_cast<int>(smaller(last - n, kLanes<T>));
  if (!m.pose) return store_vertices<T>(to, present, shape);
  Vec<T> posed[3];
  pose_tile<T>(m.pose + face * 12, shape, posed);
  store_vertices<T>(to, present, posed);
}

// F faces from `face` on, over the packed vertices [first, last).
template <typename T, int F>
void synthesize_faces(const SynthesizeShape<T>& p, const Model<T>& m, const T* packed, int64_t face, int64_t first,
                      int64_t last) {
  for (int64_t n = first; n < last; n += kLanes<T>) {
    Vec<T> shape[F][3];
    synthesize_tile<T, F>(packed + (n - first) / kLanes<T> * tile_size<T>(m.K), m.K, m.coeffs + face * m.K, m.K, shape);
    for (int f = 0; f < F; ++f) finish_tile(p, m, face + f, n, last, shape[f]);
  }
}

// The only face: rows of the basis are multiplied as they lie, in that order, which is less than packing them; wide
// loads of rows that begin anywhere want them fetched ahead. K >= kLanes.
template <typename T>
void synthesize_alone(const SynthesizeShape<T>& p, const Model<T>& m, int64_t first, int64_t last) {
  constexpr int L = kLanes<T>;
  T rest[L] = {}, is_rest[L] = {};  // the coefficients that fill no vector, at the end of one
  for (int64_t k = m.K - m.K % L; k < m.K; ++k) rest[k - m.K + L] = m.coeffs[k], is_rest[k - m.K + L] = 1;
  const Vec<T> last_coeffs = load<T>(rest), counts = load<T>(is_rest);
  for (int64_t n = first; n < last; n += L) {
    Vec<T> shape[3], products[3][L];
    T mean[3][L];
    for (int i = 0; i < L; ++i) {
      const int64_t at = smaller(n + i, last - 1), row = p.indices ? p.indices[at] : at;
      for (int d = 0; d < 3; ++d) {
        const T* basis = m.basis + (row * 3 + d) * m.K;
        for (int64_t k = 0; k < m.K; k += L) __builtin_prefetch(basis + 16 * m.K + k);
        Vec<T> sum{};
        for (int64_t k = 0; k + L <= m.K; k += L) sum += load<T>(basis + k) * load<T>(m.coeffs + k);
        const Vec<T> more = load<T>(basis + m.K - L) * last_coeffs;
        products[d][i] = counts == 0 ? sum : sum + more;
        mean[d][i] = m.mean[row * 3 + d];
      }
    }
    for (int d = 0; d < 3; ++d) {
      sum_rows(products[d]);
      shape[d] = load<T>(mean[d]) + products[d][0];
    }
    finish_tile(p, m, 0, n, last, shape);
  }
}

// Running vector sums of one face: K of grad_coeffs, 12 of grad_pose.
template <typename T>
void accumulate_pose(const Vec<T> (&grad)[3], const Vec<T> (&shape)[3], T* sums) {
  constexpr int L = kLanes<T>;
  for (int r = 0; r < 3; ++r) {
    for (int d = 0; d < 3; ++d) store<T>(sums + (r * 4 + d) * L, load<T>(sums + (r * 4 + d) * L) + grad[r] * shape[d]);
    store<T>(sums + (r * 4 + 3) * L, load<T>(sums + (r * 4 + 3) * L) + grad[r]);
  }
}

// sums[k] += sum over J tiles of basis_k . h, J tiles per pass so that each running sum is touched rarely.
template <typename T, int J>
void accumulate_coeffs(const T* packed, int64_t K, const Vec<T> (&h)[J][3], T* sums) {
  constexpr int L = kLanes<T>;
  for (int64_t k = 0; k < K; ++k) {
    Vec<T> sum = load<T>(sums + k * L);
    for (int j = 0; j < J; ++j) {
      const T* column = packed + j * tile_size<T>(K) + (k + 1) * 3 * L;
      sum += load<T>(column) * h[j][0] + load<T>(column + L) * h[j][1] + load<T>(column + 2 * L) * h[j][2];
    }
    store<T>(sums + k * L, sum);
  }
}

// One posed face over one packed block: its gradients join the running sums.
template <typename T>
void backward_face(const Model<T>& m, const T* packed, int64_t face, int64_t first, int64_t last, T* sums) {
  constexpr int L = kLanes<T>, J = 4;  // J * 3 registers of h
  const T* pose = m.pose + face * 12;
  for (int64_t n = first; n < last; n += J * L) {
    Vec<T> h[J][3] = {};
    for (int j = 0; j < J; ++j) {
      const int64_t v = n + j * L;
      if (v >= last) break;
      const T* tile = packed + (v - first) / L * tile_size<T>(m.K);
      Vec<T> grad[3];
      load_vertices<T>(m.grad_out + (face * m.N + v) * 3, static_cast<int>(smaller(last - v, L)), grad);
      Vec<T> shape[1][3];
      synthesize_tile<T, 1>(tile, m.K, m.coeffs + face * m.K, m.K, shape);
      accumulate_pose<T>(grad, shape[0], sums + m.K * L);
      unpose_tile<T>(pose, grad, h[j]);
    }
    accumulate_coeffs<T, J>(packed + (n - first) / L * tile_size<T>(m.K), m.K, h, sums);
  }
}

// grad_coeffs of faces without a pose over the vertices [first, last): grad_out times the basis as it lies.
template <typename T>
void backward_unposed(const SynthesizeShape<T>& p, const Model<T>& m, int64_t face0, int64_t faces, int64_t first,
                      int64_t last, T* packed, T* part) {
  const int64_t rows = 3 * (last - first), width = m.K + 12;
  const int vectors = panel_vectors<T>(m.K), W = vectors * kLanes<T>;
  for (int64_t k = 0; k < m.K; k += W) {
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t n = first + r / 3, row = (p.indices ? p.indices[n] : n) * 3 + r % 3;
      pack_panel_row(m.basis + row * m.K, m.K, k, W, packed + r * W);
    }
    const T* grad = m.grad_out + (face0 * m.N + first) * 3;
    multiply_panel(Panel<T>{packed, rows, vectors, grad, 3 * m.N, part + k, width, smaller(m.K - k, W)}, faces);
  }
  for (int64_t f = 0; f < faces; ++f)
    for (int i = 0; i < 12; ++i) part[f * width + m.K + i] = 0;
}
}  // namespace

template <typename T>
int64_t synthesize_shape_scratch(const SynthesizeShape<T>& p, bool backward) {
  if (backward && p.want_params && !p.pose) return kSynthesizeChunk * 3 * kPanelVectors * kLanes<T>;
  const int64_t packed = kSynthesizeBlock / kLanes<T> * tile_size<T>(p.coeff_count);
  return packed + (backward ? smaller(p.batch, kSynthesizeFaces) * (p.coeff_count + 12) * kLanes<T> : 0);
}

template <typename T>
void synthesize_shape_forward(const SynthesizeShape<T>& p, T* scratch, int64_t begin, int64_t end) {
  const Model<T> m(p);
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * kSynthesizeBlock, last = smaller(first + kSynthesizeBlock, m.N);
    if (p.batch == 1 && m.K >= kLanes<T>) {
      synthesize_alone(p, m, first, last);
      continue;
    }
    pack_block<T>(p, m, first, last, scratch);
    int64_t face = 0;
    for (; face + 4 <= p.batch; face += 4) synthesize_faces<T, 4>(p, m, scratch, face, first, last);
    for (; face < p.batch; ++face) synthesize_faces<T, 1>(p, m, scratch, face, first, last);
  }
}

template <typename T>
void synthesize_shape_backward(const SynthesizeShape<T>& p, T* scratch, int64_t begin, int64_t end) {
  constexpr int L = kLanes<T>;
  const Model<T> m(p);
  const int64_t groups = synthesize_face_groups(p.batch), width = m.K + 12;
  T* sums = scratch + kSynthesizeBlock / L * tile_size<T>(m.K);
  for (int64_t item = begin; item < end; ++item) {
    const int64_t chunk = item / groups, face0 = item % groups * kSynthesizeFaces;
    const int64_t faces = smaller(kSynthesizeFaces, p.batch - face0),
                  chunk_end = smaller((chunk + 1) * kSynthesizeChunk, m.N);
    T* part = p.grad_parts + (chunk * p.batch + face0) * width;
    if (!m.pose) {
      backward_unposed(p, m, face0, faces, chunk * kSynthesizeChunk, chunk_end, scratch, part);
      continue;
    }
    for (int64_t i = 0; i < faces * width * L; ++i) sums[i] = 0;
    for (int64_t first = chunk * kSynthesizeChunk; first < chunk_end; first += kSynthesizeBlock) {
      const int64_t last = smaller(first + kSynthesizeBlock, chunk_end);
      // backward_face reads whole groups of tiles: those past the last vertex must be finite, their h is zero
      for (int64_t i = 0; i < kSynthesizeBlock / L * tile_size<T>(m.K) && last - first < kSynthesizeBlock; ++i)
        scratch[i] = 0;
      pack_block<T>(p, m, first, last, scratch);
      for (int64_t f = 0; f < faces; ++f) backward_face<T>(m, scratch, face0 + f, first, last, sums + f * width * L);
    }
    for (int64_t i = 0; i < faces * width; ++i) part[i] = lane_sum<T>(load<T>(sums + i * L));
  }
}

template <typename T>
void synthesize_shape_backward_model(const SynthesizeShape<T>& p, T* scratch, int64_t begin, int64_t end) {
  constexpr int L = kLanes<T>;
  const Model<T> m(p);
  for (int64_t block = begin; block < end; ++block)
    for (int64_t n = block * kSynthesizeBlock; n < smaller((block + 1) * kSynthesizeBlock, m.N); n += L) {
      const int present = static_cast<int>(smaller(m.N - n, L));
      for (int64_t i = 0; i < tile_size<T>(m.K); ++i) scratch[i] = 0;
      for (int64_t face = 0; face < p.batch; ++face) {
        Vec<T> grad[3], h[3];
        load_vertices<T>(m.grad_out + (face * m.N + n) * 3, present, grad);
        if (m.pose) unpose_tile<T>(m.pose + face * 12, grad, h);
        for (int d = 0; d < 3; ++d) {
          const Vec<T> g = m.pose ? h[d] : grad[d];
          store<T>(scratch + d * L, load<T>(scratch + d * L) + g);
          for (int64_t k = 0; k < m.K && p.want_basis; ++k) {
            T* sum = scratch + ((k + 1) * 3 + d) * L;
            store<T>(sum, load<T>(sum) + g * m.coeffs[face * m.K + k]);
          }
        }
      }
      for (int i = 0; i < present; ++i)
        for (int d = 0; d < 3; ++d) {
          if (p.want_mean) p.grad_mean[(n + i) * 3 + d] = scratch[d * L + i];
          for (int64_t k = 0; k < m.K && p.want_basis; ++k)
            p.grad_basis[((n + i) * 3 + d) * m.K + k] = scratch[((k + 1) * 3 + d) * L + i];
        }
    }
}

#define PYFACE3D_KERNELS(T)                                                                    \
  template int64_t synthesize_shape_scratch<T>(const SynthesizeShape<T>&, bool);               \
  template void synthesize_shape_forward<T>(const SynthesizeShape<T>&, T*, int64_t, int64_t);  \
  template void synthesize_shape_backward<T>(const SynthesizeShape<T>&, T*, int64_t, int64_t); \
  template void synthesize_shape_backward_model<T>(const SynthesizeShape<T>&, T*, int64_t, int64_t);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
