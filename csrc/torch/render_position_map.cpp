#include "kernels/render_position_map.h"

#include "torch/tensors.h"

namespace pyface3d {
static constexpr const char* kOp = "render_position_map";
constexpr int64_t kFewFaces = 4;

static void check_int32(const char* name, const Tensor& x) {
  PYFACE3D_CHECK(x.scalar_type() == ScalarType::Int, kOp, ": ", name, " must be int32, as UVAtlas stores it");
}

static void check_float32(const char* name, const Tensor& x) {
  PYFACE3D_CHECK(is_float32(x), kOp, ": ", name, " must be float32, as UVAtlas stores it");
}

struct Atlas {  // the atlas' tensors, packed
  Tensor corners, weights, reader_offsets, reader_texels, reader_weights;
};

// Checks everything that both directions share; `like` is what sets the device.
static Atlas check(const Tensor& like, const Tensor& corners, const Tensor& weights, const Tensor& reader_offsets,
                   const Tensor& reader_texels, const Tensor& reader_weights) {
  check_shape(kOp, "corners", corners, {-1, -1, 3}, "(U, V, 3)");
  check_shape(kOp, "weights", weights, {corners.size(0), corners.size(1), 3}, "(U, V, 3)");
  check_shape(kOp, "reader_offsets", reader_offsets, {-1}, "(N + 1,)");
  check_shape(kOp, "reader_texels", reader_texels, {-1}, "(E,)");
  check_shape(kOp, "reader_weights", reader_weights, {reader_texels.size(0)}, "(E,)");
  PYFACE3D_CHECK(reader_offsets.size(0) > 0, kOp, ": reader_offsets must be (N + 1,), got (0,)");
  check_int32("corners", corners), check_int32("reader_offsets", reader_offsets);
  check_int32("reader_texels", reader_texels), check_float32("weights", weights);
  check_float32("reader_weights", reader_weights);
  for (const Tensor* x : {&corners, &weights, &reader_offsets, &reader_texels, &reader_weights})
    PYFACE3D_CHECK(x->device() == like.device(), kOp,
                   ": the atlas must be on the device of vertices; move it with .to()");
  return {packed(corners), packed(weights), packed(reader_offsets), packed(reader_texels), packed(reader_weights)};
}

template <typename T>
using Loop = void (*)(const RenderPositionMap<T>&, int64_t, int64_t);

// Packs `packed` points of each face and gathers `gathered` results. Few faces are shared by the threads; of many, each
// thread has its own and waits for no other.
template <typename T>
static void run(RenderPositionMap<T> p, const Tensor& like, int64_t packed, Loop<T> pack, int64_t gathered,
                Loop<T> gather) {
  const int64_t side_by_side = p.batch < kFewFaces ? 1 : PYFACE3D_DISPATCH(render_position_map_faces<T>());
  p.faces = 1;
  if (p.batch < kFewFaces) {
    Tensor points = new_tensor(like, {packed, 4});
    for (p.points = output<T>(points); p.face < p.batch; ++p.face) {
      torch::stable::parallel_for(0, map_chunks(packed), 1, [&](int64_t begin, int64_t end) { pack(p, begin, end); });
      torch::stable::parallel_for(0, map_chunks(gathered), 1,
                                  [&](int64_t begin, int64_t end) { gather(p, begin, end); });
    }
    return;
  }
  torch::stable::parallel_for(0, (p.batch + side_by_side - 1) / side_by_side, 1, [&](int64_t begin, int64_t end) {
    RenderPositionMap<T> own = p;
    Tensor points = new_tensor(like, {packed, side_by_side, 4});
    own.points = output<T>(points);
    for (own.face = begin * side_by_side; own.face < p.batch && own.face < end * side_by_side; own.face += own.faces) {
      own.faces = p.batch - own.face < side_by_side ? 1 : side_by_side;
      pack(own, 0, map_chunks(packed));
      gather(own, 0, map_chunks(gathered));
    }
  });
}

template <typename T>
static void run_forward(const RenderPositionMap<T>& p, const Tensor& v) {
  run<T>(p, v, p.vertex_count, PYFACE3D_DISPATCH(render_position_map_pack_vertices<T>), p.texel_count,
         PYFACE3D_DISPATCH(render_position_map_forward<T>));
}

template <typename T>
static void run_backward(const RenderPositionMap<T>& p, const Tensor& g) {
  run<T>(p, g, p.texel_count, PYFACE3D_DISPATCH(render_position_map_pack_planes<T>), p.vertex_count,
         PYFACE3D_DISPATCH(render_position_map_backward<T>));
}

static Tensor forward(const Tensor& vertices, const Tensor& corners, const Tensor& weights,
                      const Tensor& reader_offsets, const Tensor& reader_texels, const Tensor& reader_weights) {
  const Atlas a = check(vertices, corners, weights, reader_offsets, reader_texels, reader_weights);
  check_shape(kOp, "vertices", vertices, {-1, reader_offsets.size(0) - 1, 3}, "(B, N, 3) with the atlas' N");
  check_floating(kOp, "vertices", vertices);
  const Tensor v = packed(vertices);
  return by_type(v, [&](auto zero) {
    using T = decltype(zero);
    RenderPositionMap<T> p{};
    p.batch = v.size(0), p.vertex_count = v.size(1), p.texel_count = a.corners.size(0) * a.corners.size(1);
    p.corners = pointer<int32_t>(a.corners), p.weights = pointer<float>(a.weights);
    PYFACE3D_CHECK(!v.is_cpu() || PYFACE3D_DISPATCH(all_within(p.corners, 3 * p.texel_count, p.vertex_count)), kOp,
                   ": corners must lie in [0, ", p.vertex_count, "), the number of vertices");
    Tensor maps = new_tensor(v, {p.batch, 3, a.corners.size(0), a.corners.size(1)});  // (B, 3, U, V)
    p.vertices = pointer<T>(v), p.maps = output<T>(maps);
    PYFACE3D_CUDA_ELSE(render_position_map_forward_cuda, v, p)
    run_forward<T>(p, v);
    return maps;
  });
}

static Tensor backward(const Tensor& grad_maps, const Tensor& corners, const Tensor& weights,
                       const Tensor& reader_offsets, const Tensor& reader_texels, const Tensor& reader_weights) {
  const Atlas a = check(grad_maps, corners, weights, reader_offsets, reader_texels, reader_weights);
  check_shape(kOp, "grad_maps", grad_maps, {-1, 3, corners.size(0), corners.size(1)}, "(B, 3, U, V)");
  check_floating(kOp, "grad_maps", grad_maps);
  const Tensor g = packed(grad_maps);
  return by_type(g, [&](auto zero) {
    using T = decltype(zero);
    RenderPositionMap<T> p{};
    p.batch = g.size(0), p.vertex_count = a.reader_offsets.size(0) - 1;
    p.texel_count = a.corners.size(0) * a.corners.size(1);
    p.grad_maps = pointer<T>(g), p.reader_offsets = pointer<int32_t>(a.reader_offsets);
    p.reader_texels = pointer<int32_t>(a.reader_texels), p.reader_weights = pointer<float>(a.reader_weights);
    const int64_t readers = p.reader_count = a.reader_texels.size(0);
    PYFACE3D_CHECK(!g.is_cpu() || (PYFACE3D_DISPATCH(all_within(p.reader_texels, readers, p.texel_count)) &&
                                   PYFACE3D_DISPATCH(all_within(p.reader_offsets, p.vertex_count + 1, readers + 1))),
                   kOp, ": the atlas' readers do not fit its texels; make it again with UVAtlas.from_model");
    Tensor grad = new_tensor(g, {p.batch, p.vertex_count, 3});  // (B, N, 3)
    p.grad_vertices = output<T>(grad);
    PYFACE3D_CUDA_ELSE(render_position_map_backward_cuda, g, p)
    run_backward<T>(p, g);
    return grad;
  });
}

PYFACE3D_OP_OF_ONE_TYPE(forward,
                        "render_position_map(Tensor vertices, Tensor corners, Tensor weights, Tensor reader_offsets, "
                        "Tensor reader_texels, Tensor reader_weights) -> Tensor")
PYFACE3D_OP_OF_ONE_TYPE(backward,
                        "render_position_map_backward(Tensor grad_maps, Tensor corners, Tensor weights, Tensor "
                        "reader_offsets, Tensor reader_texels, Tensor reader_weights) -> Tensor")
}  // namespace pyface3d
