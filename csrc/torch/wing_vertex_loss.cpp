#include "kernels/wing_vertex_loss.h"

#include "torch/penalty.h"
#include "torch/weights.h"

namespace pyface3d {
static constexpr const char* kOp = "wing_vertex_loss";

struct Arguments {
  Tensor mean, basis, coeffs, pose, target_coeffs, target_pose;
  double w, epsilon;
  std::optional<Tensor> weights, indices;
  int64_t kind;
};

static void check(const Arguments& a) {
  check_shape(kOp, "mean", a.mean, {-1, 3}, "(N, 3)");
  check_floating(kOp, "mean", a.mean);
  check_shape(kOp, "basis", a.basis, {a.mean.size(0), 3, -1}, "(N, 3, K)");
  check_shape(kOp, "coeffs", a.coeffs, {-1, a.basis.size(2)}, "(B, K)");
  const int64_t B = a.coeffs.size(0), L = a.indices ? a.indices->numel() : a.mean.size(0);
  check_shape(kOp, "pose", a.pose, {B, 3, 4}, "(B, 3, 4)");
  check_shape(kOp, "target_coeffs", a.target_coeffs, {B, a.basis.size(2)}, "(B, K)");
  check_shape(kOp, "target_pose", a.target_pose, {B, 3, 4}, "(B, 3, 4)");
  check_like(kOp, "basis", a.basis, "mean", a.mean);
  check_like(kOp, "coeffs", a.coeffs, "mean", a.mean);
  check_like(kOp, "pose", a.pose, "mean", a.mean);
  check_like(kOp, "target_coeffs", a.target_coeffs, "mean", a.mean);
  check_like(kOp, "target_pose", a.target_pose, "mean", a.mean);
  if (a.indices) {
    check_shape(kOp, "indices", *a.indices, {-1}, "(L,)");
    check_index(kOp, "indices", *a.indices, "mean", a.mean);
  }
  if (a.weights) {
    check_shape(kOp, "weights", *a.weights, {L}, a.indices ? "(L,), one per index" : "(N,)");
    check_like(kOp, "weights", *a.weights, "mean", a.mean);
  }
  check_wing(kOp, a.w, a.epsilon);
  PYFACE3D_CHECK(a.kind >= 0 && a.kind <= 3, kOp, ": kind must be 0 (wing), 1 (l1), 2 (smooth_l1) or 3 (l2), got ",
                 a.kind);
}

template <typename T>
static void run(const WingVertexLoss<T>& p) {
  PYFACE3D_DISPATCH(wing_vertex_loss_prepare<T>(p));
  parallel_with_scratch<T>(wing_vertex_slabs(p.vertex_count), 1, PYFACE3D_DISPATCH(wing_vertex_loss_scratch<T>(p)),
                           [&](T* scratch, int64_t begin, int64_t end) {
                             PYFACE3D_DISPATCH(wing_vertex_loss_slabs<T>(p, scratch, begin, end));
                           });
  PYFACE3D_DISPATCH(wing_vertex_loss_finish<T>(p));
}

// loss (B,), and its gradients by coeffs (B, K) and pose (B, 3, 4): empty where not wanted.
static std::tuple<Tensor, Tensor, Tensor> forward(const Tensor& mean, const Tensor& basis, const Tensor& coeffs,
                                                  const Tensor& pose, const Tensor& target_coeffs,
                                                  const Tensor& target_pose, double w, double epsilon,
                                                  const std::optional<Tensor>& weights,
                                                  const std::optional<Tensor>& indices, int64_t kind, bool want_grad) {
  check({mean, basis, coeffs, pose, target_coeffs, target_pose, w, epsilon, weights, indices, kind});
  if (indices) check_range(kOp, *indices, mean.size(0));
  const Tensor m = packed(mean), a = packed(basis), c = packed(coeffs), q = packed(pose);
  const Tensor tc = packed(target_coeffs), tq = packed(target_pose);
  const std::optional<Tensor> weight = packed(weights), index = packed(indices);
  if (weight) check_weights(kOp, "weights", *weight);
  return by_type(m, [&](auto zero) {
    using T = decltype(zero);
    WingVertexLoss<T> p{};
    p.mean = pointer<T>(m), p.basis = pointer<T>(a), p.coeffs = pointer<T>(c), p.pose = pointer<T>(q);
    p.target_coeffs = pointer<T>(tc), p.target_pose = pointer<T>(tq);
    p.weights = pointer<T>(weight), p.indices = pointer<int64_t>(index);
    p.batch = c.size(0), p.coeff_count = c.size(1), p.vertex_count = index ? index->size(0) : m.size(0);
    p.row_count = m.size(0);
    p.penalty = {static_cast<Penalty>(kind), w, epsilon}, p.want_grad = want_grad;
    Tensor loss = new_tensor(m, {p.batch});
    Tensor grad_c = new_tensor(m, want_grad ? std::vector<int64_t>{p.batch, p.coeff_count} : std::vector<int64_t>{0});
    Tensor grad_q = new_tensor(m, want_grad ? std::vector<int64_t>{p.batch, 3, 4} : std::vector<int64_t>{0});
    const bool cuda = on_cuda(m);
    const PassShape pass = wing_vertex_pass(p);
    Tensor difference = new_tensor(m, {cuda ? pass.fragments(2) : p.batch * (p.coeff_count + 12)});
    Tensor sums = new_tensor(m, {cuda ? pass.rows() : wing_vertex_slabs(p.vertex_count), p.batch, 13 + p.coeff_count});
    p.difference = output<T>(difference), p.sums = output<T>(sums), p.loss = output<T>(loss);
    p.grad_coeffs = output<T>(grad_c), p.grad_pose = output<T>(grad_q);
    PYFACE3D_CUDA_ELSE(wing_vertex_loss_forward_cuda, m, p)
    run<T>(p);
    return std::make_tuple(loss, grad_c, grad_q);
  });
}

static Tensor scaled(const Tensor& grad_loss, const Tensor& gradient) {
  const int64_t B = grad_loss.size(0), width = B ? gradient.numel() / B : 0;
  const Tensor g = packed(grad_loss), x = packed(gradient);
  return by_type(x, [&](auto zero) {
    using T = decltype(zero);
    Tensor out = new_like(x);
    PYFACE3D_CUDA_ELSE(wing_vertex_loss_scale_cuda, x, pointer<T>(g), pointer<T>(x), x.numel(), width, output<T>(out))
    PYFACE3D_DISPATCH(wing_vertex_loss_scale<T>(pointer<T>(g), pointer<T>(x), B, width, output<T>(out)));
    return out;
  });
}

static std::tuple<Tensor, Tensor> backward(const Tensor& grad_loss, const Tensor& grad_coeffs,
                                           const Tensor& grad_pose) {
  check_shape(kOp, "grad_coeffs", grad_coeffs, {-1, -1}, "(B, K)");
  check_floating(kOp, "grad_coeffs", grad_coeffs);
  const int64_t B = grad_coeffs.size(0);
  check_grad(kOp, "grad_pose", grad_pose, {B, 3, 4}, "(B, 3, 4)", "grad_coeffs", grad_coeffs);
  check_grad(kOp, "grad_loss", grad_loss, {B}, "(B,)", "grad_coeffs", grad_coeffs);
  return {scaled(grad_loss, grad_coeffs), scaled(grad_loss, grad_pose)};
}

PYFACE3D_OP(
    forward,
    "wing_vertex_loss(Tensor mean, Tensor basis, Tensor coeffs, Tensor pose, Tensor target_coeffs, Tensor target_pose, "
    "float w, float epsilon, Tensor? weights, Tensor? indices, int kind, bool want_grad) -> (Tensor, Tensor, Tensor)")
PYFACE3D_OP(backward,
            "wing_vertex_loss_backward(Tensor grad_loss, Tensor grad_coeffs, Tensor grad_pose) -> (Tensor, Tensor)")
}  // namespace pyface3d
