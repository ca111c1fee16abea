#include "kernels/render_position_map.h"
#include "kernels/sample_position_map.h"
#include "runtime/arrays.h"

namespace pyface3d {
using Int32 = nb::ndarray<const int32_t, nb::c_contig, nb::device::cpu>;
using Float32 = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;

template <typename T>
static void render(RenderPositionMap<T> p, int threads) {
  const int64_t side_by_side = PYFACE3D_DISPATCH(render_position_map_faces<T>());
  const auto points = make_scratch<T>(p.vertex_count * side_by_side * 4);
  for (p.points = points.get(); p.face < p.batch; p.face += p.faces) {
    p.faces = p.batch - p.face < side_by_side ? 1 : side_by_side;
    parallel_for(map_chunks(p.vertex_count), threads, 1, [&](int64_t begin, int64_t end) {
      PYFACE3D_DISPATCH(render_position_map_pack_vertices<T>(p, begin, end));
    });
    parallel_for(map_chunks(p.texel_count), threads, 1,
                 [&](int64_t begin, int64_t end) { PYFACE3D_DISPATCH(render_position_map_forward<T>(p, begin, end)); });
  }
}

static nb::object render_position_map(const Array& vertices, const Int32& corners, const Float32& weights,
                                      int threads) {
  constexpr const char* kOp = "render_position_map";
  check_shape(kOp, "vertices", vertices, {-1, -1, 3}, "(B, N, 3)");
  check_floating(kOp, "vertices", vertices);
  check_shape(kOp, "corners", corners, {-1, -1, 3}, "(U, V, 3)");
  check_shape(kOp, "weights", weights, {size_of(corners, 0), size_of(corners, 1), 3}, "(U, V, 3)");
  return by_type(vertices, [&](auto zero) {
    using T = decltype(zero);
    RenderPositionMap<T> p{};
    p.vertices = pointer<T>(vertices), p.corners = corners.data(), p.weights = weights.data();
    p.batch = size_of(vertices, 0), p.vertex_count = size_of(vertices, 1),
    p.texel_count = size_of(corners, 0) * size_of(corners, 1);
    require(
        PYFACE3D_DISPATCH(all_within(p.corners, 3 * p.texel_count, p.vertex_count)),
        std::string(kOp) + ": corners must lie in [0, " + std::to_string(p.vertex_count) + "), the number of vertices");
    Output<T> maps({p.batch, 3, size_of(corners, 0), size_of(corners, 1)});
    p.maps = maps.values;
    {
      nb::gil_scoped_release release;
      render<T>(p, threads);
    }
    return maps.array();
  });
}

static nb::object sample_position_map(const Array& maps, const Array& uv, int threads) {
  constexpr const char* kOp = "sample_position_map";
  check_shape(kOp, "maps", maps, {-1, 3, -1, -1}, "(B, 3, U, V)");
  check_floating(kOp, "maps", maps);
  check_shape(kOp, "uv", uv, {-1, 2}, "(N, 2)");
  check_like(kOp, "uv", uv, "maps", maps);
  require(size_of(maps, 2) > 0 && size_of(maps, 3) > 0,
          std::string(kOp) + ": maps must have at least one texel, got " + shape_text(sizes_of(maps)));
  return by_type(maps, [&](auto zero) {
    using T = decltype(zero);
    SamplePositionMap<T> p{};
    p.maps = pointer<T>(maps), p.uv = pointer<T>(uv);
    p.batch = size_of(maps, 0), p.points = size_of(uv, 0), p.rows = size_of(maps, 2), p.columns = size_of(maps, 3);
    Output<T> out({p.batch, p.points, 3});
    p.out = out.values;
    {
      nb::gil_scoped_release release;
      parallel_for(sample_items(p.batch, p.points), threads, 4, [&](int64_t begin, int64_t end) {
        PYFACE3D_DISPATCH(sample_position_map_forward<T>(p, begin, end));
      });
    }
    return out.array();
  });
}

void bind_maps(nb::module_& m) {
  m.def("render_position_map", &render_position_map, nb::arg("vertices"), nb::arg("corners"), nb::arg("weights"),
        nb::arg("threads"));
  m.def("sample_position_map", &sample_position_map, nb::arg("maps"), nb::arg("uv"), nb::arg("threads"));
}
}  // namespace pyface3d
