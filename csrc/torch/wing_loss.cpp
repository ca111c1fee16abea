#include "kernels/wing_loss.h"

#include "torch/penalty.h"

namespace pyface3d {
static constexpr const char* kOp = "wing_loss";

static void check_same_shape(const char* name, const Tensor& x, const Tensor& pred) {
  PYFACE3D_CHECK(same_shape(x, pred), kOp, ": ", name, " must have the shape of pred ", shape_of(pred), ", got ",
                 shape_of(x));
}

static void check(const Tensor& pred, const Tensor& target, double w, double epsilon) {
  check_floating(kOp, "pred", pred);
  check_like(kOp, "target", target, "pred", pred);
  check_same_shape("target", target, pred);
  check_wing(kOp, w, epsilon);
}

static Tensor forward(const Tensor& pred, const Tensor& target, double w, double epsilon) {
  check(pred, target, w, epsilon);
  const Tensor a = packed(pred), b = packed(target);
  Tensor out = new_like(a);
  return by_type(a, [&](auto zero) {
    using T = decltype(zero);
    const WingLoss<T> p{pointer<T>(a), pointer<T>(b), nullptr, output<T>(out), w, epsilon};
    PYFACE3D_CUDA_ELSE(wing_loss_forward_cuda, a, p, a.numel())
    torch::stable::parallel_for(0, a.numel(), kWingChunk, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(wing_loss_forward<T>(p, begin, end));
    });
    return out;
  });
}

static Tensor backward(const Tensor& grad_out, const Tensor& pred, const Tensor& target, double w, double epsilon) {
  check(pred, target, w, epsilon);
  check_same_shape("grad_out", grad_out, pred);
  check_floating(kOp, "grad_out", grad_out);
  check_like(kOp, "grad_out", grad_out, "pred", pred);
  const Tensor a = packed(pred), b = packed(target), g = packed(grad_out);
  Tensor grad_pred = new_like(a);
  return by_type(a, [&](auto zero) {
    using T = decltype(zero);
    const WingLoss<T> p{pointer<T>(a), pointer<T>(b), pointer<T>(g), output<T>(grad_pred), w, epsilon};
    PYFACE3D_CUDA_ELSE(wing_loss_backward_cuda, a, p, a.numel())
    torch::stable::parallel_for(0, a.numel(), kWingChunk, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(wing_loss_backward<T>(p, begin, end));
    });
    return grad_pred;
  });
}

PYFACE3D_OP(forward, "wing_loss(Tensor pred, Tensor target, float w, float epsilon) -> Tensor")
PYFACE3D_OP(backward,
            "wing_loss_backward(Tensor grad_out, Tensor pred, Tensor target, float w, float epsilon) -> Tensor")
}  // namespace pyface3d
