import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emojax.errors import ConfigError
from emojax.graphs.va_plane import plane_bins, sector_labels

# Points and sectors of spec emotion_gcn, appendix A.
POINTS = [(1, 0), (0.5, 0.2), (0.2, 0.5), (-0.2, 0.5), (-0.5, 0.2), (-0.5, -0.2), (-0.2, -0.5), (0.2, -0.5)]
POINTS += [(0.5, -0.2), (0, 0)]
GOLDEN = {
    4: [0, 0, 0, 1, 1, 2, 2, 3, 3, 0],
    8: [0, 0, 1, 2, 3, 4, 5, 6, 7, 0],
    12: [0, 0, 2, 3, 5, 6, 8, 9, 11, 0],
}
_unit = st.floats(-1, 1, width=32)


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("num_sectors", GOLDEN)
def test_sectors_are_the_published_ones(num_sectors, xp):
    valence, arousal = xp.asarray(np.array(POINTS, np.float32).T)
    np.testing.assert_array_equal(sector_labels(valence, arousal, num_sectors), GOLDEN[num_sectors])


def test_half_is_the_sign_of_valence_and_zero_counts_as_positive():
    valence = np.array([0.3, -0.3, 0.0, -0.0], np.float32)
    np.testing.assert_array_equal(sector_labels(valence, np.zeros(4, np.float32), 2), [1, 0, 1, 1])


def test_axes_and_diagonals_start_the_sector_they_bound():
    r = np.array([1e-6, 0.1, 0.3, 1], np.float32)
    o = np.zeros_like(r)
    rays = [(r, o), (r, r), (o, r), (-r, r), (-r, o), (-r, -r), (o, -r), (r, -r)]
    for sector, (v, a) in enumerate(rays):
        assert (sector_labels(v, a, 8) == sector).all()
        assert (sector_labels(jnp.array(v), jnp.array(a), 8) == sector).all()


@pytest.mark.parametrize("num_sectors", [4, 8, 12])
@given(v=_unit, a=_unit)
def test_sectors_agree_with_the_angle_away_from_boundaries(num_sectors, v, a):
    turn = np.mod(np.arctan2(np.float64(a), v), 2 * np.pi) / (2 * np.pi) * num_sectors
    sector = sector_labels(np.float32([v]), np.float32([a]), num_sectors)[0]
    if abs(turn - round(turn)) > 1e-5 and (v, a) != (0, 0):
        assert sector == int(turn)
    assert 0 <= sector < num_sectors


def test_signed_zeros_are_the_origin():
    zeros = np.array([0.0, -0.0, 0.0, -0.0], np.float32), np.array([0.0, 0.0, -0.0, -0.0], np.float32)
    assert (sector_labels(*zeros, 8) == 0).all()


def test_unknown_number_of_sectors_is_refused():
    with pytest.raises(ConfigError, match="not 6"):
        sector_labels(np.zeros(1), np.zeros(1), 6)


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
def test_bins_cover_the_square_and_its_far_edges(xp):
    v = xp.asarray(np.array([-1, -0.61, -0.59, 0, 0.999, 1], np.float32))
    a = xp.asarray(np.array([1, 0, -1, 0.21, 0.19, 1.5], np.float32))
    row, column = plane_bins(v, a, 5)
    np.testing.assert_array_equal(row, [0, 0, 1, 2, 4, 4])
    np.testing.assert_array_equal(column, [4, 2, 0, 3, 2, 4])
