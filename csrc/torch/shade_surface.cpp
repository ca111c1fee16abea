#include "kernels/shade_surface.h"

#include "torch/triangles.h"

namespace pyface3d {
static constexpr const char* kOp = "shade_surface";

static void check_float32(const char* name, const Tensor& x, const Tensor& normals) {
  PYFACE3D_CHECK(is_float32(x), kOp, ": ", name, " must be float32; convert it with .float()");
  check_like(kOp, name, x, "normals", normals);
}

static void check(const Tensor& normals, const Tensor& triangle_ids, const Tensor& barycentrics,
                  const Tensor& triangles, const std::optional<Tensor>& albedo, const std::optional<Tensor>& canvas,
                  int64_t light_numbers) {
  check_shape(kOp, "normals", normals, {-1, -1, 3}, "(B, N, 3)");
  check_triangles(kOp, triangles, "normals", normals, normals.size(1));
  check_triangle_ids(kOp, triangle_ids, "normals", normals, triangles.size(0));
  const int64_t batch = normals.size(0), height = triangle_ids.size(1), width = triangle_ids.size(2);
  check_shape(kOp, "barycentrics", barycentrics, {batch, height, width, 3}, "(B, H, W, 3)");
  check_float32("normals", normals, normals);
  check_float32("barycentrics", barycentrics, normals);
  if (albedo) {
    if (albedo->dim() != 1) check_shape(kOp, "albedo", *albedo, {batch, height, width, 3}, "(B, H, W, 3) or (3,)");
    if (albedo->dim() == 1) check_shape(kOp, "albedo", *albedo, {3}, "(B, H, W, 3) or (3,)");
    check_float32("albedo", *albedo, normals);
  }
  if (canvas) {
    check_shape(kOp, "canvas", *canvas, {batch, height, width, 3}, "(B, H, W, 3)");
    PYFACE3D_CHECK(canvas->scalar_type() == ScalarType::Byte, kOp, ": canvas must be uint8");
    PYFACE3D_CHECK(canvas->device() == normals.device(), kOp, ": canvas must be on the device of normals");
  }
  PYFACE3D_CHECK(light_numbers == 7, kOp,
                 ": light must be 7 numbers (direction, ambient, directional, specular, exponent), got ",
                 light_numbers);
}

static Tensor forward(const Tensor& normals, const Tensor& triangle_ids, const Tensor& barycentrics,
                      const Tensor& triangles, std::optional<Tensor> albedo, std::optional<Tensor> canvas,
                      std::vector<double> light, double alpha) {
  check(normals, triangle_ids, barycentrics, triangles, albedo, canvas, static_cast<int64_t>(light.size()));
  const Tensor n = packed(normals), ids = packed(triangle_ids), b = packed(barycentrics), t = packed(triangles);
  if (albedo) albedo = packed(*albedo);
  if (canvas) canvas = packed(*canvas);
  Tensor out = new_tensor(n, {n.size(0), ids.size(1), ids.size(2), 3}, ScalarType::Byte);  // (B, H, W, 3)
  ShadeSurface p{};
  p.normals = n.const_data_ptr<float>(), p.triangle_ids = ids.const_data_ptr<int32_t>();
  p.barycentrics = b.const_data_ptr<float>(), p.triangles = t.const_data_ptr<int64_t>();
  p.albedo = albedo ? albedo->const_data_ptr<float>() : nullptr, p.one_albedo = albedo && albedo->dim() == 1;
  p.canvas = canvas ? canvas->const_data_ptr<uint8_t>() : nullptr, p.out = out.mutable_data_ptr<uint8_t>();
  p.batch = n.size(0), p.vertex_count = n.size(1), p.triangle_count = t.size(0), p.pixels = ids.size(1) * ids.size(2),
  p.alpha = static_cast<float>(alpha);
  float* numbers = &p.light.x;
  for (int k = 0; k < 7; ++k) numbers[k] = static_cast<float>(light[k]);
  PYFACE3D_CUDA_CALL_ELSE(n, shade_surface_cuda(p, stream))
  torch::stable::parallel_for(0, p.batch * p.pixels, 4096,
                              [&](int64_t begin, int64_t end) { PYFACE3D_DISPATCH(shade_surface(p, begin, end)); });
  return out;
}

PYFACE3D_OP_OF_ONE_TYPE(forward,
                        "shade_surface(Tensor normals, Tensor triangle_ids, Tensor barycentrics, Tensor triangles, "
                        "Tensor? albedo, Tensor? canvas, float[] light, float alpha=1.0) -> Tensor")
}  // namespace pyface3d
