#include "kernels/vertex_distance.h"

#include "torch/tensors.h"

namespace pyface3d {
static constexpr const char* kOp = "vertex_distance";

// Checks both faces; `first` is the argument that sets dtype and device.
static void check_faces(const Tensor& coeffs, const Tensor& pose, const Tensor& target_coeffs,
                        const Tensor& target_pose, const char* first_name, const Tensor& first) {
  check_shape(kOp, "coeffs", coeffs, {-1, -1}, "(B, K)");
  const int64_t B = coeffs.size(0), K = coeffs.size(1);
  PYFACE3D_CHECK(pose.dim() == 3 && pose.size(0) == B && pose.size(1) >= 1 && pose.size(1) <= 3 && pose.size(2) >= 2,
                 kOp, ": pose must be (B, 3, 4) or (B, 2, 4) with B = ", B, ", got ", shape_of(pose));
  check_shape(kOp, "target_coeffs", target_coeffs, {B, K}, "(B, K)");
  check_shape(kOp, "target_pose", target_pose, {B, pose.size(1), pose.size(2)}, "the shape of pose");
  check_like(kOp, "coeffs", coeffs, first_name, first);
  check_like(kOp, "pose", pose, first_name, first);
  check_like(kOp, "target_coeffs", target_coeffs, first_name, first);
  check_like(kOp, "target_pose", target_pose, first_name, first);
}

static void check_gram(const Tensor& gram, const Tensor& coeffs, const Tensor& pose) {
  const int64_t K = coeffs.size(1), J = (pose.size(2) - 1) * (K + 1);
  PYFACE3D_CHECK(gram.dim() == 2 && gram.size(0) == J + 1 && gram.size(1) == J + 1, kOp, ": gram must be (", J + 1,
                 ", ", J + 1, ") for ", K, " coefficients, got ", shape_of(gram),
                 "; build it from the model of the coefficients");
}

template <typename T>
static VertexDistance<T> parameters(const Tensor& coeffs, const Tensor& pose, const Tensor& target_coeffs,
                                    const Tensor& target_pose) {
  VertexDistance<T> p{};
  p.coeffs = pointer<T>(coeffs), p.pose = pointer<T>(pose);
  p.target_coeffs = pointer<T>(target_coeffs), p.target_pose = pointer<T>(target_pose);
  p.batch = coeffs.size(0), p.rows = pose.size(1), p.axes = pose.size(2) - 1, p.coeff_count = coeffs.size(1);
  return p;
}

template <typename T>
static void run_forward(const VertexDistance<T>& p) {
  PYFACE3D_DISPATCH(vertex_distance_prepare<T>(p));
  parallel_with_scratch<T>(distance_blocks(p.batch), 32, distance_scratch(p.axes * (p.coeff_count + 1), p.rows),
                           [&](T* scratch, int64_t begin, int64_t end) {
                             PYFACE3D_DISPATCH(vertex_distance_forward<T>(p, scratch, begin, end));
                           });
}

static std::tuple<Tensor, Tensor> forward(const Tensor& gram, const Tensor& coeffs, const Tensor& pose,
                                          const Tensor& target_coeffs, const Tensor& target_pose) {
  check_floating(kOp, "gram", gram);
  check_faces(coeffs, pose, target_coeffs, target_pose, "gram", gram);
  check_gram(gram, coeffs, pose);
  const Tensor g = packed(gram), c = packed(coeffs), m = packed(pose), tc = packed(target_coeffs),
               tm = packed(target_pose);
  return by_type(c, [&](auto zero) {
    using T = decltype(zero);
    VertexDistance<T> p = parameters<T>(c, m, tc, tm);
    const int64_t J = g.size(0) - 1;
    Tensor distance = new_tensor(c, {p.batch}), slope = new_tensor(c, {p.batch, p.rows, J + 1});
    Tensor columns = on_cuda(c) ? new_tensor(c, {p.batch, p.rows, J}) : new_tensor(c, {J, padded_columns(J)});
    p.gram = pointer<T>(g), p.columns = output<T>(columns);
    p.distance = output<T>(distance), p.slope = output<T>(slope);
    PYFACE3D_CUDA_ELSE(vertex_distance_forward_cuda, c, p)
    run_forward<T>(p);
    return std::make_tuple(distance, slope);
  });
}

// Target gradients not asked for come back as empty tensors.
static std::tuple<Tensor, Tensor, Tensor, Tensor> backward(const Tensor& grad_out, const Tensor& slope,
                                                           const Tensor& coeffs, const Tensor& pose,
                                                           const Tensor& target_coeffs, const Tensor& target_pose,
                                                           bool want_target) {
  check_floating(kOp, "coeffs", coeffs);
  check_faces(coeffs, pose, target_coeffs, target_pose, "coeffs", coeffs);
  const int64_t B = coeffs.size(0), R = pose.size(1), J = (pose.size(2) - 1) * (coeffs.size(1) + 1);
  check_grad(kOp, "grad_out", grad_out, {B}, "(B,)", "coeffs", coeffs);
  check_grad(kOp, "slope", slope, {B, R, J + 1}, "what the forward pass returned", "coeffs", coeffs);
  const Tensor g = packed(grad_out), s = packed(slope), c = packed(coeffs), m = packed(pose);
  const Tensor tc = packed(target_coeffs), tm = packed(target_pose);
  return by_type(c, [&](auto zero) {
    using T = decltype(zero);
    VertexDistance<T> p = parameters<T>(c, m, tc, tm);
    Tensor grad_c = new_like(c), grad_m = new_like(m);
    Tensor grad_tc = want_target ? new_like(c) : new_tensor(c, {0});
    Tensor grad_tm = want_target ? new_like(m) : new_tensor(c, {0});
    p.grad_out = pointer<T>(g), p.slope = const_cast<T*>(pointer<T>(s));
    p.grad_coeffs = output<T>(grad_c), p.grad_pose = output<T>(grad_m);
    p.grad_target_coeffs = output<T>(grad_tc), p.grad_target_pose = output<T>(grad_tm);
    p.want_target = want_target;
    PYFACE3D_CUDA_ELSE(vertex_distance_backward_cuda, c, p)
    torch::stable::parallel_for(0, p.batch, 128, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(vertex_distance_backward<T>(p, begin, end));
    });
    return std::make_tuple(grad_c, grad_m, grad_tc, grad_tm);
  });
}

PYFACE3D_OP(forward,
            "vertex_distance(Tensor gram, Tensor coeffs, Tensor pose, Tensor target_coeffs, Tensor target_pose) -> "
            "(Tensor, Tensor)")
PYFACE3D_OP(backward,
            "vertex_distance_backward(Tensor grad_out, Tensor slope, Tensor coeffs, Tensor pose, Tensor target_coeffs, "
            "Tensor target_pose, bool want_target) -> (Tensor, Tensor, Tensor, Tensor)")
}  // namespace pyface3d
