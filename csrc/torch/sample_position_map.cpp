#include "kernels/sample_position_map.h"

#include "torch/incidence.h"

namespace pyface3d {
static constexpr const char* kOp = "sample_position_map";

static void check(const Tensor& maps, const Tensor& uv) {
  check_shape(kOp, "maps", maps, {-1, 3, -1, -1}, "(B, 3, U, V)");
  check_floating(kOp, "maps", maps);
  check_shape(kOp, "uv", uv, {-1, 2}, "(N, 2)");
  check_like(kOp, "uv", uv, "maps", maps);
  PYFACE3D_CHECK(maps.size(2) > 0 && maps.size(3) > 0, kOp, ": maps must have at least one texel, got ",
                 shape_of(maps));
  PYFACE3D_CHECK(maps.size(2) * maps.size(3) <= INT32_MAX, kOp, ": maps must have at most 2147483647 texels, got ",
                 shape_of(maps));
}

template <typename T>
static SamplePositionMap<T> problem(const Tensor& maps, const Tensor& uv) {
  SamplePositionMap<T> p{};
  p.maps = pointer<T>(maps), p.uv = pointer<T>(uv);
  p.batch = maps.size(0), p.points = uv.size(0), p.rows = maps.size(2), p.columns = maps.size(3);
  return p;
}

static Tensor forward(const Tensor& maps, const Tensor& uv) {
  check(maps, uv);
  const Tensor m = packed(maps), at = packed(uv);
  return by_type(m, [&](auto zero) {
    using T = decltype(zero);
    SamplePositionMap<T> p = problem<T>(m, at);
    Tensor out = new_tensor(m, {p.batch, p.points, 3});  // (B, N, 3)
    p.out = output<T>(out);
    PYFACE3D_CUDA_ELSE(sample_position_map_forward_cuda, m, p)
    torch::stable::parallel_for(0, sample_items(p.batch, p.points), 1, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(sample_position_map_forward<T>(p, begin, end));
    });
    return out;
  });
}

template <typename T>
static void run_backward(const SamplePositionMap<T>& p) {
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
  check(maps, uv);
  check_grad(kOp, "grad_out", grad_out, {maps.size(0), uv.size(0), 3}, "(B, N, 3)", "maps", maps);
  const Tensor g = packed(grad_out), m = packed(maps), at = packed(uv);
  return by_type(m, [&](auto zero) {
    using T = decltype(zero);
    SamplePositionMap<T> p = problem<T>(m, at);
    Tensor grad_maps = want_maps ? new_like(m) : new_tensor(m, {0}),
           grad_uv = want_uv ? new_like(at) : new_tensor(at, {0});
    PYFACE3D_CHECK(4 * p.points < kMostItems, kOp, ": uv must have fewer than 1073741824 points, got ", p.points);
    Tensor incidence = incidence_workspace(m, want_maps ? incidence_words(1, p.rows * p.columns, 4 * p.points) : 0);
    p.grad_out = pointer<T>(g), p.incidence = output<uint32_t>(incidence);
    p.grad_maps = output<T>(grad_maps), p.want_maps = want_maps;
    p.grad_uv = output<T>(grad_uv), p.want_uv = want_uv;
    PYFACE3D_CUDA_ELSE(sample_position_map_backward_cuda, m, p)
    run_backward<T>(p);
    return std::make_tuple(grad_maps, grad_uv);
  });
}

PYFACE3D_OP(forward, "sample_position_map(Tensor maps, Tensor uv) -> Tensor")
PYFACE3D_OP(backward,
            "sample_position_map_backward(Tensor grad_out, Tensor maps, Tensor uv, bool want_maps, bool want_uv) -> "
            "(Tensor, Tensor)")
}  // namespace pyface3d
