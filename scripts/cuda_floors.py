"""What each CUDA kernel must do at a training's sizes, beside what it is expected to take on an H100; nothing measured.

Sizes: 128 faces, 53,215 vertices, 50 coefficients, maps and pictures of 256 x 256, 106,000 triangles, float32.

Floor: the larger of bytes / 3.35 TB/s (inputs read once, outputs written once) and FLOPs / 67 TFLOP/s; the FLOPs of
warp products count thrice (3xTF32) at 495 TFLOP/s. Expected: the largest of bytes, workspace included, at 85 % of that
bandwidth, warp instructions at three quarters of what 4 x 132 schedulers issue at 1.755 GHz, tensor instructions of 6.5
cycles each on them, and gathers at one cache line a cycle on each of 132 SMs; then atomics at 76 a nanosecond, and 2 us
for every further launch. Instructions are those of the inner loops in the SASS of sm_90, counted by hand (interpolate
and rasterize: of the kernels' PTX); the lines of a gather are guessed. Half of a picture shows the face.
"""

from dataclasses import dataclass

B, N, K, F, PIXELS = 128, 53215, 50, 106000, 256 * 256
RATE = 4 * 132 * 1.755e9  # warp instructions a second
MODEL, DENSE, PICTURE = 12 * N * (K + 1), 12 * B * N, 4 * B * PIXELS  # bytes of the model, of (B, N, 3), of (B, H, W)
PRODUCT = 2 * 3 * B * N * K  # FLOPs of one product of the basis with all coefficients
TILES = N / 8 * B / 16  # of a warp: 8 vertices, 16 faces
CORNERS = 1.5 * B * PIXELS  # of the triangles at pixels that show one
ROWS, WARPS = B * N / 32, B * PIXELS / 32  # warps with a lane to a vertex, to a pixel


@dataclass
class Work:
    op: str
    kernel: str  # part of the name of the kernel that does most of it
    moved: float  # bytes
    flops: float = 0.0
    products: float = 0.0  # FLOPs on tensor cores, once
    issued: float = 0.0  # warp instructions
    tensor: float = 0.0  # of these, mma
    lines: float = 0.0  # cache lines that gathers touch
    launches: int = 1
    kept: float = 0.0  # bytes of workspace, each time that they pass
    atomics: float = 0.0

    def floor(self) -> float:
        """Microseconds below which nothing can be."""
        return 1e6 * max(self.moved / 3.35e12, self.flops / 67e12, 3 * self.products / 495e12)

    def expected(self) -> float:
        """Microseconds by the model above."""
        moved, issued = (self.moved + self.kept) / (0.85 * 3.35e12), self.issued / (0.75 * RATE)
        lines = self.lines / (132 * 1.755e9)
        at_once = max(moved, issued, 6.5 * self.tensor / RATE, lines)
        return 1e6 * (at_once + self.atomics / 76e9) + 2 * (self.launches - 1)


def gathered(op: str, kernel: str, moved: float, first: float = 0.0, buffer: float = 0.0) -> Work:
    """The gather of gradients at pixels to vertices, after ``first`` instructions a pixel that fill a ``buffer``."""
    tables = 6 * 4 * B * N + 5 * 4 * CORNERS  # offsets; ranks and items
    issued = (222 + first) * WARPS + 410 * ROWS
    lines = 2 * CORNERS + 7 * 24 * CORNERS / 32
    return Work(op, kernel, moved, flops=6 * CORNERS, issued=issued, lines=lines, launches=10 if first else 9,
                kept=tables + 2 * buffer, atomics=CORNERS)  # fmt: skip


WORK = (
    Work("wing_vertex_loss, both ways", "pass_kernel<float, WingPass", MODEL, products=3 * PRODUCT,
         issued=2150 * TILES, tensor=189 * TILES, launches=3),
    Work("synthesize_shape", "synthesize_kernel<float", MODEL + DENSE, products=PRODUCT,
         issued=3600 * TILES / 4, tensor=63 * TILES),
    Work("synthesize_shape, parameters", "pass_kernel<float, SynthesizePass", MODEL + DENSE, products=2 * PRODUCT,
         issued=1350 * TILES, tensor=126 * TILES, launches=4),
    Work("synthesize_shape, mean and basis", "grad_model_kernel<float", MODEL + DENSE, products=PRODUCT,
         issued=1700 * TILES / 2, tensor=72 * TILES),
    Work("vertex_normals", "normals_kernel<float", 2 * DENSE, flops=21 * B * F,
         issued=1650 * B * N / 128, lines=6 * 24 * 8 * B * N / 128, launches=6),
    Work("vertex_normals backward", "grad_vertices_kernel<float", 4 * DENSE, flops=60 * B * F,
         issued=2530 * B * N / 128, lines=6 * 48 * 8 * B * N / 128, launches=2),
    Work("sample_position_map, maps", "grad_maps_kernel<float", DENSE + 3 * PICTURE, flops=24 * B * N,
         issued=655 * B * PIXELS / 128, lines=3.25 * 12 * 16 * B * PIXELS / 128, launches=6),
    Work("interpolate, 3 channels", "forward_points_kernel<float", DENSE + 7 * PICTURE, flops=15 * B * PIXELS / 2,
         issued=680 * WARPS / 4, lines=12 * 24 * WARPS / 2),
    gathered("interpolate, attributes", "gather_runs_kernel<float, 3", DENSE + 7 * PICTURE),
    Work("rasterize", "small_kernel<float, false", DENSE + 5 * PICTURE, flops=60 * B * F,
         issued=60 * ROWS + 400 * B * F / 32 + 700 * WARPS / 4, lines=200 * B * F / 32 + 12 * 24 * WARPS / 2,
         launches=7, kept=7 * PICTURE + 16 * B * N, atomics=B * PIXELS),
    gathered("rasterize backward", "pixel_grads_kernel<float", 2 * DENSE + 8 * PICTURE, 145, 3 * PICTURE / 2),
)  # fmt: skip


def table(figures: dict[str, tuple[int, int]]) -> str:
    """Rows of the page; ``figures``: registers and shared bytes by kernel name, of sm_90."""
    lines = ["| op | registers | shared B | MB | GFLOP | floor us | expected us |", "|---|---|---|---|---|---|---|"]
    for work in WORK:
        registers, shared = next((pair for name, pair in figures.items() if work.kernel in name), (0, 0))
        flops = (work.flops + work.products) / 1e9
        lines.append(
            f"| {work.op} | {registers} | {shared} | {work.moved / 1e6:.0f} | {flops:.1f} "
            f"| {work.floor():.0f} | {work.expected():.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table({}))
