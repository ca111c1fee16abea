#include "kernels/synthesize_shape.h"

#include <vector>

#include "torch/tensors.h"

namespace pyface3d {
static constexpr const char* kOp = "synthesize_shape";

static void check(const Tensor& mean, const Tensor& basis, const Tensor& coeffs, const std::optional<Tensor>& pose,
                  const std::optional<Tensor>& indices) {
  check_shape(kOp, "mean", mean, {-1, 3}, "(N, 3)");
  check_floating(kOp, "mean", mean);
  check_shape(kOp, "basis", basis, {mean.size(0), 3, -1}, "(N, 3, K)");
  check_like(kOp, "basis", basis, "mean", mean);
  check_shape(kOp, "coeffs", coeffs, {-1, basis.size(2)}, "(B, K)");
  check_like(kOp, "coeffs", coeffs, "mean", mean);
  if (pose) {
    check_shape(kOp, "pose", *pose, {coeffs.size(0), 3, 4}, "(B, 3, 4)");
    check_like(kOp, "pose", *pose, "mean", mean);
  }
  if (indices) {
    check_shape(kOp, "indices", *indices, {-1}, "(L,)");
    check_index(kOp, "indices", *indices, "mean", mean);
  }
}

struct Inputs {  // contiguous, and alive as long as the kernel runs
  Tensor mean, basis, coeffs;
  std::optional<Tensor> pose, indices;

  Inputs(const Tensor& mean_, const Tensor& basis_, const Tensor& coeffs_, const std::optional<Tensor>& pose_,
         const std::optional<Tensor>& indices_)
      : mean(packed(mean_)), basis(packed(basis_)), coeffs(packed(coeffs_)) {
    if (pose_) pose = packed(*pose_);
    if (indices_) indices = packed(*indices_);
  }

  template <typename T>
  SynthesizeShape<T> parameters() const {
    SynthesizeShape<T> p{};
    p.mean = pointer<T>(mean), p.basis = pointer<T>(basis), p.coeffs = pointer<T>(coeffs), p.pose = pointer<T>(pose);
    p.indices = pointer<int64_t>(indices), p.row_count = mean.size(0);
    p.batch = coeffs.size(0), p.coeff_count = coeffs.size(1);
    p.vertex_count = indices ? indices->size(0) : mean.size(0);
    return p;
  }
};

template <typename T>
static void run_forward(const SynthesizeShape<T>& p) {
  parallel_with_scratch<T>(synthesize_blocks(p.vertex_count), 1,
                           PYFACE3D_DISPATCH(synthesize_shape_scratch<T>(p, false)),
                           [&](T* scratch, int64_t begin, int64_t end) {
                             PYFACE3D_DISPATCH(synthesize_shape_forward<T>(p, scratch, begin, end));
                           });
}

template <typename T>
static void run_backward(const SynthesizeShape<T>& p) {
  if (p.want_params)
    parallel_with_scratch<T>(synthesize_chunks(p.vertex_count) * synthesize_face_groups(p.batch), 1,
                             PYFACE3D_DISPATCH(synthesize_shape_scratch<T>(p, true)),
                             [&](T* scratch, int64_t begin, int64_t end) {
                               PYFACE3D_DISPATCH(synthesize_shape_backward<T>(p, scratch, begin, end));
                             });
  if (p.want_mean || p.want_basis)
    parallel_with_scratch<T>(synthesize_blocks(p.vertex_count), 1,
                             PYFACE3D_DISPATCH(synthesize_shape_scratch<T>(p, false)),
                             [&](T* scratch, int64_t begin, int64_t end) {
                               PYFACE3D_DISPATCH(synthesize_shape_backward_model<T>(p, scratch, begin, end));
                             });
}

static Tensor forward(const Tensor& mean, const Tensor& basis, const Tensor& coeffs, const std::optional<Tensor>& pose,
                      const std::optional<Tensor>& indices) {
  check(mean, basis, coeffs, pose, indices);
  const Inputs inputs(mean, basis, coeffs, pose, indices);
  if (inputs.indices) check_range(kOp, *inputs.indices, mean.size(0));
  return by_type(mean, [&](auto zero) {
    using T = decltype(zero);
    SynthesizeShape<T> p = inputs.template parameters<T>();
    Tensor out = new_tensor(mean, {p.batch, p.vertex_count, 3});  // (B, L, 3)
    p.out = output<T>(out);
    PYFACE3D_CUDA_ELSE(synthesize_shape_forward_cuda, mean, p)
    run_forward<T>(p);
    return out;
  });
}

// grad_parts (C, B, K + 12), grad_mean (L, 3), grad_basis (L, 3, K) of the rows used; empty where not wanted.
static std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& grad_out, const Tensor& mean, const Tensor& basis,
                                                   const Tensor& coeffs, const std::optional<Tensor>& pose,
                                                   const std::optional<Tensor>& indices, bool want_params,
                                                   bool want_mean, bool want_basis) {
  check(mean, basis, coeffs, pose, indices);
  const Inputs inputs(mean, basis, coeffs, pose, indices);
  if (inputs.indices) check_range(kOp, *inputs.indices, mean.size(0));
  const int64_t rows = indices ? indices->size(0) : mean.size(0);
  check_grad(kOp, "grad_out", grad_out, {coeffs.size(0), rows, 3}, "(B, L, 3)", "mean", mean);
  const Tensor grad = packed(grad_out);
  return by_type(mean, [&](auto zero) {
    using T = decltype(zero);
    SynthesizeShape<T> p = inputs.template parameters<T>();
    const int64_t chunks = synthesize_chunks(p.vertex_count);
    const bool cuda = on_cuda(mean), pass = cuda && want_params;  // there `parts` has one chunk
    Tensor parts = new_tensor(mean, {cuda ? 1 : chunks, want_params ? p.batch : 0, p.coeff_count + 12});
    const PassShape shape = synthesize_pass(p);
    Tensor fragments = new_tensor(mean, {pass ? shape.fragments(1) : 0});
    Tensor sums = new_tensor(mean, {pass ? shape.rows() : 0, p.batch, p.coeff_count + 12});
    Tensor grad_mean = want_mean ? new_tensor(mean, {p.vertex_count, 3}) : new_tensor(mean, {0});
    Tensor grad_basis = want_basis ? new_tensor(mean, {p.vertex_count, 3, p.coeff_count}) : new_tensor(mean, {0});
    p.grad_out = pointer<T>(grad);
    p.grad_parts = output<T>(parts), p.want_params = want_params;
    p.fragments = output<T>(fragments), p.sums = output<T>(sums);
    p.grad_mean = output<T>(grad_mean), p.want_mean = want_mean;
    p.grad_basis = output<T>(grad_basis), p.want_basis = want_basis;
    PYFACE3D_CUDA_ELSE(synthesize_shape_backward_cuda, mean, p)
    run_backward<T>(p);
    const std::vector<int64_t> over_chunks{0};
    const Tensor grad_params = want_params ? torch::stable::sum(parts, over_chunks) : new_tensor(mean, {0});
    return std::make_tuple(grad_params, grad_mean, grad_basis);
  });
}

PYFACE3D_OP(forward,
            "synthesize_shape(Tensor mean, Tensor basis, Tensor coeffs, Tensor? pose, Tensor? indices) -> Tensor")
PYFACE3D_OP(backward,
            "synthesize_shape_backward(Tensor grad_out, Tensor mean, Tensor basis, Tensor coeffs, Tensor? pose, "
            "Tensor? indices, bool want_params, bool want_mean, bool want_basis) -> (Tensor, Tensor, Tensor)")
}  // namespace pyface3d
