#include "kernels/wing_vertex_loss.h"

#include "kernels/morphable_tile.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
constexpr int64_t kPose = 12, kValues = 1 + kPose;  // loss and grad_pose, before the K of grad_coeffs

template <typename T>
struct Faces {  // the typed view of the parameters from one face on
  Faces(const WingVertexLoss<T>& p, int64_t face)
      : K(p.coeff_count),
        target_coeffs(p.target_coeffs + face * K),
        pose(p.pose + face * kPose),
        moved(p.difference + face * K),
        turned(p.difference + p.batch * K + face * kPose) {}
  int64_t K;
  const T *target_coeffs, *pose, *moved, *turned;
};

// The packed vertices [first, last) of a group, and their weights: zero beyond the last vertex.
template <typename T>
void pack_group(const WingVertexLoss<T>& p, int64_t first, int64_t last, T* tiles, T* weights) {
  constexpr int L = kLanes<T>;
  const T *mean = p.mean, *basis = p.basis;
  for (int64_t n = first; n < last; n += L)
    pack_tile<T>(mean, basis, p.indices, p.coeff_count, n, last, tiles + (n - first) / L * tile_size<T>(p.coeff_count));
  for (int64_t i = 0; i < kWingGroup; ++i)
    weights[i] = first + i >= last ? T(0) : p.weights ? p.weights[first + i] : T(1);
}

// sums[k] += basis_k . h, lane by lane, for F faces whose sums are `stride` vectors apart.
template <typename T, int F>
inline void accumulate_coeffs(const T* tile, int64_t K, const Vec<T> (&h)[F][3], Vec<T>* sums, int64_t stride) {
  constexpr int L = kLanes<T>;
  for (int64_t k = 0; k < K; ++k) {
    const T* column = tile + (k + 1) * 3 * L;
    const Vec<T> x = load<T>(column), y = load<T>(column + L), z = load<T>(column + 2 * L);
    for (int f = 0; f < F; ++f) {
      Vec<T> sum = sums[f * stride + k];
      sum += x * h[f][0];
      sum += y * h[f][1];
      sum += z * h[f][2];
      sums[f * stride + k] = sum;
    }
  }
}

// One tile against F faces: their loss and, where wanted, gradients join the running sums (F, 13 + K).
template <typename T, int F>
inline void tile_against_faces(const WingVertexLoss<T>& p, const Faces<T>& q, const T* tile, Vec<T> weight,
                               Vec<T>* sums) {
  const int64_t stride = kValues + q.K;
  Vec<T> moved[F][3] = {}, shape[F][3], error[F][3], slope[F][3];
  add_basis<T, F>(tile, q.K, q.moved, q.K, moved);                // U
  synthesize_tile<T, F>(tile, q.K, q.target_coeffs, q.K, shape);  // S'
  for (int f = 0; f < F; ++f) {
    pose_tile<T>(q.turned + f * kPose, shape[f], error[f]);  // (M - M') S' + (t - t')
    const T* pose = q.pose + f * kPose;
    for (int r = 0; r < 3; ++r)
      error[f][r] += moved[f][0] * pose[r * 4] + moved[f][1] * pose[r * 4 + 1] + moved[f][2] * pose[r * 4 + 2];
  }
  penalise<T>(p.penalty, 3 * F, &error[0][0], &slope[0][0]);
  for (int f = 0; f < F; ++f) sums[f * stride] += weight * (error[f][0] + error[f][1] + error[f][2]);
  if (!p.want_grad) return;
  for (int f = 0; f < F; ++f) {
    Vec<T>* sum = sums + f * stride + 1;
    for (int d = 0; d < 3; ++d) slope[f][d] *= weight, shape[f][d] += moved[f][d];  // g, S
    for (int r = 0; r < 3; ++r) {
      for (int d = 0; d < 3; ++d) sum[r * 4 + d] += slope[f][r] * shape[f][d];
      sum[r * 4 + 3] += slope[f][r];
    }
    unpose_tile<T>(q.pose + f * kPose, slope[f], error[f]);  // M^T g
  }
  accumulate_coeffs<T, F>(tile, q.K, error, sums + kValues, stride);
}

// F faces from `face` on over a packed group; their lanes are added up into the slab's sums (B, 13 + K).
template <typename T, int F>
void group_against_faces(const WingVertexLoss<T>& p, int64_t face, int64_t vertices, const T* tiles, const T* weights,
                         Vec<T>* sums, T* slab_sums) {
  constexpr int L = kLanes<T>;
  const int64_t width = kValues + p.coeff_count, wanted = p.want_grad ? width : 1;
  const Faces<T> faces(p, face);
  for (int64_t i = 0; i < F * width; ++i) sums[i] = Vec<T>{};
  for (int64_t n = 0; n < vertices; n += L)
    tile_against_faces<T, F>(p, faces, tiles + n / L * tile_size<T>(p.coeff_count), load<T>(weights + n), sums);
  for (int f = 0; f < F; ++f)
    for (int64_t i = 0; i < wanted; ++i) slab_sums[(face + f) * width + i] += lane_sum<T>(sums[f * width + i]);
}
}  // namespace

template <typename T>
int64_t wing_vertex_loss_scratch(const WingVertexLoss<T>& p) {
  return kWingGroup / kLanes<T> * tile_size<T>(p.coeff_count) + kWingGroup + 4 * (kValues + p.coeff_count) * kLanes<T>;
}

template <typename T>
void wing_vertex_loss_prepare(const WingVertexLoss<T>& p) {
  T* to = p.difference;
  const T *c = p.coeffs, *target_c = p.target_coeffs;
  for (int64_t i = 0; i < p.batch * p.coeff_count; ++i) *to++ = c[i] - target_c[i];
  const T *m = p.pose, *target_m = p.target_pose;
  for (int64_t i = 0; i < p.batch * kPose; ++i) *to++ = m[i] - target_m[i];
}

template <typename T>
void wing_vertex_loss_slabs(const WingVertexLoss<T>& p, T* scratch, int64_t begin, int64_t end) {
  const int64_t slab = wing_vertex_slab(p.vertex_count), width = kValues + p.coeff_count;
  T *tiles = scratch, *weights = tiles + kWingGroup / kLanes<T> * tile_size<T>(p.coeff_count);
  Vec<T>* sums = reinterpret_cast<Vec<T>*>(weights + kWingGroup);
  for (int64_t s = begin; s < end; ++s) {
    T* slab_sums = p.sums + s * p.batch * width;
    for (int64_t i = 0; i < p.batch * width; ++i) slab_sums[i] = 0;
    const int64_t slab_end = (s + 1) * slab < p.vertex_count ? (s + 1) * slab : p.vertex_count;
    for (int64_t first = s * slab; first < slab_end; first += kWingGroup) {
      const int64_t last = first + kWingGroup < slab_end ? first + kWingGroup : slab_end;
      pack_group<T>(p, first, last, tiles, weights);
      int64_t face = 0;
      for (; face + 4 <= p.batch; face += 4)
        group_against_faces<T, 4>(p, face, last - first, tiles, weights, sums, slab_sums);
      for (; face < p.batch; ++face) group_against_faces<T, 1>(p, face, last - first, tiles, weights, sums, slab_sums);
    }
  }
}

template <typename T>
void wing_vertex_loss_finish(const WingVertexLoss<T>& p) {
  const int64_t K = p.coeff_count, width = kValues + K, slabs = wing_vertex_slabs(p.vertex_count);
  for (int64_t b = 0; b < p.batch; ++b)
    for (int64_t i = 0; i < (p.want_grad ? width : 1); ++i) {
      double sum = 0;
      for (int64_t s = 0; s < slabs; ++s) sum += double(p.sums[(s * p.batch + b) * width + i]);
      if (i == 0)
        p.loss[b] = T(sum);
      else if (i < kValues)
        p.grad_pose[b * kPose + i - 1] = T(sum);
      else
        p.grad_coeffs[b * K + i - kValues] = T(sum);
    }
}

template <typename T>
void wing_vertex_loss_scale(const T* grad_loss, const T* gradient, int64_t batch, int64_t width, T* out) {
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t i = 0; i < width; ++i) out[b * width + i] = grad_loss[b] * gradient[b * width + i];
}

#define PYFACE3D_KERNELS(T)                                                                \
  template int64_t wing_vertex_loss_scratch<T>(const WingVertexLoss<T>&);                  \
  template void wing_vertex_loss_prepare<T>(const WingVertexLoss<T>&);                     \
  template void wing_vertex_loss_slabs<T>(const WingVertexLoss<T>&, T*, int64_t, int64_t); \
  template void wing_vertex_loss_finish<T>(const WingVertexLoss<T>&);                      \
  template void wing_vertex_loss_scale<T>(const T*, const T*, int64_t, int64_t, T*);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
