#include "kernels/wpdc_loss.h"

#include "kernels/shape_moments.h"
#include "torch/tensors.h"

namespace pyface3d {
static constexpr const char* kOp = "wpdc_loss";

static void check(const Tensor& pred, const Tensor& target, const Tensor& mean, const Tensor& std, const Tensor& axes,
                  double scale, double epsilon) {
  check_shape(kOp, "pred", pred, {-1, -1}, "(B, P)");
  check_floating(kOp, "pred", pred);
  const int64_t P = pred.size(1), K = axes.dim() == 3 ? axes.size(1) - 1 : 0;
  check_shape(kOp, "target", target, {pred.size(0), P}, "the shape of pred");
  check_shape(kOp, "mean", mean, {P}, "(P,)");
  check_shape(kOp, "std", std, {P}, "(P,)");
  check_shape(kOp, "axes", axes, {3, K + 1, K + 1}, "(3, K + 1, K + 1)");
  PYFACE3D_CHECK(P >= 12 + K, kOp, ": pred must hold 12 pose entries and the model's ", K, " coefficients, got ",
                 shape_of(pred));
  check_like(kOp, "target", target, "pred", pred);
  check_like(kOp, "mean", mean, "pred", pred);
  check_like(kOp, "std", std, "pred", pred);
  check_like(kOp, "axes", axes, "pred", pred);
  PYFACE3D_CHECK(scale > 0, kOp, ": scale must be positive, got ", scale);
  PYFACE3D_CHECK(epsilon > 0, kOp, ": epsilon must be positive, got ", epsilon);
}

template <typename T>
static void run_forward(const WpdcLoss<T>& p) {
  parallel_with_scratch<T>(
      p.batch, 64, wpdc_scratch(p.param_count, p.coeff_count),
      [&](T* scratch, int64_t begin, int64_t end) { PYFACE3D_DISPATCH(wpdc_loss_forward<T>(p, scratch, begin, end)); });
}

static std::tuple<Tensor, Tensor> forward(const Tensor& pred, const Tensor& target, const Tensor& mean,
                                          const Tensor& std, const Tensor& axes, int64_t points, double scale,
                                          double epsilon) {
  check(pred, target, mean, std, axes, scale, epsilon);
  const Tensor a = packed(pred), b = packed(target), m = packed(mean), s = packed(std), g = packed(axes);
  return by_type(a, [&](auto zero) {
    using T = decltype(zero);
    WpdcLoss<T> p{};
    p.pred = pointer<T>(a), p.target = pointer<T>(b), p.mean = pointer<T>(m), p.std = pointer<T>(s),
    p.axes = pointer<T>(g);
    p.batch = a.size(0), p.param_count = a.size(1), p.coeff_count = g.size(1) - 1;
    p.points = static_cast<double>(points), p.scale = scale, p.epsilon = epsilon;
    Tensor loss = new_tensor(a, {p.batch}), weights = new_like(a);
    p.loss = output<T>(loss), p.weights = output<T>(weights);
    PYFACE3D_CUDA_ELSE(wpdc_loss_forward_cuda, a, p)
    run_forward<T>(p);
    return std::make_tuple(loss, weights);
  });
}

static void check_shapes(const Tensor& shape_mean, const Tensor& basis, const Tensor& indices) {
  check_shape(kOp, "model.mean", shape_mean, {-1, 3}, "(N, 3)");
  check_floating(kOp, "model.mean", shape_mean);
  check_shape(kOp, "model.basis", basis, {shape_mean.size(0), 3, -1}, "(N, 3, K)");
  check_like(kOp, "model.basis", basis, "model.mean", shape_mean);
  check_shape(kOp, "indices", indices, {-1}, "(L,)");
  check_index(kOp, "indices", indices, "model.mean", shape_mean);
  check_range(kOp, indices, shape_mean.size(0));
}

template <typename T>
static void run_moments(const ShapeMoments<T>& p) {
  const int64_t grain = p.count < 64 ? 3 : 1;  // few vertices: another thread's start would take longer
  parallel_with_scratch<T>(3, grain, shape_moments_scratch(p.coeff_count), [&](T* scratch, int64_t begin, int64_t end) {
    PYFACE3D_DISPATCH(shape_moments<T>(p, scratch, begin, end));
  });
}

static Tensor moments(const Tensor& shape_mean, const Tensor& basis, const Tensor& indices) {
  const Tensor m = packed(shape_mean), a = packed(basis), index = packed(indices);
  check_shapes(m, a, index);
  const int64_t size = a.size(2) + 1;
  return by_type(m, [&](auto zero) {
    using T = decltype(zero);
    Tensor out = new_tensor(m, {3, size, size});
    const ShapeMoments<T> p{pointer<T>(m), pointer<T>(a), pointer<int64_t>(index), output<T>(out), index.size(0),
                            a.size(2),     m.size(0)};
    PYFACE3D_CUDA_ELSE(shape_moments_cuda, m, p)
    run_moments<T>(p);
    return out;
  });
}

// The vertices that count are picked anew at each call: one op, as half the cost of two is calling them.
static std::tuple<Tensor, Tensor> forward_resampled(const Tensor& pred, const Tensor& target, const Tensor& mean,
                                                    const Tensor& std, const Tensor& shape_mean, const Tensor& basis,
                                                    const Tensor& indices, double scale, double epsilon) {
  const Tensor axes = moments(shape_mean, basis, indices);
  return forward(pred, target, mean, std, axes, indices.size(0), scale, epsilon);
}

static Tensor backward(const Tensor& grad_loss, const Tensor& pred, const Tensor& target, const Tensor& weights,
                       int64_t coeff_count) {
  check_shape(kOp, "pred", pred, {-1, -1}, "(B, P)");
  check_floating(kOp, "pred", pred);
  const int64_t B = pred.size(0), P = pred.size(1);
  PYFACE3D_CHECK(coeff_count >= 0 && P >= 12 + coeff_count, kOp, ": pred must hold 12 pose entries and the model's ",
                 coeff_count, " coefficients, got ", shape_of(pred));
  check_grad(kOp, "target", target, {B, P}, "the shape of pred", "pred", pred);
  check_grad(kOp, "weights", weights, {B, P}, "the shape of pred", "pred", pred);
  check_grad(kOp, "grad_loss", grad_loss, {B}, "(B,)", "pred", pred);
  const Tensor g = packed(grad_loss), a = packed(pred), b = packed(target), w = packed(weights);
  Tensor grad_pred = new_like(a);
  return by_type(a, [&](auto zero) {
    using T = decltype(zero);
    WpdcLoss<T> p{};
    p.grad_loss = pointer<T>(g), p.pred = pointer<T>(a), p.target = pointer<T>(b),
    p.weights = const_cast<T*>(pointer<T>(w));
    p.grad_pred = output<T>(grad_pred);
    p.batch = a.size(0), p.param_count = a.size(1), p.coeff_count = coeff_count;
    PYFACE3D_CUDA_ELSE(wpdc_loss_backward_cuda, a, p)
    torch::stable::parallel_for(
        0, p.batch, 256, [&](int64_t begin, int64_t end) { PYFACE3D_DISPATCH(wpdc_loss_backward<T>(p, begin, end)); });
    return grad_pred;
  });
}

PYFACE3D_OP(forward,
            "wpdc_loss(Tensor pred, Tensor target, Tensor mean, Tensor std, Tensor axes, int points, float scale, "
            "float epsilon) -> (Tensor, Tensor)")
PYFACE3D_OP(forward_resampled,
            "wpdc_loss_resampled(Tensor pred, Tensor target, Tensor mean, Tensor std, Tensor shape_mean, Tensor basis, "
            "Tensor indices, float scale, float epsilon) -> (Tensor, Tensor)")
PYFACE3D_OP(
    backward,
    "wpdc_loss_backward(Tensor grad_loss, Tensor pred, Tensor target, Tensor weights, int coeff_count) -> Tensor")
}  // namespace pyface3d
