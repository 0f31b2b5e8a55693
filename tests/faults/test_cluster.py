"""A cluster of real processes that die: nothing lost, nothing twice, the same bytes as undisturbed.

Everything runs on one machine; docs/cluster.md says what that shows and what it does not.
"""

import json
import os
import signal
import time

import cv2
import pytest

from data_prep.phantom.draw_fields import field_of
from tests.support.checkout import make_checkout, run_tool
from tests.support.dask_cluster import DaskCluster, wait_until
from tests.support.fault_tools import can_mount, final_names, leftovers

pytest.importorskip("distributed", reason="no dask.distributed here: make cluster")
pytest.importorskip("pyarrow", reason="no pyarrow here: make slides")

SIDE, TILE = 768, 256  # pixels: nine tiles
# --mpp and --training-mpp: the phantom's, so that nothing is resampled
SIZE = ("--mpp", 0.201, "--training-mpp", 0.201, "--tile", TILE, "--views", 1, "--crops", 1, "--confidence", 0.1)
SLOW = """
import time
from screening import screen_tile
def slow(plan, tile, inner=screen_tile.cells_of):
    time.sleep(0.4)
    return inner(plan, tile)
screen_tile.cells_of = slow
"""
DEADLY = """
import os
from screening import screen_tile
def deadly(plan, tile, inner=screen_tile.cells_of):
    if (tile.x, tile.y) == (256, 256):
        os.kill(os.getpid(), 9)
    return inner(plan, tile)
screen_tile.cells_of = deadly
"""


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    path = tmp_path_factory.mktemp("field") / "field.png"
    image, _ = field_of(1, 0, 14, (SIDE, SIDE))
    cv2.imwrite(str(path), image[:, :, ::-1])
    return path


@pytest.fixture(scope="module")
def words(field, trained_fold):
    return (field, "--fold-folder", trained_fold, *SIZE, "--gpu", "none", "--keep-parts")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, words):
    """What the plain path gives, without any cluster: checksums by name."""
    place = make_checkout(tmp_path_factory.mktemp("plain"))
    run_tool(place, "screen", *words, "--out", "out")
    found = results(place)
    assert len([name for name in found if name.startswith("parts/")]) == 9
    assert len((place / "out/cells.csv").read_text().splitlines()) > 5
    return found


@pytest.fixture
def cluster(tmp_path):
    made = []

    def make(**environment):
        made.append(DaskCluster(tmp_path / "cluster", **environment))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def slow(tmp_path):
    path = tmp_path / "slow.py"
    path.write_text(SLOW)
    return path


def results(place):
    """Checksums by name; screen.json without the way from here to the fold."""
    found = final_names(place / "out")
    record = json.loads((place / "out/screen.json").read_text())
    record["settings"].pop("fold")
    return {**found, "screen.json": json.dumps(record)}


def parts(place):
    return {path: path.stat().st_mtime_ns for path in (place / "out/parts").glob("*.parquet")}


def ended(process, status=0):
    out, err = process.communicate(timeout=90)
    assert process.returncode == status, err
    return out, err


def test_a_cluster_of_this_machine_gives_the_same_bytes(place, words, undisturbed):
    run_tool(place, "screen", *words, "--out", "out", "--cluster", "local", "--workers", "2")
    assert results(place) == undisturbed


def test_a_killed_worker_and_then_a_whole_killed_node(cluster, slow, start, place, words, undisturbed):
    one = cluster()
    first, second = one.node(slow), one.node(slow)
    driver = start("screen", *words, "--out", "out", "--cluster", one.file)
    wait_until(lambda: len(parts(place)) >= 2, "two parts")
    worker = one.worker_of(first)
    os.kill(worker, signal.SIGKILL)
    done = len(parts(place))
    wait_until(lambda: len(parts(place)) > done, "another part")
    one.kill_node(second)
    assert len(parts(place)) < 9, "too late to show anything"
    ended(driver)
    assert results(place) == undisturbed


def test_a_killed_driver_goes_on_where_it_stopped(cluster, slow, start, place, words, undisturbed):
    one = cluster()
    one.node(slow)
    command = ("screen", *words, "--out", "out", "--cluster", one.file)
    driver = start(*command)
    wait_until(lambda: len(parts(place)) >= 2, "two parts")
    driver.kill()
    driver.communicate()
    time.sleep(1)  # what was under way ends
    before = parts(place)
    assert 2 <= len(before) < 9
    ended(start(*command))
    after = parts(place)
    assert {path: after[path] for path in before} == before, "a finished tile was done again"
    for mark in (place / "out").glob(".driver-*"):
        mark.unlink()
    assert results(place) == undisturbed


def test_a_full_disk_on_one_node(cluster, start, place, words, undisturbed, tmp_path):
    if not can_mount(tmp_path):
        pytest.skip("a disk of one node alone needs the right to mount")
    one = cluster()
    folder = place / "out/parts"
    folder.mkdir(parents=True)
    full = f'mount -t tmpfs -o size=4k tmpfs "{folder}" && head -c 4096 /dev/zero > "{folder}/full" && exec "$@"'
    bad = one.node(None, ("unshare", "--mount", "sh", "-c", full, "sh"))
    wait_until(lambda: "Registered to" in one.logs(), "the node with the full disk")
    good = one.node()
    driver = start("screen", *words, "--out", "out", "--cluster", one.file)
    ended(driver)
    assert bad.poll() is None and good.poll() is None
    assert results(place) == undisturbed
    assert not leftovers(place / "out")


def test_a_full_disk_everywhere_is_said_once(cluster, place, words, refused):
    if not can_mount(place):
        pytest.skip("a disk of one node alone needs the right to mount")
    one = cluster()
    folder = place / "out/parts"
    folder.mkdir(parents=True)
    full = f'mount -t tmpfs -o size=4k tmpfs "{folder}" && head -c 4096 /dev/zero > "{folder}/full" && exec "$@"'
    one.node(None, ("unshare", "--mount", "sh", "-c", full, "sh"))
    line = refused(place, "screen", *words, "--out", "out", "--cluster", one.file)
    assert "a full disk" in line and "worker tcp://127.0.0.1" in line
    assert not (place / "out/cells.csv").exists()


def test_a_tile_that_kills_its_worker_every_time_is_named(cluster, start, place, words, undisturbed, tmp_path):
    one = cluster(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1")
    deadly = tmp_path / "deadly.py"
    deadly.write_text(DEADLY)
    one.node(deadly), one.node(deadly)
    _, err = ended(start("screen", *words, "--out", "out", "--cluster", one.file), status=3)
    line = (
        "256 x 256 pixels at 256, 256 were not screened: 2 workers died with it among other jobs, and 2 with it alone"
    )
    assert line in err
    record = json.loads((place / "out/screen.json").read_text())["images"][0]
    assert [(tile["x"], tile["y"]) for tile in record["undone"]] == [(256, 256)]
    there = {name: sha for name, sha in results(place).items() if name.startswith("parts/")}
    assert there == {n: s for n, s in undisturbed.items() if n.startswith("parts/") and "x256_y256" not in n}
    before = parts(place)
    run_tool(place, "screen", *words, "--out", "out")  # the plain path goes on where the cluster stopped
    assert {path: time for path, time in parts(place).items() if path in before} == before
    assert results(place) == undisturbed


def test_a_folder_that_a_node_does_not_see(cluster, place, words, refused):
    if not can_mount(place):
        pytest.skip("a disk of one node alone needs the right to mount")
    one = cluster()
    (place / "out").mkdir()
    one.node(None, ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs tmpfs "{place}/out" && exec "$@"', "sh"))
    line = refused(place, "screen", *words, "--out", "out", "--cluster", one.file)
    assert "found none, or another one" in line


@pytest.mark.parametrize(
    ("where", "found"),
    [("127.0.0.1:1", "no answer"), ("nowhere.json", "no such file"), ("lokal", "lokal")],
)
def test_no_cluster_there(place, words, refused, where, found, monkeypatch):
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "2s")
    line = refused(place, "screen", *words, "--out", "out", "--cluster", where)
    assert found in line
