"""A cluster of real processes that die: nothing lost, nothing twice, the same bytes as undisturbed.

Everything runs on one machine; docs/how-to/slides-on-a-cluster.md says what that shows and what it does not.
"""

import json
import os
import signal
import time

import cv2
import pytest

from deeppap.phantom.field import field_of
from tests.support.checkout import make_checkout, run_tool
from tests.support.dask_cluster import DaskCluster
from tests.support.fault_tools import can_mount, final_names, leftovers
from tests.support.screening import MPP
from tests.support.waiting import wait_until

pytest.importorskip("distributed", reason="make cluster")
pytest.importorskip("pyarrow", reason="make slides")

SIDE, TILE = 768, 256  # pixels: nine tiles
SIZE = ("--mpp", MPP, "--training-mpp", MPP, "--tile", TILE, "--views", 1, "--confidence", 0.1)
# what a folder of results may hold to have its tiles disturbed on the workers
SLOW, DEADLY = ".slow", ".deadly"
DISTURBED = f"""
import os, time
from deeppap.screening import screen_tile
def disturbed(plan, tile, inner=screen_tile.cells_of):
    there = os.listdir(os.path.dirname(plan.parts))
    time.sleep(0.4 * ({SLOW!r} in there))
    if {DEADLY!r} in there and (tile.x, tile.y) == (256, 256):
        os.kill(os.getpid(), 9)
    return inner(plan, tile)
screen_tile.cells_of = disturbed
"""


@pytest.fixture(scope="module")
def words(tmp_path_factory, trained_fold):
    path = tmp_path_factory.mktemp("field") / "field.png"
    cv2.imwrite(str(path), field_of(1, 0, 14, (SIDE, SIDE))[0][:, :, ::-1])
    return (path, "--net", trained_fold, *SIZE, "--gpu", "none", "--keep-parts", "--out", "out")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, words):
    """What the plain path gives, without any cluster: checksums by name."""
    place = make_checkout(tmp_path_factory.mktemp("plain"))
    run_tool(place, "screen", *words)
    found = results(place)
    assert len([name for name in found if name.startswith("parts/")]) == 9
    assert len((place / "out/cells.csv").read_text().splitlines()) > 5
    return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler that gives a tile up after one death; its nodes are those of whichever test comes first."""
    cluster = DaskCluster(tmp_path_factory.mktemp("cluster"), DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def alive(cluster, tmp_path_factory):
    """Nodes that run: (how many) -> those, others started as needed."""
    preload = tmp_path_factory.mktemp("preload") / "disturbed.py"
    preload.write_text(DISTURBED)
    nodes = []

    def running(count):
        nodes[:] = [node for node in nodes if node.poll() is None]
        came = cluster.registered()
        missing = count - len(nodes)
        nodes.extend(cluster.node(preload) for _ in range(missing))
        wait_until(lambda: cluster.registered() >= came + missing, "the nodes")
        return nodes[:count]

    return running


@pytest.fixture
def command(place, words, cluster):
    """The words of tools/screen.py on the cluster; (marks for the workers) -> them."""

    def with_marks(*marks):
        (place / "out").mkdir(exist_ok=True)
        for mark in marks:
            (place / "out" / mark).touch()
        return ("screen", *words, "--cluster", cluster.file)

    return with_marks


def results(place):
    """Checksums by name; screen.json without the way from here to the fold."""
    found = final_names(place / "out")
    record = json.loads((place / "out/screen.json").read_text())
    record["settings"].pop("folds")
    return {**found, "screen.json": json.dumps(record)}


def parts(place):
    return {path: path.stat().st_mtime_ns for path in (place / "out/parts").glob("*.parquet")}


def ended(process, status=0):
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, err
    return err


def test_a_killed_worker_a_killed_node_and_a_killed_driver(cluster, alive, command, start, place, undisturbed):
    first, second = alive(2)
    driver = start(*command(SLOW))
    wait_until(lambda: len(parts(place)) >= 2, "two parts")
    os.kill(cluster.worker_of(first), signal.SIGKILL)
    done = len(parts(place))
    wait_until(lambda: len(parts(place)) > done, "another part")
    cluster.kill_node(second)
    done = len(parts(place))
    wait_until(lambda: len(parts(place)) > done, "another part")
    driver.kill()
    driver.communicate()
    time.sleep(1)  # the tile at work ends
    before = parts(place)
    assert 4 <= len(before) < 9, "too late to show anything"
    ended(start(*command()))
    after = parts(place)
    assert {path: after[path] for path in before} == before, "a finished tile was done again"
    assert results(place) == undisturbed


def test_a_full_disk_on_one_node(cluster, alive, command, start, place, undisturbed, tmp_path):
    if not can_mount(tmp_path):
        pytest.skip("a disk of one node alone needs the right to mount")
    alive(1)
    folder = place / "out/parts"
    folder.mkdir(parents=True)
    full = f'mount -t tmpfs -o size=4k tmpfs "{folder}" && head -c 4096 /dev/zero > "{folder}/full" && exec "$@"'
    came = cluster.registered()
    bad = cluster.node(None, ("unshare", "--mount", "sh", "-c", full, "sh"))
    wait_until(lambda: cluster.registered() > came, "the node with the full disk")
    ended(start(*command()))
    assert bad.poll() is None
    cluster.kill_node(bad)
    assert results(place) == undisturbed
    assert not leftovers(place / "out")


def test_a_tile_that_kills_its_worker_every_time_is_named(alive, command, start, place, words, undisturbed):
    alive(2)
    err = ended(start(*command(DEADLY)), status=3)
    assert "256 x 256 pixels at 256, 256 were not screened" in err
    record = json.loads((place / "out/screen.json").read_text())["images"][0]
    assert [tile["box"][:2] for tile in record["not_screened"]] == [[256, 256]]
    there = {name: sha for name, sha in results(place).items() if name.startswith("parts/")}
    assert there == {n: s for n, s in undisturbed.items() if n.startswith("parts/") and "x256_y256" not in n}
    before = parts(place)
    run_tool(place, "screen", *words)  # without a cluster it goes on where the cluster stopped
    assert {path: time for path, time in parts(place).items() if path in before} == before
    assert results(place) == undisturbed


def test_a_killed_scheduler_ends_the_driver_in_one_line(cluster, alive, command, start, place):
    alive(1)
    driver = start(*command(SLOW))
    wait_until(lambda: parts(place), "a part")
    cluster.scheduler.kill()
    err = ended(driver, status=2)
    assert "screen.py: --cluster: expected Dask's scheduler" in err and "Traceback" not in err
    assert 0 < len(parts(place)) < 9 and not (place / "out/screen.json").exists()
