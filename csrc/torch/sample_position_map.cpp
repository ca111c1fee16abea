#include "kernels/sample_position_map.h"

#include "torch/tensors.h"

namespace pyface3d {
static constexpr const char* kOp = "sample_position_map";

static SamplePositionMap check(const Tensor& maps, const Tensor& uv) {
  check_shape(kOp, "maps", maps, {-1, 3, -1, -1}, "(B, 3, U, V)");
  check_floating(kOp, "maps", maps);
  check_shape(kOp, "uv", uv, {-1, 2}, "(N, 2)");
  check_like(kOp, "uv", uv, "maps", maps);
  PYFACE3D_CHECK(maps.size(2) > 0 && maps.size(3) > 0, kOp, ": maps must have at least one texel, got ",
                 shape_of(maps));
  PYFACE3D_CHECK(maps.size(2) * maps.size(3) <= INT32_MAX, kOp, ": maps must have at most 2147483647 texels, got ",
                 shape_of(maps));
  SamplePositionMap p{};
  p.batch = maps.size(0), p.points = uv.size(0), p.rows = maps.size(2), p.columns = maps.size(3);
  return p;
}

static Tensor forward(const Tensor& maps, const Tensor& uv) {
  SamplePositionMap p = check(maps, uv);
  const Tensor m = packed(maps), at = packed(uv);
  Tensor out = new_tensor(m, {p.batch, p.points, 3});  // (B, N, 3)
  p.maps = pointer(m), p.uv = pointer(at), p.out = out.mutable_data_ptr();
  PYFACE3D_CUDA_ELSE(sample_position_map_forward_cuda, m, p)
  torch::stable::parallel_for(0, sample_items(p.batch, p.points), 1, [&](int64_t begin, int64_t end) {
    is_float32(m) ? PYFACE3D_DISPATCH(sample_position_map_forward<float>(p, begin, end))
                  : PYFACE3D_DISPATCH(sample_position_map_forward<double>(p, begin, end));
  });
  return out;
}

template <typename T>
static void run_backward(const SamplePositionMap& p) {
  if (p.want_maps)
    torch::stable::parallel_for(0, 3 * p.batch, 1, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(sample_position_map_backward_maps<T>(p, begin, end));
    });
  if (p.want_uv)
    torch::stable::parallel_for(0, sample_chunks(p.points), 1, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(sample_position_map_backward_uv<T>(p, begin, end));
    });
}

// Gradients not asked for come back as empty tensors: the schema has no optional returns that trace well.
static std::tuple<Tensor, Tensor> backward(const Tensor& grad_out, const Tensor& maps, const Tensor& uv, bool want_maps,
                                           bool want_uv) {
  SamplePositionMap p = check(maps, uv);
  check_grad(kOp, "grad_out", grad_out, {p.batch, p.points, 3}, "(B, N, 3)", "maps", maps);
  const Tensor g = packed(grad_out), m = packed(maps), at = packed(uv);
  Tensor grad_maps = want_maps ? new_tensor(m, {p.batch, 3, p.rows, p.columns}) : new_tensor(m, {0});
  Tensor grad_uv = want_uv ? new_tensor(at, {p.points, 2}) : new_tensor(at, {0});
  p.grad_out = pointer(g), p.maps = pointer(m), p.uv = pointer(at);
  Tensor workspace = scatter_workspace(grad_maps);
  p.grad_maps = grad_maps.mutable_data_ptr(), p.want_maps = want_maps;
  p.grad_uv = grad_uv.mutable_data_ptr(), p.want_uv = want_uv, p.scatter_workspace = workspace.mutable_data_ptr();
  PYFACE3D_CUDA_ELSE(sample_position_map_backward_cuda, m, p)
  is_float32(m) ? run_backward<float>(p) : run_backward<double>(p);
  return {grad_maps, grad_uv};
}

STABLE_TORCH_LIBRARY_FRAGMENT(pyface3d, m) {
  m.def("sample_position_map(Tensor maps, Tensor uv) -> Tensor");
  m.def(
      "sample_position_map_backward(Tensor grad_out, Tensor maps, Tensor uv, bool want_maps, bool want_uv) "
      "-> (Tensor, Tensor)");
}
PYFACE3D_IMPL(m) {
  m.impl("sample_position_map", PYFACE3D_PROMOTED(forward));
  m.impl("sample_position_map_backward", PYFACE3D_PROMOTED(backward));
}
}  // namespace pyface3d
