#include "kernels/shape_moments.h"

#include "torch/tensors.h"

namespace pyface3d {
static constexpr const char* kOp = "shape_moments";

static void check(const Tensor& mean, const Tensor& basis, const Tensor& indices) {
  check_shape(kOp, "mean", mean, {-1, 3}, "(N, 3)");
  check_floating(kOp, "mean", mean);
  check_shape(kOp, "basis", basis, {mean.size(0), 3, -1}, "(N, 3, K)");
  check_like(kOp, "basis", basis, "mean", mean);
  check_shape(kOp, "indices", indices, {-1}, "(L,)");
  check_index(kOp, "indices", indices, "mean", mean);
  check_range(kOp, indices, mean.size(0));
}

template <typename T>
static void run(const ShapeMoments& p) {
  const auto scratch = make_scratch<T>(shape_moments_scratch(p.coeff_count));
  PYFACE3D_DISPATCH(shape_moments<T>(p, scratch.get()));
}

static Tensor forward(const Tensor& mean, const Tensor& basis, const Tensor& indices) {
  const Tensor m = packed(mean), a = packed(basis), index = packed(indices);
  check(m, a, index);
  const int64_t size = a.size(2) + 1;
  Tensor out = new_tensor(m, {3, size, size});
  const ShapeMoments p{pointer(m), pointer(a), static_cast<const int64_t*>(pointer(index)), out.mutable_data_ptr(),
                       index.size(0), a.size(2)};
  PYFACE3D_CUDA_ELSE(shape_moments_cuda, m, p)
  is_float32(m) ? run<float>(p) : run<double>(p);
  return out;
}

STABLE_TORCH_LIBRARY_FRAGMENT(pyface3d, m) { m.def("shape_moments(Tensor mean, Tensor basis, Tensor indices) -> Tensor"); }
PYFACE3D_IMPL(m) { m.impl("shape_moments", TORCH_BOX(&forward)); }
}  // namespace pyface3d
