#include "kernels/mobilenet.h"

#include "torch/tensors.h"

namespace pyface3d {
static constexpr const char* kOp = "mobilenet";
static constexpr int64_t kMost = 16384;  // channels, and sums of the head: a map times both stays below 2^63

struct Layers {                            // the last one is the head
  std::vector<int64_t> channels, strides;  // of the outputs; one stride less
  int64_t sum_count;
};

// The layer at place i on a map of this size, with its weights from number `at` on, which is advanced; null: no
// weights.
template <typename T>
static MobileLayer<T> layer_at(const Layers& layers, size_t i, int64_t height, int64_t width, const T* weights,
                               int64_t& at) {
  const auto take = [&](int64_t count) {
    at += count;
    return weights ? weights + at - count : nullptr;
  };
  MobileLayer<T> p{};
  p.kind = i == 0 ? MobileKind::stem : i < layers.strides.size() ? MobileKind::block : MobileKind::head;
  p.channels = i ? layers.channels[i - 1] : 3, p.out_channels = layers.channels[i];
  p.height = height, p.width = width, p.stride = p.kind == MobileKind::head ? 1 : layers.strides[i];
  p.sum_count = p.kind == MobileKind::head ? layers.sum_count : 0;
  if (p.kind == MobileKind::block) p.taps = take(9 * p.channels), p.taps_bias = take(p.channels);
  if (p.kind == MobileKind::head) p.sums = take(height * width * p.sum_count * p.channels);
  p.panels = take(p.depth() * p.out_channels), p.bias = take(p.out_channels);
  return p;
}

// Numbers that the layers have together.
static int64_t count_weights(const Layers& layers, int64_t height, int64_t width) {
  int64_t count = 0;
  for (size_t i = 0; i < layers.channels.size(); ++i) {
    const MobileLayer<float> p = layer_at<float>(layers, i, height, width, nullptr, count);
    height = p.out_height(), width = p.out_width();
  }
  return count;
}

static void check(const Tensor& images, const Tensor& weights, const Layers& layers) {
  check_shape(kOp, "images", images, {-1, -1, -1, 3}, "(B, H, W, 3)");
  check_floating(kOp, "images", images);
  PYFACE3D_CHECK(images.size(1) > 0 && images.size(2) > 0, kOp, ": images must have at least one pixel, got ",
                 shape_of(images));
  PYFACE3D_CHECK(!layers.strides.empty() && layers.channels.size() == layers.strides.size() + 1, kOp,
                 ": strides must be one number a layer and channels one more, got ", layers.strides.size(), " and ",
                 layers.channels.size());
  for (int64_t count : layers.channels)
    PYFACE3D_CHECK(count > 0 && count <= kMost && count % kMobileWidth == 0, kOp,
                   ": channels must be multiples of 16 up to 16384, got ", count);
  for (int64_t stride : layers.strides)
    PYFACE3D_CHECK(stride == 1 || stride == 2, kOp, ": strides must be 1 or 2, got ", stride);
  PYFACE3D_CHECK(layers.sum_count >= 0 && layers.sum_count <= kMost, kOp, ": sums must be 0 to 16384, got ",
                 layers.sum_count);
  const int64_t count = count_weights(layers, images.size(1), images.size(2));
  check_shape(kOp, "weights", weights, {count}, "(W,), all that the layers ask for");
  check_like(kOp, "weights", weights, "images", images);
}

template <typename T>
static void run(const MobileLayer<T>& p) {
  parallel_with_scratch<T>(
      p.batch * p.tasks(), 1, kMobilePixels * p.depth(),
      [&](T* scratch, int64_t begin, int64_t end) { PYFACE3D_DISPATCH(mobilenet<T>(p, scratch, begin, end)); });
}

// One layer; the tensor that its map lies in.
template <typename T>
static Tensor layer(const Tensor& input, MobileLayer<T> p) {
  p.input = pointer<T>(input), p.batch = input.size(0);
  Tensor out = new_tensor(input, {p.batch, p.out_height(), p.out_width(), p.out_channels});
  const Tensor rows = new_tensor(input, {on_cuda(input) ? p.batch * p.pixels() * p.depth() : 0});
  p.rows = output<T>(rows), p.out = output<T>(out);
  PYFACE3D_CUDA_ELSE(mobilenet_cuda, input, p)
  run<T>(p);
  return out;
}

static Tensor forward(const Tensor& images, const Tensor& weights, std::vector<int64_t> channels,
                      std::vector<int64_t> strides, int64_t sums) {
  const Layers layers{channels, strides, sums};
  check(images, weights, layers);
  const Tensor w = packed(weights);
  return by_type(w, [&](auto zero) {
    using T = decltype(zero);
    int64_t at = 0;
    Tensor map = packed(images);
    for (size_t i = 0; i < channels.size(); ++i)
      map = layer<T>(map, layer_at<T>(layers, i, map.size(1), map.size(2), pointer<T>(w), at));
    return map;
  });
}

PYFACE3D_OP(forward, "mobilenet(Tensor images, Tensor weights, int[] channels, int[] strides, int sums=0) -> Tensor")
}  // namespace pyface3d
