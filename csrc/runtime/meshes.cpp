#include "kernels/interpolate.h"
#include "kernels/rasterize.h"
#include "kernels/triangles.h"
#include "kernels/vertex_normals.h"
#include "runtime/arrays.h"

namespace pyface3d {
static void check_triangles(const char* op, const Indices& triangles, int64_t vertex_count) {
  check_shape(op, "triangles", triangles, {-1, 3}, "(F, 3)");
  const int64_t* index = triangles.data();
  const int64_t at = first_outside<int64_t>(index, static_cast<int64_t>(triangles.size()), 0, vertex_count);
  require(at < 0, std::string(op) + ": triangles[" + std::to_string(at / 3) + "] names vertex " +
                      std::to_string(at < 0 ? 0 : index[at]) + ", but vertices has " + std::to_string(vertex_count) +
                      "; indices are 0-based (subtract 1 from a MATLAB table)");
}

template <typename T>
static nb::object rasterize_typed(Rasterize<T> p, int threads) {
  Output<int32_t> triangle_ids({p.batch, p.height, p.width});
  Output<T> barycentrics({p.batch, p.height, p.width, 3}), depth({p.batch, p.height, p.width});
  p.triangle_ids = triangle_ids.values, p.barycentrics = barycentrics.values, p.depth = depth.values;
  {
    nb::gil_scoped_release release;
    // Items are rows of all faces: each thread gets one run of them and cuts it where a new face begins.
    parallel_for(p.batch * p.height, threads, 16, [&](int64_t begin, int64_t end) {
      const auto snapped = make_scratch<SnappedVertex>(p.vertex_count);
      const auto cells = make_scratch<uint32_t>(p.vertex_count);
      const RasterizeScratch scratch{snapped.get(), cells.get()};
      while (begin < end) {
        const int64_t face = begin / p.height, row = begin % p.height;
        const int64_t last = row + end - begin < p.height ? row + end - begin : p.height;
        PYFACE3D_DISPATCH(rasterize_rows<T>(p, scratch, face, row, last));
        begin += last - row;
      }
    });
  }
  return nb::make_tuple(triangle_ids.array(), barycentrics.array(), depth.array());
}

static nb::object rasterize(const Array& vertices, const Indices& triangles, int64_t height, int64_t width,
                            bool cull_backfaces, int threads) {
  constexpr const char* kOp = "rasterize";
  check_shape(kOp, "vertices", vertices, {-1, -1, 3}, "(B, N, 3)");
  check_floating(kOp, "vertices", vertices);
  check_triangles(kOp, triangles, size_of(vertices, 1));
  require(height >= 1 && height <= kRasterizeMaxSize && width >= 1 && width <= kRasterizeMaxSize,
          std::string(kOp) + ": height and width must be 1 to " + std::to_string(kRasterizeMaxSize) + " pixels, got " +
              std::to_string(height) + " x " + std::to_string(width));
  const std::unique_ptr<int32_t[]> corners(new int32_t[triangles.size()]);
  split_corners(triangles.data(), size_of(triangles, 0), corners.get());
  return by_type(vertices, [&](auto zero) {
    using T = decltype(zero);
    Rasterize<T> p{};
    p.vertices = pointer<T>(vertices), p.corners = corners.get(), p.cull_backfaces = cull_backfaces;
    p.batch = size_of(vertices, 0), p.vertex_count = size_of(vertices, 1), p.triangle_count = size_of(triangles, 0);
    p.height = height, p.width = width;
    return rasterize_typed<T>(p, threads);
  });
}

static nb::object interpolate(const Array& attributes,
                              const nb::ndarray<const int32_t, nb::c_contig, nb::device::cpu>& triangle_ids,
                              const Array& barycentrics, const Indices& triangles, int threads) {
  constexpr const char* kOp = "interpolate";
  const bool shared = attributes.ndim() == 2;
  require(shared || attributes.ndim() == 3,
          std::string(kOp) + ": attributes must be (B, N, C) or (N, C), got " + shape_text(sizes_of(attributes)));
  check_floating(kOp, "attributes", attributes);
  check_shape(kOp, "barycentrics", barycentrics, {shared ? -1 : size_of(attributes, 0), -1, -1, 3}, "(B, H, W, 3)");
  check_like(kOp, "barycentrics", barycentrics, "attributes", attributes);
  check_shape(kOp, "triangle_ids", triangle_ids,
              {size_of(barycentrics, 0), size_of(barycentrics, 1), size_of(barycentrics, 2)}, "(B, H, W)");
  const size_t rows = attributes.ndim() - 2;
  check_triangles(kOp, triangles, size_of(attributes, rows));
  const int64_t at = first_outside<int32_t>(triangle_ids.data(), static_cast<int64_t>(triangle_ids.size()), INT32_MIN,
                                            static_cast<int32_t>(size_of(triangles, 0)));
  require(at < 0,
          std::string(kOp) +
              ": triangle_ids names a triangle that triangles does not have; pass the ones that were rasterized");
  return by_type(attributes, [&](auto zero) {
    using T = decltype(zero);
    Interpolate<T> p{};
    p.attributes = pointer<T>(attributes), p.triangle_ids = triangle_ids.data(),
    p.barycentrics = pointer<T>(barycentrics);
    p.triangles = triangles.data(), p.shared = shared, p.vertex_count = size_of(attributes, rows),
    p.channels = size_of(attributes, rows + 1);
    p.batch = size_of(barycentrics, 0), p.pixels = size_of(barycentrics, 1) * size_of(barycentrics, 2);
    Output<T> out({p.batch, size_of(barycentrics, 1), size_of(barycentrics, 2), p.channels});
    p.out = out.values;
    {
      nb::gil_scoped_release release;
      parallel_for(p.batch * p.pixels, threads, 8192,
                   [&](int64_t begin, int64_t end) { PYFACE3D_DISPATCH(interpolate_forward<T>(p, begin, end)); });
    }
    return out.array();
  });
}

static nb::object vertex_normals(const Array& vertices, const Indices& triangles, int threads) {
  constexpr const char* kOp = "vertex_normals";
  check_shape(kOp, "vertices", vertices, {-1, -1, 3}, "(B, N, 3)");
  check_floating(kOp, "vertices", vertices);
  check_triangles(kOp, triangles, size_of(vertices, 1));
  return by_type(vertices, [&](auto zero) {
    using T = decltype(zero);
    VertexNormals<T> p{};
    p.vertices = pointer<T>(vertices), p.triangles = triangles.data();
    p.batch = size_of(vertices, 0), p.vertex_count = size_of(vertices, 1), p.triangle_count = size_of(triangles, 0);
    Output<T> normals({p.batch, p.vertex_count, 3});
    p.normals = normals.values;
    {
      nb::gil_scoped_release release;
      parallel_for(p.batch, threads, 1, [&](int64_t begin, int64_t end) {
        const auto scratch = make_scratch<T>(p.vertex_count * 4);
        PYFACE3D_DISPATCH(vertex_normals_forward<T>(p, begin, end, scratch.get()));
      });
    }
    return normals.array();
  });
}

void bind_meshes(nb::module_& m) {
  m.def("rasterize", &rasterize, nb::arg("vertices"), nb::arg("triangles"), nb::arg("height"), nb::arg("width"),
        nb::arg("cull_backfaces"), nb::arg("threads"));
  m.def("interpolate", &interpolate, nb::arg("attributes"), nb::arg("triangle_ids"), nb::arg("barycentrics"),
        nb::arg("triangles"), nb::arg("threads"));
  m.def("vertex_normals", &vertex_normals, nb::arg("vertices"), nb::arg("triangles"), nb::arg("threads"));
}
}  // namespace pyface3d
