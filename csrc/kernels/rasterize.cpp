// Most triangles of a dense face hold no pixel centre: each vertex gets the number of its pixel cell, and a block of
// triangles is rejected by comparing the cells of its corners; only the survivors reach the edge tests.
#include "kernels/rasterize.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
constexpr int64_t kRejectBlock = 1024;

template <typename T>
struct Band {  // rows [row_begin, row_end) of one face's image, and where its results go
  const Rasterize& p;
  const RasterizeScratch& scratch;
  const T* vertices;      // (N, 3)
  int32_t* triangle_ids;  // (H, W)
  T* barycentrics;        // (H, W, 3)
  T* depth;               // (H, W)
  int32_t row_begin, row_end;

  Band(const Rasterize& p, const RasterizeScratch& scratch, int64_t face, int64_t row_begin, int64_t row_end)
      : p(p),
        scratch(scratch),
        vertices(static_cast<const T*>(p.vertices) + face * p.vertex_count * 3),
        triangle_ids(p.triangle_ids + face * p.height * p.width),
        barycentrics(static_cast<T*>(p.barycentrics) + face * p.height * p.width * 3),
        depth(static_cast<T*>(p.depth) + face * p.height * p.width),
        row_begin(static_cast<int32_t>(row_begin)),
        row_end(static_cast<int32_t>(row_end)) {}

  void clear() const {
    const int64_t first = row_begin * p.width, last = row_end * p.width;
    for (int64_t i = first; i < last; ++i) triangle_ids[i] = -1;
    for (int64_t i = first; i < last; ++i) depth[i] = 0;
    for (int64_t i = first * 3; i < last * 3; ++i) barycentrics[i] = 0;
  }

  void snap_vertices() const {
    const int32_t width = static_cast<int32_t>(p.width);
    for (int64_t n = 0; n < p.vertex_count; ++n) {
      const SnappedVertex v = snap_vertex(vertices[n * 3], vertices[n * 3 + 1], vertices[n * 3 + 2]);
      const uint32_t cx = pixel_cell(v.x, 0, width), cy = pixel_cell(v.y, row_begin, row_end);
      scratch.snapped[n] = v;
      scratch.cells[n] = cx | cy << 16;
    }
  }

  // Writes the triangles of [first, last) that may own a pixel, in order; returns how many.
  int64_t select(int64_t first, int64_t last, int32_t* selected) const {
    const int32_t *c0 = p.corners, *c1 = c0 + p.triangle_count, *c2 = c1 + p.triangle_count;
    uint8_t keep[kRejectBlock];
    for (int64_t i = first; i < last; ++i) {
      const uint32_t a = scratch.cells[c0[i]], span = (a ^ scratch.cells[c1[i]]) | (a ^ scratch.cells[c2[i]]);
      keep[i - first] = ((span & 0xffff) != 0) & ((span >> 16) != 0);
    }
    int64_t count = 0;
    for (int64_t i = first; i < last; ++i) {
      selected[count] = static_cast<int32_t>(i);
      count += keep[i - first];
    }
    return count;
  }

  void draw(int32_t id) const {
    const int32_t* corner = p.corners + id;
    int32_t n0 = corner[0], n1 = corner[p.triangle_count], n2 = corner[2 * p.triangle_count];
    SnappedVertex a = scratch.snapped[n0], b = scratch.snapped[n1], c = scratch.snapped[n2];
    if (a.x == kNowhere || b.x == kNowhere || c.x == kNowhere) return;
    const int64_t area = doubled_area(a, b, c);
    if (area == 0 || (p.cull_backfaces && area > 0)) return;
    const Box box = box_of(scratch.cells[n0], scratch.cells[n1], scratch.cells[n2]);
    const T *v0 = vertices + n0 * int64_t{3}, *v1 = vertices + n1 * int64_t{3}, *v2 = vertices + n2 * int64_t{3};
    area > 0 ? fill(id, box, a, b, c, v0, v1, v2) : fill(id, box, a, c, b, v0, v1, v2);
  }

 private:
  struct Box {  // pixels [x0, x1) x [y0, y1)
    int32_t x0, x1, y0, y1;
  };

  struct Edge {  // inside where value >= 0
    int64_t value, step_x, step_y;
    Edge(SnappedVertex a, SnappedVertex b, int32_t px, int32_t py)
        : value(doubled_area(a, b, {px * kSubpixels, py * kSubpixels}) - (owns_edge(a, b) ? 0 : 1)),
          step_x(static_cast<int64_t>(a.y - b.y) * kSubpixels),
          step_y(static_cast<int64_t>(b.x - a.x) * kSubpixels) {}
  };

  static int32_t least(int32_t a, int32_t b, int32_t c) { return a < b ? (a < c ? a : c) : (b < c ? b : c); }
  static int32_t most(int32_t a, int32_t b, int32_t c) { return a > b ? (a > c ? a : c) : (b > c ? b : c); }

  static Box box_of(uint32_t a, uint32_t b, uint32_t c) {
    const int32_t ax = a & 0xffff, bx = b & 0xffff, cx = c & 0xffff, ay = a >> 16, by = b >> 16, cy = c >> 16;
    return {least(ax, bx, cx), most(ax, bx, cx), least(ay, by, cy), most(ay, by, cy)};
  }

  // a, b, c: the corners clockwise; v0, v1, v2: as the triangle lists them.
  void fill(int32_t id, Box box, SnappedVertex a, SnappedVertex b, SnappedVertex c, const T* v0, const T* v1, const T* v2) const {
    Edge e0(a, b, box.x0, box.y0), e1(b, c, box.x0, box.y0), e2(c, a, box.x0, box.y0);
    for (int32_t y = box.y0; y < box.y1; ++y) {
      int64_t s0 = e0.value, s1 = e1.value, s2 = e2.value;
      for (int32_t x = box.x0; x < box.x1; ++x) {
        if ((s0 | s1 | s2) >= 0) write(id, x, y, TrianglePlane<T>(v0, v1, v2));
        s0 += e0.step_x, s1 += e1.step_x, s2 += e2.step_x;
      }
      e0.value += e0.step_y, e1.value += e1.step_y, e2.value += e2.step_y;
    }
  }

  void write(int32_t id, int32_t x, int32_t y, const TrianglePlane<T>& plane) const {
    const Barycentric<T> b = plane.at(static_cast<T>(x), static_cast<T>(y));
    const T z = plane.depth(b);
    const int64_t pixel = y * p.width + x;
    if (triangle_ids[pixel] >= 0 && !(z > depth[pixel])) return;
    triangle_ids[pixel] = id;
    depth[pixel] = z;
    barycentrics[pixel * 3] = b.b0, barycentrics[pixel * 3 + 1] = b.b1, barycentrics[pixel * 3 + 2] = b.b2;
  }
};
}  // namespace

template <typename T>
void rasterize_rows(const Rasterize& p, const RasterizeScratch& scratch, int64_t face, int64_t row_begin, int64_t row_end) {
  const Band<T> band(p, scratch, face, row_begin, row_end);
  band.clear();
  band.snap_vertices();
  int32_t selected[kRejectBlock];
  for (int64_t first = 0; first < p.triangle_count; first += kRejectBlock) {
    const int64_t last = first + kRejectBlock < p.triangle_count ? first + kRejectBlock : p.triangle_count;
    const int64_t count = band.select(first, last, selected);
    for (int64_t i = 0; i < count; ++i) band.draw(selected[i]);
  }
}

template <typename T>
void rasterize_backward(const Rasterize& p, int64_t begin, int64_t end) {
  const int64_t pixels = p.height * p.width;
  for (int64_t face = begin; face < end; ++face) {
    const T* vertices = static_cast<const T*>(p.vertices) + face * p.vertex_count * 3;
    T* grad_vertices = static_cast<T*>(p.grad_vertices) + face * p.vertex_count * 3;
    for (int64_t i = 0; i < p.vertex_count * 3; ++i) grad_vertices[i] = 0;
    for (int64_t i = face * pixels; i < (face + 1) * pixels; ++i) {
      const int32_t id = p.triangle_ids[i];
      if (id < 0) continue;
      const T* b = static_cast<const T*>(p.barycentrics) + i * 3;
      const T* grad_b = static_cast<const T*>(p.grad_barycentrics) + i * 3;
      const T grad_z = static_cast<const T*>(p.grad_depth)[i];
      const int64_t n0 = int64_t{3} * p.corners[id], n1 = int64_t{3} * p.corners[id + p.triangle_count];
      const int64_t n2 = int64_t{3} * p.corners[id + 2 * p.triangle_count];
      TrianglePlane<T>(vertices + n0, vertices + n1, vertices + n2)
          .backward({b[0], b[1], b[2]}, grad_b, grad_z, grad_vertices + n0, grad_vertices + n1, grad_vertices + n2);
    }
  }
}

template void rasterize_rows<float>(const Rasterize&, const RasterizeScratch&, int64_t, int64_t, int64_t);
template void rasterize_rows<double>(const Rasterize&, const RasterizeScratch&, int64_t, int64_t, int64_t);
template void rasterize_backward<float>(const Rasterize&, int64_t, int64_t);
template void rasterize_backward<double>(const Rasterize&, int64_t, int64_t);
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
