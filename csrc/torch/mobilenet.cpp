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

template <typename T>
static void layer(const Tensor& input, MobileLayer<T> p) {
  const Tensor rows = new_tensor(input, {on_cuda(input) ? p.batch * p.pixels() * p.depth() : 0});
  p.rows = output<T>(rows);
  PYFACE3D_CUDA_ELSE(mobilenet_cuda, input, p)
  run<T>(p);
}

// Numbers of what is answered: the maps of the layers kept, one after the other, then the head's output.
static int64_t count_answer(const Layers& layers, const std::vector<int64_t>& kept, int64_t batch, int64_t height,
                            int64_t width) {
  int64_t count = batch * layers.channels.back(), at = 0;
  for (size_t i = 0, next = 0; i < layers.strides.size(); ++i) {
    const MobileLayer<float> p = layer_at<float>(layers, i, height, width, nullptr, at);
    height = p.out_height(), width = p.out_width();
    if (next < kept.size() && kept[next] == static_cast<int64_t>(i))
      count += batch * height * width * p.out_channels, ++next;
  }
  return count;
}

static void check_kept(const std::vector<int64_t>& kept, int64_t count) {
  int64_t least = 0;
  for (int64_t i : kept) {
    PYFACE3D_CHECK(i >= least && i < count, kOp, ": kept must be layers in order, from 0 to ", count - 1, ", got ", i);
    least = i + 1;
  }
}

static Tensor forward(const Tensor& images, const Tensor& weights, std::vector<int64_t> channels,
                      std::vector<int64_t> strides, int64_t sums, std::vector<int64_t> kept) {
  const Layers layers{channels, strides, sums};
  check(images, weights, layers);
  check_kept(kept, strides.size());
  const int64_t batch = images.size(0);
  const Tensor w = packed(weights);
  return by_type(w, [&](auto zero) {
    using T = decltype(zero);
    int64_t at = 0, height = images.size(1), width = images.size(2);
    const Tensor found = new_tensor(w, {count_answer(layers, kept, batch, height, width)});
    Tensor map = packed(images);
    const T* input = pointer<T>(map);
    T* answer = output<T>(found);
    for (size_t i = 0, next = 0; i < channels.size(); ++i) {
      MobileLayer<T> p = layer_at<T>(layers, i, height, width, pointer<T>(w), at);
      p.input = input, p.batch = batch, height = p.out_height(), width = p.out_width();
      const int64_t count = batch * height * width * p.out_channels;
      const bool stays = i == strides.size() || (next < kept.size() && kept[next] == static_cast<int64_t>(i));
      const Tensor passing = new_tensor(w, {stays ? 0 : count});
      p.out = stays ? answer : output<T>(passing);
      layer<T>(w, p);
      if (stays) answer += count, ++next;
      input = p.out, map = passing;
    }
    return found;
  });
}

PYFACE3D_OP(forward,
            "mobilenet(Tensor images, Tensor weights, int[] channels, int[] strides, int sums=0, int[] kept=[]) -> "
            "Tensor")
}  // namespace pyface3d
