#include "kernels/wpdc_loss.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
constexpr int64_t kPose = 12, kDepth = 11;  // entries of the pose; t_z among them

template <typename T>
T root(T x) {
  return T(__builtin_sqrt(double(x)));
}

// |basis_k| of every coefficient.
template <typename T>
void column_norms(const WpdcLoss<T>& p, T* norms) {
  const int64_t size = p.coeff_count + 1;
  const T* axes = p.axes;
  for (int64_t k = 0; k < p.coeff_count; ++k) {
    T sum = 0;
    for (int d = 0; d < 3; ++d) sum += axes[(d * size + k + 1) * size + k + 1];
    norms[k] = root(sum);
  }
}

template <typename T>
struct Block {  // scratch of a block of faces, one per vector lane
  Block(const WpdcLoss<T>& p, T* scratch)
      : padded(padded_columns(p.param_count)),
        rows(scratch),
        error(rows + kWpdcFaces * padded),
        weights(error + kWpdcFaces * padded),
        q(weights + kWpdcFaces * padded),
        norms(q + kWpdcFaces * (p.coeff_count + 1)) {}
  int64_t padded;
  T* rows;                         // (lanes, padded): a face per row
  T *error, *weights, *q, *norms;  // (P, lanes) twice, (K + 1, lanes), (K,)
};

// Parameters of some faces, entry by entry with the faces side by side: to (P, lanes). Idle lanes repeat the last face.
template <typename T>
void turn(const WpdcLoss<T>& p, const T* params, int64_t first, int64_t faces, const Block<T>& block, T* to) {
  constexpr int L = kLanes<T>;
  const T* from = params + first * p.param_count;
  for (int64_t l = 0; l < L; ++l)
    __builtin_memcpy(block.rows + l * block.padded, from + (l < faces ? l : faces - 1) * p.param_count,
                     p.param_count * sizeof(T));
  for (int64_t i = 0; i < p.param_count; i += L) {
    Vec<T> square[L];
    for (int l = 0; l < L; ++l) square[l] = load<T>(block.rows + l * block.padded + i);
    transpose(square);
    for (int l = 0; l < L; ++l) store<T>(to + (i + l) * L, square[l]);
  }
}

template <typename T>
void turn_back(const WpdcLoss<T>& p, const T* from, int64_t first, int64_t faces, const Block<T>& block, T* params) {
  constexpr int L = kLanes<T>;
  for (int64_t i = 0; i < p.param_count; i += L) {
    Vec<T> square[L];
    for (int l = 0; l < L; ++l) square[l] = load<T>(from + (i + l) * L);
    transpose(square);
    for (int l = 0; l < L; ++l) store<T>(block.rows + l * block.padded + i, square[l]);
  }
  T* to = params + first * p.param_count;
  for (int64_t l = 0; l < faces; ++l)
    __builtin_memcpy(to + l * p.param_count, block.rows + l * block.padded, p.param_count * sizeof(T));
}

// Adds to q^T axes_d q the share of rows [i, i + R): twice what stands left of the diagonal block, and the block
// itself.
template <typename T, int R>
void add_rows(const WpdcLoss<T>& p, int64_t i, const T* q, Vec<T> (&square)[3]) {
  constexpr int L = kLanes<T>;
  const int64_t size = p.coeff_count + 1;
  const T* rows = p.axes + i * size;
  Vec<T> sum[3][R] = {};
  for (int64_t j = 0; j < i; ++j) {
    const Vec<T> qj = load<T>(q + j * L);
#pragma GCC unroll 3
    for (int d = 0; d < 3; ++d)
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) sum[d][r] += qj * rows[(d * size + r) * size + j];
  }
  for (int d = 0; d < 3; ++d)
    for (int r = 0; r < R; ++r) {
      Vec<T> product = 2 * sum[d][r];
      for (int s = 0; s < R; ++s) product += load<T>(q + (i + s) * L) * rows[(d * size + r) * size + i + s];
      square[d] += product * load<T>(q + (i + r) * L);
    }
}

// |X_x|, |X_y|, |X_z| of the target shapes, and sqrt(points).
template <typename T>
void extents(const WpdcLoss<T>& p, const T* q, Vec<T> (&extent)[4]) {
  const int64_t size = p.coeff_count + 1;
  Vec<T> square[3] = {};
  int64_t i = 0;
  for (; i + 4 <= size; i += 4) add_rows<T, 4>(p, i, q, square);
  for (; i < size; ++i) add_rows<T, 1>(p, i, q, square);
  for (int d = 0; d < 3; ++d)
    for (int l = 0; l < kLanes<T>; ++l) extent[d][l] = root(square[d][l]);
  extent[3] = Vec<T>{} + root(T(p.points));
}

template <typename T>
Vec<T> absolute(Vec<T> x) {
  return x < 0 ? -x : x;
}

// The weights of a block from its errors; returns its losses.
template <typename T>
Vec<T> weigh(const WpdcLoss<T>& p, const Block<T>& block, const Vec<T> (&extent)[4]) {
  constexpr int L = kLanes<T>;
  const int64_t entries = kPose + p.coeff_count;
  const T *std = p.std, scale = T(p.scale), epsilon = T(p.epsilon);
  Vec<T> largest{}, loss{};
  for (int64_t i = 0; i < entries; ++i) {
    if (i == kDepth) continue;
    const Vec<T> reach = i < kPose ? extent[i % 4] : Vec<T>{} + scale * block.norms[i - kPose];
    const Vec<T> w = std[i] * absolute<T>(load<T>(block.error + i * L)) * reach + epsilon;
    largest = ((w > largest) | (w != w)) ? w : largest;  // a NaN stays
    store<T>(block.weights + i * L, w);
  }
  for (int64_t i = 0; i < entries; ++i) {
    const Vec<T> error = load<T>(block.error + i * L),
                 w = i == kDepth ? Vec<T>{} : load<T>(block.weights + i * L) / largest;
    loss += w * error * error;
    store<T>(block.weights + i * L, w);
  }
  for (int64_t i = entries; i < p.param_count; ++i) store<T>(block.weights + i * L, Vec<T>{});
  return loss / T(entries);
}

template <typename T>
void forward_block(const WpdcLoss<T>& p, int64_t first, int64_t faces, const Block<T>& block) {
  constexpr int L = kLanes<T>;
  const T *mean = p.mean + kPose, *std = p.std + kPose;
  turn<T>(p, p.target, first, faces, block, block.error);
  store<T>(block.q, Vec<T>{} + T(1));
  for (int64_t k = 0; k < p.coeff_count; ++k)
    store<T>(block.q + (k + 1) * L, load<T>(block.error + (kPose + k) * L) * std[k] + mean[k]);
  Vec<T> extent[4];
  extents<T>(p, block.q, extent);
  turn<T>(p, p.pred, first, faces, block, block.weights);
  for (int64_t i = 0; i < p.param_count; ++i)
    store<T>(block.error + i * L, load<T>(block.weights + i * L) - load<T>(block.error + i * L));
  const Vec<T> loss = weigh<T>(p, block, extent);
  for (int64_t l = 0; l < faces; ++l) p.loss[first + l] = loss[l];
  turn_back<T>(p, block.weights, first, faces, block, p.weights);
}
}  // namespace

template <typename T>
void wpdc_loss_forward(const WpdcLoss<T>& p, T* scratch, int64_t begin, int64_t end) {
  constexpr int L = kLanes<T>;
  const Block<T> block(p, scratch);
  column_norms<T>(p, block.norms);
  for (int64_t first = begin; first < end; first += L)
    forward_block<T>(p, first, end - first < L ? end - first : L, block);
}

template <typename T>
void wpdc_loss_backward(const WpdcLoss<T>& p, int64_t begin, int64_t end) {
  const T *pred = p.pred, *target = p.target;
  const T *w = p.weights, *grad_loss = p.grad_loss;
  for (int64_t b = begin; b < end; ++b) {
    const T g = 2 * grad_loss[b] / T(kPose + p.coeff_count);
    for (int64_t i = b * p.param_count; i < (b + 1) * p.param_count; ++i)
      p.grad_pred[i] = g * w[i] * (pred[i] - target[i]);
  }
}

#define PYFACE3D_KERNELS(T)                                                     \
  template void wpdc_loss_forward<T>(const WpdcLoss<T>&, T*, int64_t, int64_t); \
  template void wpdc_loss_backward<T>(const WpdcLoss<T>&, int64_t, int64_t);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
