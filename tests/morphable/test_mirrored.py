import numpy as np

from pyface3d.morphable.mirrored import pack_basis, pack_triangles, unpack_basis, unpack_triangles

MIRROR = np.array([3, 1, 4, 0, 2], np.uint16)  # 1 lies in the middle


def mirrored(basis):
    return (basis * np.array([-1, 1, 1], np.float16)[:, None])[:, :, MIRROR]


def test_any_bits_come_back():
    bits = np.random.default_rng(0).integers(0, 65536, (6, 3, 5), dtype=np.uint16)  # NaN, infinities and -0 among them
    bits[:, :, :2] = 0x8000, 0
    twins = np.array([1, 0, -1, 3, -5, 6], np.int8)
    high, low = pack_basis(bits.view(np.float16), MIRROR, twins)
    np.testing.assert_array_equal(unpack_basis(high, low, MIRROR, twins).view(np.uint16), bits)


def test_what_a_mirror_foretells_is_stored_as_zero():
    left = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float16)
    even = (left + mirrored(left[None])[0]) / 2
    basis = np.stack([left, mirrored(left[None])[0], -mirrored(left[None])[0], even]).astype(np.float16)
    high, low = pack_basis(basis, MIRROR, np.array([0, 1, -1, 4], np.int8))
    assert high[0].any() and not high[1:3].any() and not low[1:3].any()
    assert high[3, :, :3].any() and not high[3, :, 3:].any() and not low[3, :, 3:].any()


def test_any_triangles_come_back():
    triangles = np.random.default_rng(0).integers(0, 65536, (50, 3), dtype=np.uint16)
    np.testing.assert_array_equal(unpack_triangles(pack_triangles(triangles)), triangles)
