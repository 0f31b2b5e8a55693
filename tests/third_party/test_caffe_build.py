"""The scripts that fetch and build Caffe fail with one clear line and leave nothing half made."""

import hashlib
import io
import tarfile

import pytest

from tests.support.build_machine import BuildMachine

TARBALL = "caffe_1.0.0+git20180821.99bd997.orig.tar.gz"
NO_NETWORK_APT = """[ "$1" != indextargets ] || { echo http://mirror.invalid/debian; exit 0; }
echo "E: Failed to fetch Release  Could not resolve 'mirror.invalid'" >&2; exit 100"""
NO_NETWORK_GIT = """[ "$1" != init ] || exit 0
echo "fatal: unable to access: Could not resolve host" >&2; exit 128"""
SERVING_APT = f"""[ "$1" != indextargets ] || {{ echo http://mirror.invalid/debian; exit 0; }}
case "$*" in *source*) printf '%s' "$SERVED" >'{TARBALL}';; esac"""
ARCHIVING_GIT = """case "$*" in *archive*) while [ "$1" != -o ]; do shift; done; echo tree >"$2";; esac"""


@pytest.fixture
def machine(tmp_path):
    return BuildMachine(tmp_path)


# -- fetching


def test_a_wrong_checksum_is_named_and_nothing_is_kept(machine):
    machine.fake("apt-get", SERVING_APT)
    line = machine.refusal("fetch.sh", SERVED="not Caffe")
    assert "expected sha256 e0eb3f06" in line
    assert f"found {hashlib.sha256(b'not Caffe').hexdigest()}" in line
    assert machine.kept() == []


def test_the_right_checksum_is_kept_and_not_fetched_again(machine):
    machine.fake("apt-get", SERVING_APT)
    machine.expect_source(hashlib.sha256(b"Caffe").hexdigest())
    done = machine.run("fetch.sh", SERVED="Caffe")
    assert done.stdout == f"{machine.cache / TARBALL}\n"
    assert machine.kept() == [TARBALL]
    machine.fake("apt-get", "exit 1")
    assert machine.run("fetch.sh").stdout == done.stdout


def test_no_network_is_said_with_what_to_do(machine):
    machine.fake("apt-get", NO_NETWORK_APT)
    machine.fake("git", NO_NETWORK_GIT)
    line = machine.refusal("fetch.sh")
    assert "could not be fetched" in line
    assert "Could not resolve 'mirror.invalid'" in line
    assert f"Put {TARBALL} into {machine.cache}" in line
    assert machine.kept() == []


def test_neither_package_client_nor_git(machine):
    assert "neither apt-get with a Debian mirror nor git is here" in machine.refusal("fetch.sh")


def test_a_damaged_tarball_in_the_cache_is_not_used(machine):
    machine.cache.mkdir()
    (machine.cache / TARBALL).write_text("damaged")
    done = machine.run("fetch.sh")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{TARBALL}: expected sha256 e0eb3f06" in done.stderr
    assert "could not be fetched" in done.stderr


def test_git_is_the_second_way_and_its_copy_is_guarded(machine):
    machine.fake("git", ARCHIVING_GIT)
    done = machine.run("fetch.sh")
    assert done.returncode == 0, done.stderr
    machine.without("git")
    assert machine.run("fetch.sh").stdout == done.stdout, "the copy serves without a network"
    next(machine.cache.glob("*.tar.gz")).write_text("damaged")
    assert "could not be fetched" in machine.refusal("fetch.sh")


def test_a_full_disk_is_said_before_the_work(machine):
    machine.fake("df", 'echo header; echo "disk 1000 993 7 99% /"')
    line = machine.refusal("fetch.sh")
    assert "expected 100 MiB of free disk, found 7" in line
    assert "DEEPPAP_CACHE" in line


def test_a_cache_that_is_no_folder(machine):
    machine.cache.write_text("a file")
    assert "expected a folder that can be written to" in machine.refusal("fetch.sh")


# -- what the machine must have


@pytest.mark.parametrize("program", ["c++", "cmake", "ninja", "protoc", "patch"])
def test_a_missing_program_is_named(machine, program):
    machine.real_python()
    machine.without(program)
    line = machine.refusal("build.sh", SKIP_SYSTEM_PACKAGES="1")
    assert f"expected the program {program}, found none" in line
    assert machine.kept() == []


def test_an_unsupported_distribution(machine):
    machine.without("dpkg-query")
    line = machine.refusal("system_packages.sh")
    assert "expected Debian or Ubuntu" in line
    assert "SKIP_SYSTEM_PACKAGES=1" in line


def test_a_user_who_may_not_install_gets_the_line_to_run(machine):
    machine.fake("apt-get", "echo apt-get was called >&2; exit 1")
    machine.fake("dpkg-query", "exit 1")
    machine.fake("id", "echo 1000")
    line = machine.refusal("system_packages.sh")
    assert "Run once: sudo apt-get update && sudo apt-get install -y --no-install-recommends g++ cmake" in line
    assert "libprotobuf-dev protobuf-compiler" in line


def test_nothing_is_installed_where_all_is_there(machine):
    machine.fake("apt-get", "echo apt-get was called >&2; exit 1")
    machine.fake("dpkg-query", "echo install ok installed")
    assert machine.run("system_packages.sh").returncode == 0


def test_packages_that_cannot_be_had(machine):
    machine.fake("dpkg-query", "exit 1")
    machine.fake("id", "echo 0")
    machine.fake("apt-get", """[ "$1" = update ] || { echo "E: Unable to locate package g++"; exit 100; }""")
    assert "(E: Unable to locate package g++)" in machine.refusal("system_packages.sh")


# -- Python


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("exit 1", "expected NumPy installed in it"),
        (r"printf '%s\n' /nowhere/libpython3.99.a /nowhere '3.99 numpy 2 x'", "its headers and shared library"),
        (r"printf '%s\n' HERE/libpython3.99.so HERE '3.99 numpy 2 x'", "expected Boost.Python for Python 3.99"),
    ],
)
def test_a_python_that_cannot_be_built_against(machine, tmp_path, says, expected):
    for name in ("libpython3.99.so", "Python.h"):
        (tmp_path / name).touch()
    for program in ("c++", "cmake", "ninja", "protoc", "patch"):
        machine.fake(program, "exit 0")
    machine.fake("python", says.replace("HERE", str(tmp_path)), machine.venv / "bin")
    assert expected in machine.refusal("build.sh", SKIP_SYSTEM_PACKAGES="1")


@pytest.mark.parametrize("folder", ["/usr/lib64", "/usr/local/lib64", "/usr/local/lib"])
def test_libraries_of_other_distributions_are_found(ready, tmp_path, folder):
    library = tmp_path / "libboost_python399.so"
    library.touch()
    ready.fake("find", f'case "$*" in *"{folder} "*python*) echo "{library}" ;; esac')
    done = ready.run("build.sh", "cpu", SKIP_SYSTEM_PACKAGES="1")
    assert done.returncode == 0, done.stderr


def test_no_virtual_environment(machine):
    assert "Run: make venv" in machine.refusal("build.sh", SKIP_SYSTEM_PACKAGES="1")


def test_a_python_that_is_too_old(machine):
    machine.fake("python3", '[ "$1" != -c ] || exit 1; echo Python 3.9.2')
    line = machine.refusal("make_venv.sh", "python3")
    assert "expected Python 3.11 or newer, found Python 3.9.2" in line


def test_no_python_at_all(machine):
    assert "expected the program python9" in machine.refusal("make_venv.sh", "python9")


# -- building


@pytest.fixture
def ready(machine):
    """A machine with a source of one file, whose compilers do nothing."""
    machine.real_python()
    machine.cache.mkdir()
    with tarfile.open(machine.cache / TARBALL, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("README"), io.BytesIO())
    machine.expect_source(hashlib.sha256((machine.cache / TARBALL).read_bytes()).hexdigest())
    machine.fake("cmake", "echo 'Python: yes'; echo 'BLAS : Yes (Open)'")
    machine.fake("protoc", "exit 0")
    machine.fake("ldd", "exit 0")
    machine.fake("ninja", 'case "$*" in *install) mkdir -p "$2/../install/bin";; esac')
    return machine


def test_a_build_is_made_once(ready):
    first = ready.run("build.sh", "cpu", SKIP_SYSTEM_PACKAGES="1")
    assert first.returncode == 0, first.stderr
    ready.fake("ninja", "exit 1")
    assert ready.run("build.sh", "cpu", SKIP_SYSTEM_PACKAGES="1").stdout == first.stdout


@pytest.mark.parametrize(
    ("ninja", "expected"),
    [
        ("echo 'warning: error_already_set'; echo 'a.cpp:3: error: boom'; exit 1", "failed: a.cpp:3: error: boom."),
        ("echo 'fatal error: No space left on device'; exit 1", "No space left on device"),
        ("exit 1", "compile failed: no word."),
    ],
)
def test_a_failed_build_counts_for_nothing(ready, ninja, expected):
    good = (ready.bin / "ninja").read_text()
    ready.fake("ninja", ninja)
    assert expected in ready.refusal("build.sh", "cpu", SKIP_SYSTEM_PACKAGES="1")
    assert not list(ready.cache.glob("*/install/complete"))
    ready.fake("ninja", good)
    again = ready.run("build.sh", "cpu", SKIP_SYSTEM_PACKAGES="1")
    assert again.returncode == 0, again.stderr


def test_a_build_that_misses_a_library(ready):
    ready.fake("ldd", "echo '  libopencv_core.so.406 => not found'")
    line = ready.refusal("build.sh", "cpu", SKIP_SYSTEM_PACKAGES="1")
    assert "does not find libopencv_core.so.406" in line
    assert not list(ready.cache.glob("*/install/complete"))


def test_a_configuration_without_openblas_is_refused(ready):
    ready.fake("cmake", "echo 'Python: yes'; echo 'BLAS : Yes (Atlas)'")
    assert "no OpenBLAS" in ready.refusal("build.sh", "cpu", SKIP_SYSTEM_PACKAGES="1")


def test_a_room_too_small_to_build_in(ready):
    ready.fake("df", 'echo header; echo "disk 1000 600 400 60% /"')
    assert "expected 500 MiB of free disk, found 400" in ready.refusal("build.sh", "cpu", SKIP_SYSTEM_PACKAGES="1")
