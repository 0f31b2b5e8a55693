"""Given nuclei, kept in a folder from which each tile reads its own."""

import numpy as np

from deeppap.screening.given_nuclei import keep_nuclei
from deeppap.screening.nuclei.nucleus import Nucleus
from deeppap.screening.tiles import tiles_of


def some(count=200, seed=3):
    rng = np.random.default_rng(seed)
    outlines = [None if k % 3 else rng.uniform(0, 9, (3 + k % 5, 2)).astype(np.float32) for k in range(count)]
    places = rng.uniform(0, 500, (count, 2)).round(2)
    return [Nucleus(float(x), float(y), 12.5, np.nan, o) for (x, y), o in zip(places, outlines, strict=True)]


def test_every_nucleus_is_in_one_tile_with_its_own_outline(tmp_path):
    nuclei = some()
    kept = keep_nuclei(tmp_path / "kept", nuclei)
    found = [n for tile in tiles_of(500, 500, 256) for n in kept.inside(tile, (500, 500))]
    by_place = {(n.x, n.y): n for n in found}
    assert len(found) == len(by_place) == len(nuclei)
    for nucleus in nuclei:
        other = by_place[nucleus.x, nucleus.y]
        assert (nucleus.outline is None) == (other.outline is None)
        assert nucleus.outline is None or np.array_equal(nucleus.outline, other.outline)


def test_the_order_and_a_point_set_twice_make_no_difference(tmp_path):
    nuclei = some()
    one, other = keep_nuclei(tmp_path / "a", nuclei), keep_nuclei(tmp_path / "b", nuclei[::-1] + nuclei[:5])
    assert one.sha256() == other.sha256()
    assert keep_nuclei(tmp_path / "c", nuclei[1:]).sha256() != one.sha256()
