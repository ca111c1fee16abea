#include "kernels/attribute_loss.h"

#include "torch/weights.h"

namespace pyface3d {
static constexpr const char* kOp = "attribute_loss";

static void check(const Tensor& logits, const Tensor& labels, const std::optional<Tensor>& pos_weight,
                  const std::optional<Tensor>& mask) {
  check_shape(kOp, "logits", logits, {-1, -1}, "(B, M)");
  check_floating(kOp, "logits", logits);
  check_shape(kOp, "labels", labels, {logits.size(0), logits.size(1)}, "the shape of logits");
  check_like(kOp, "labels", labels, "logits", logits);
  if (pos_weight) {
    check_shape(kOp, "pos_weight", *pos_weight, {logits.size(1)}, "(M,)");
    check_like(kOp, "pos_weight", *pos_weight, "logits", logits);
  }
  if (mask) {
    check_shape(kOp, "mask", *mask, {logits.size(0), logits.size(1)}, "the shape of logits");
    PYFACE3D_CHECK(mask->scalar_type() == ScalarType::Bool, kOp, ": mask must be bool; convert it with .bool()");
    PYFACE3D_CHECK(mask->device() == logits.device(), kOp,
                   ": mask must be on the device of logits; move one of them with .to()");
  }
}

// loss (B,), slope (B, M).
static std::tuple<Tensor, Tensor> forward(const Tensor& logits, const Tensor& labels,
                                          const std::optional<Tensor>& pos_weight, const std::optional<Tensor>& mask) {
  check(logits, labels, pos_weight, mask);
  const Tensor z = packed(logits), y = packed(labels);
  const std::optional<Tensor> a = packed(pos_weight), m = packed(mask);
  if (a) check_weights(kOp, "pos_weight", *a);
  return by_type(z, [&](auto zero) {
    using T = decltype(zero);
    AttributeLoss<T> p{};
    p.logits = pointer<T>(z), p.labels = pointer<T>(y), p.pos_weight = pointer<T>(a), p.mask = pointer<bool>(m);
    p.batch = z.size(0), p.attributes = z.size(1);
    Tensor loss = new_tensor(z, {p.batch}), slope = new_like(z);
    p.loss = output<T>(loss), p.slope = output<T>(slope);
    PYFACE3D_CUDA_ELSE(attribute_loss_forward_cuda, z, p)
    torch::stable::parallel_for(0, p.batch, 64, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(attribute_loss_forward<T>(p, begin, end));
    });
    return std::make_tuple(loss, slope);
  });
}

static Tensor backward(const Tensor& grad_loss, const Tensor& slope) {
  check_shape(kOp, "slope", slope, {-1, -1}, "(B, M)");
  check_floating(kOp, "slope", slope);
  check_grad(kOp, "grad_loss", grad_loss, {slope.size(0)}, "(B,)", "slope", slope);
  const Tensor g = packed(grad_loss), s = packed(slope);
  Tensor grad_logits = new_like(s);
  return by_type(s, [&](auto zero) {
    using T = decltype(zero);
    AttributeLoss<T> p{};
    p.grad_loss = pointer<T>(g), p.slope = const_cast<T*>(pointer<T>(s)), p.grad_logits = output<T>(grad_logits);
    p.batch = s.size(0), p.attributes = s.size(1);
    PYFACE3D_CUDA_ELSE(attribute_loss_backward_cuda, s, p)
    PYFACE3D_DISPATCH(attribute_loss_backward<T>(p, 0, p.batch));
    return grad_logits;
  });
}

PYFACE3D_OP(forward,
            "attribute_loss(Tensor logits, Tensor labels, Tensor? pos_weight, Tensor? mask) -> (Tensor, Tensor)")
PYFACE3D_OP(backward, "attribute_loss_backward(Tensor grad_loss, Tensor slope) -> Tensor")
}  // namespace pyface3d
