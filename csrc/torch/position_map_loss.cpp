#include "kernels/position_map_loss.h"

#include "torch/weights.h"

namespace pyface3d {
static constexpr const char* kOp = "position_map_loss";

static void check(const Tensor& pred, const Tensor& target, const Tensor& weight_mask) {
  check_shape(kOp, "pred", pred, {-1, 3, -1, -1}, "(B, 3, U, V)");
  check_floating(kOp, "pred", pred);
  check_shape(kOp, "target", target, {pred.size(0), 3, pred.size(2), pred.size(3)}, "the shape of pred");
  check_shape(kOp, "weight_mask", weight_mask, {pred.size(2), pred.size(3)}, "(U, V)");
  check_like(kOp, "target", target, "pred", pred);
  check_like(kOp, "weight_mask", weight_mask, "pred", pred);
}

template <typename T>
static PositionMapLoss<T> parameters(const Tensor& pred, const Tensor& target, const Tensor& weight_mask,
                                     bool squared) {
  PositionMapLoss<T> p{};
  p.pred = pointer<T>(pred), p.target = pointer<T>(target), p.weight_mask = pointer<T>(weight_mask);
  p.batch = pred.size(0), p.pixels = weight_mask.numel(), p.squared = squared;
  return p;
}

template <typename T>
static void run_forward(const PositionMapLoss<T>& p) {
  torch::stable::parallel_for(0, p.batch * pixel_chunks(p.pixels), 2, [&](int64_t begin, int64_t end) {
    PYFACE3D_DISPATCH(position_map_loss_forward<T>(p, begin, end));
  });
  PYFACE3D_DISPATCH(position_map_loss_finish<T>(p));
}

static Tensor forward(const Tensor& pred, const Tensor& target, const Tensor& weight_mask, bool squared) {
  check(pred, target, weight_mask);
  const Tensor a = packed(pred), b = packed(target), w = packed(weight_mask);
  check_weights(kOp, "weight_mask", w);
  return by_type(a, [&](auto zero) {
    using T = decltype(zero);
    PositionMapLoss<T> p = parameters<T>(a, b, w, squared);
    Tensor loss = new_tensor(a, {p.batch}), sums = new_tensor(a, {p.batch, pixel_chunks(p.pixels)});
    p.loss = output<T>(loss), p.sums = output<T>(sums);
    PYFACE3D_CUDA_ELSE(position_map_loss_forward_cuda, a, p)
    run_forward<T>(p);
    return loss;
  });
}

static Tensor backward(const Tensor& grad_loss, const Tensor& pred, const Tensor& target, const Tensor& weight_mask,
                       bool squared) {
  check(pred, target, weight_mask);
  check_grad(kOp, "grad_loss", grad_loss, {pred.size(0)}, "(B,)", "pred", pred);
  const Tensor g = packed(grad_loss), a = packed(pred), b = packed(target), w = packed(weight_mask);
  return by_type(a, [&](auto zero) {
    using T = decltype(zero);
    PositionMapLoss<T> p = parameters<T>(a, b, w, squared);
    Tensor grad_pred = new_tensor(a, {p.batch, 3, a.size(2), a.size(3)});
    p.grad_loss = pointer<T>(g), p.grad_pred = output<T>(grad_pred);
    PYFACE3D_CUDA_ELSE(position_map_loss_backward_cuda, a, p)
    torch::stable::parallel_for(0, p.batch * pixel_chunks(p.pixels), 2, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(position_map_loss_backward<T>(p, begin, end));
    });
    return grad_pred;
  });
}

PYFACE3D_OP(forward, "position_map_loss(Tensor pred, Tensor target, Tensor weight_mask, bool squared) -> Tensor")
PYFACE3D_OP(backward,
            "position_map_loss_backward(Tensor grad_loss, Tensor pred, Tensor target, Tensor weight_mask, bool "
            "squared) -> Tensor")
}  // namespace pyface3d
