// Most triangles of a dense face are smaller than a pixel. Three stages per block of triangles, the first two
// vectorised: select drops those whose corners share a cell of the pixel grid (no pixel centre between them); cover
// tests the up to 2 x 2 pixels of the small ones in 32-bit integers; draw writes the covered pixels and fills the few
// large triangles.
#include "kernels/rasterize.h"

namespace pyface3d {
namespace PYFACE3D_ISA {
namespace {
constexpr int64_t kBlock = 512;             // triangles
constexpr int32_t kSmall = 4 * kSubpixels;  // a small triangle's extent stays below: products of two fit 32 bits
constexpr int32_t kLarge = 16;              // the coverage that stands for "too large for cover"

struct Selected {  // up to a block of triangles that may own a pixel, in rising order
  int64_t count;
  int32_t ids[kBlock];
  int32_t coverage[kBlock];  // bit x + 2 y: owns pixel (x, y) of the 2 x 2 at origin; or kLarge
  uint32_t origins[kBlock];  // first pixel of the box: x | y << 16
};

PYFACE3D_INLINE int32_t least(int32_t a, int32_t b, int32_t c) { return a < b ? (a < c ? a : c) : (b < c ? b : c); }
PYFACE3D_INLINE int32_t most(int32_t a, int32_t b, int32_t c) { return a > b ? (a > c ? a : c) : (b > c ? b : c); }

// One edge a -> b of a small triangle against the 2 x 2 pixels at the origin; negative where the pixel is not inside.
struct SmallEdge {
  int32_t at00, at10, at01, at11;
  PYFACE3D_INLINE SmallEdge(int32_t ax, int32_t ay, int32_t bx, int32_t by, int32_t turn) {
    const int32_t dx = (bx - ax) * turn, dy = (by - ay) * turn;
    const int32_t not_owned = (dy < 0) | ((dy == 0) & (dx > 0)) ? 0 : 1;
    at00 = dy * ax - dx * ay - not_owned;
    at10 = at00 - dy * kSubpixels, at01 = at00 + dx * kSubpixels, at11 = at10 + dx * kSubpixels;
  }
};

template <typename T>
struct Band {  // rows [row_begin, row_end) of one face's image, and where its results go
  const Rasterize<T>& p;
  const RasterizeScratch& scratch;
  const T* vertices;      // (N, 3)
  int32_t* triangle_ids;  // (H, W)
  T* barycentrics;        // (H, W, 3)
  T* depth;               // (H, W)
  int32_t width, row_begin, row_end;

  Band(const Rasterize<T>& p, const RasterizeScratch& scratch, int64_t face, int64_t row_begin, int64_t row_end)
      : p(p),
        scratch(scratch),
        vertices(p.vertices + face * p.vertex_count * 3),
        triangle_ids(p.triangle_ids + face * p.height * p.width),
        barycentrics(p.barycentrics + face * p.height * p.width * 3),
        depth(p.depth + face * p.height * p.width),
        width(static_cast<int32_t>(p.width)),
        row_begin(static_cast<int32_t>(row_begin)),
        row_end(static_cast<int32_t>(row_end)) {}

  void clear() const {
    const int64_t first = row_begin * p.width, last = row_end * p.width;
    for (int64_t i = first; i < last; ++i) triangle_ids[i] = -1;
    for (int64_t i = first; i < last; ++i) depth[i] = 0;
    for (int64_t i = first * 3; i < last * 3; ++i) barycentrics[i] = 0;
  }

  void snap_vertices() const {
    const int32_t right = width, top = row_begin, bottom = row_end;  // copies that the writes cannot alias
    const T* from = vertices;
    SnappedVertex* snapped = scratch.snapped;
    uint32_t* cells = scratch.cells;
    for (int64_t n = 0; n < p.vertex_count; ++n) {
      const SnappedVertex v = snap_vertex(from[n * 3], from[n * 3 + 1], from[n * 3 + 2]);
      const uint32_t cx = pixel_cell(v.x, 0, right), cy = pixel_cell(v.y, top, bottom);
      snapped[n].x = v.x, snapped[n].y = v.y;
      cells[n] = cx | cy << 16;
    }
  }

  void select(int64_t first, int64_t last, Selected& s) const {
    const int32_t *c0 = p.corners, *c1 = c0 + p.triangle_count, *c2 = c1 + p.triangle_count;
    uint8_t keep[kBlock];
    for (int64_t i = first; i < last; ++i) {
      const uint32_t a = scratch.cells[c0[i]], span = (a ^ scratch.cells[c1[i]]) | (a ^ scratch.cells[c2[i]]);
      keep[i - first] = ((span & 0xffff) != 0) & ((span >> 16) != 0);
    }
    int64_t count = 0;
    for (int64_t i = first; i < last; ++i) {
      s.ids[count] = static_cast<int32_t>(i);
      count += keep[i - first];
    }
    s.count = count;
  }

  void cover(Selected& s) const {
    const int32_t *c0 = p.corners, *c1 = c0 + p.triangle_count, *c2 = c1 + p.triangle_count;
    const bool cull = p.cull_backfaces;
    const int32_t clockwise = cull ? 0 : 1;
    for (int64_t i = 0; i < s.count; ++i) {
      const int64_t na = c0[s.ids[i]], nb = c1[s.ids[i]], nc = c2[s.ids[i]];
      int32_t ax = scratch.snapped[na].x, bx = scratch.snapped[nb].x, cx = scratch.snapped[nc].x;
      int32_t ay = scratch.snapped[na].y, by = scratch.snapped[nb].y, cy = scratch.snapped[nc].y;
      const int32_t low_x = least(ax, bx, cx), high_x = most(ax, bx, cx), low_y = least(ay, by, cy),
                    high_y = most(ay, by, cy);
      const int32_t x = pixel_cell(low_x, 0, width), columns = pixel_cell(high_x, 0, width) - x;
      const int32_t y = pixel_cell(low_y, row_begin, row_end), rows = pixel_cell(high_y, row_begin, row_end) - y;
      const bool small = (high_x - low_x < kSmall) & (high_y - low_y < kSmall) & (columns <= 2) & (rows <= 2);
      // whether a culled triangle of any size surely looks clockwise: its area in float, far from 0 for what was
      // rounded
      const float plus = static_cast<float>(bx - ax) * (cy - ay), minus = static_cast<float>(by - ay) * (cx - ax);
      const bool away = cull & (plus - minus > 1e-6f * (__builtin_fabsf(plus) + __builtin_fabsf(minus)));
      // corners as seen from pixel (x, y); 0 where products could overflow
      ax = small ? ax - x * kSubpixels : 0, bx = small ? bx - x * kSubpixels : 0, cx = small ? cx - x * kSubpixels : 0;
      ay = small ? ay - y * kSubpixels : 0, by = small ? by - y * kSubpixels : 0, cy = small ? cy - y * kSubpixels : 0;
      const int32_t area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
      const int32_t turn = area > 0 ? clockwise : area < 0 ? -1 : 0;  // makes the corners clockwise; 0: draws nothing
      const SmallEdge ab(ax, ay, bx, by, turn), bc(bx, by, cx, cy, turn), ca(cx, cy, ax, ay, turn);
      const int32_t in_box = (columns > 1 ? 15 : 5) & (rows > 1 ? 15 : 3);
      const int32_t owned = ((ab.at00 | bc.at00 | ca.at00) >= 0 ? 1 : 0) |
                            ((ab.at10 | bc.at10 | ca.at10) >= 0 ? 2 : 0) |
                            ((ab.at01 | bc.at01 | ca.at01) >= 0 ? 4 : 0) | ((ab.at11 | bc.at11 | ca.at11) >= 0 ? 8 : 0);
      s.coverage[i] = small ? owned & in_box : away ? 0 : kLarge;
      s.origins[i] = static_cast<uint32_t>(x) | static_cast<uint32_t>(y) << 16;
    }
  }

  void draw(const Selected& s) const {
    for (int64_t i = 0; i < s.count; ++i) {
      if (!s.coverage[i]) continue;
      if (s.coverage[i] == kLarge) {
        fill(s.ids[i]);
        continue;
      }
      const TrianglePlane<T> plane = plane_of(s.ids[i]);
      const int32_t x = s.origins[i] & 0xffff, y = s.origins[i] >> 16;
      for (int32_t k = 0; k < 4; ++k)
        if (s.coverage[i] >> k & 1) write(s.ids[i], x + (k & 1), y + (k >> 1), plane);
    }
  }

 private:
  struct Edge {  // of a clockwise triangle; inside where value >= 0
    int64_t value, step_x, step_y;
    Edge(SnappedVertex a, SnappedVertex b, int32_t px, int32_t py)
        : value(doubled_area(a, b, {px * kSubpixels, py * kSubpixels}) - (owns_edge(a, b) ? 0 : 1)),
          step_x(static_cast<int64_t>(a.y - b.y) * kSubpixels),
          step_y(static_cast<int64_t>(b.x - a.x) * kSubpixels) {}
  };

  TrianglePlane<T> plane_of(int32_t id) const {
    const int32_t* corner = p.corners + id;
    return {vertices + int64_t{3} * corner[0], vertices + int64_t{3} * corner[p.triangle_count],
            vertices + int64_t{3} * corner[2 * p.triangle_count]};
  }

  void fill(int32_t id) const {  // a triangle of any size
    const int32_t* corner = p.corners + id;
    const SnappedVertex a = scratch.snapped[corner[0]];
    SnappedVertex b = scratch.snapped[corner[p.triangle_count]], c = scratch.snapped[corner[2 * p.triangle_count]];
    if (a.x == kNowhere || b.x == kNowhere || c.x == kNowhere) return;
    const int64_t area = doubled_area(a, b, c);
    if (area == 0 || (p.cull_backfaces && area > 0)) return;
    if (area < 0) {
      const SnappedVertex swap = b;
      b = c, c = swap;
    }
    const int32_t x0 = pixel_cell(least(a.x, b.x, c.x), 0, width), x1 = pixel_cell(most(a.x, b.x, c.x), 0, width);
    const int32_t y0 = pixel_cell(least(a.y, b.y, c.y), row_begin, row_end),
                  y1 = pixel_cell(most(a.y, b.y, c.y), row_begin, row_end);
    const TrianglePlane<T> plane = plane_of(id);
    Edge ab(a, b, x0, y0), bc(b, c, x0, y0), ca(c, a, x0, y0);
    for (int32_t y = y0; y < y1; ++y) {
      int64_t in_ab = ab.value, in_bc = bc.value, in_ca = ca.value;
      for (int32_t x = x0; x < x1; ++x) {
        if ((in_ab | in_bc | in_ca) >= 0) write(id, x, y, plane);
        in_ab += ab.step_x, in_bc += bc.step_x, in_ca += ca.step_x;
      }
      ab.value += ab.step_y, bc.value += bc.step_y, ca.value += ca.step_y;
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
void rasterize_rows(const Rasterize<T>& p, const RasterizeScratch& scratch, int64_t face, int64_t row_begin,
                    int64_t row_end) {
  const Band<T> band(p, scratch, face, row_begin, row_end);
  Selected selected;
  band.clear();
  band.snap_vertices();
  for (int64_t first = 0; first < p.triangle_count; first += kBlock) {
    band.select(first, first + kBlock < p.triangle_count ? first + kBlock : p.triangle_count, selected);
    band.cover(selected);
    band.draw(selected);
  }
}

template <typename T>
void rasterize_backward(const Rasterize<T>& p, int64_t begin, int64_t end) {
  const int64_t pixels = p.height * p.width;
  for (int64_t face = begin; face < end; ++face) {
    const T* vertices = p.vertices + face * p.vertex_count * 3;
    T* grad_vertices = p.grad_vertices + face * p.vertex_count * 3;
    for (int64_t i = 0; i < p.vertex_count * 3; ++i) grad_vertices[i] = 0;
    for (int64_t i = face * pixels; i < (face + 1) * pixels; ++i) {
      const int32_t id = p.triangle_ids[i];
      if (id < 0) continue;
      const int32_t* corner = p.corners + id;
      const int64_t n[3] = {corner[0], corner[p.triangle_count], corner[2 * p.triangle_count]};
      const Vector3<T> grad = TrianglePlane<T>(vertices + 3 * n[0], vertices + 3 * n[1], vertices + 3 * n[2])
                                  .grad(p.grad_barycentrics + i * 3, p.grad_depth[i]);
      for (int k = 0; k < 3; ++k)
        store_row(grad_vertices, n[k], load_row(grad_vertices, n[k]) + grad * p.barycentrics[i * 3 + k]);
    }
  }
}

#define PYFACE3D_KERNELS(T)                                                                                 \
  template void rasterize_rows<T>(const Rasterize<T>&, const RasterizeScratch&, int64_t, int64_t, int64_t); \
  template void rasterize_backward<T>(const Rasterize<T>&, int64_t, int64_t);
PYFACE3D_INSTANTIATE(PYFACE3D_KERNELS)
}  // namespace PYFACE3D_ISA
}  // namespace pyface3d
