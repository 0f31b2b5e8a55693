"""The scripts that fetch and build Caffe: a failure is one line and leaves nothing half made."""

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
LITTLE_DISK = 'echo header; echo "disk 1000 993 7 99% /"'
OLD_PYTHON = '[ "$1" != -c ] || exit 1; echo Python 3.9.2'
NO_PACKAGE = """[ "$1" = update ] || { echo "E: Unable to locate package g++"; exit 100; }"""
BUILD = ("build.sh", "cpu")
NO_PACKAGES = {"SKIP_SYSTEM_PACKAGES": "1"}


@pytest.fixture
def machine(tmp_path):
    return BuildMachine(tmp_path)


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


# what stands in a program's place (None: it is not there), the command, and what its one line must name
REFUSALS = {
    "no network": ({"apt-get": NO_NETWORK_APT, "git": NO_NETWORK_GIT}, ["fetch.sh"], "Could not resolve"),
    "no way to fetch": ({}, ["fetch.sh"], "neither apt-get with a Debian mirror nor git"),
    "little disk": ({"df": LITTLE_DISK}, ["fetch.sh"], "expected 100 MiB of free disk, found 7"),
    "no Debian": ({"dpkg-query": None}, ["system_packages.sh"], "SKIP_SYSTEM_PACKAGES=1"),
    "not root": ({"apt-get": "exit 1", "dpkg-query": "exit 1", "id": "echo 1000"}, ["system_packages.sh"], "sudo apt"),
    "no package": ({"apt-get": NO_PACKAGE, "dpkg-query": "exit 1", "id": "echo 0"}, ["system_packages.sh"], "locate"),
    "old Python": ({"python3": OLD_PYTHON}, ["make_venv.sh", "python3"], "found Python 3.9.2"),
    "no Python": ({}, ["make_venv.sh", "python9"], "the program python9"),
    "no environment": ({}, BUILD, "Run: make venv"),
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_what_the_machine_lacks_is_named(machine, fault):
    programs, command, named = REFUSALS[fault]
    for program, script in programs.items():
        machine.without(program) if script is None else machine.fake(program, script)
    assert named in machine.refusal(*command, **(NO_PACKAGES if command is BUILD else {}))
    assert machine.kept() == []


@pytest.mark.parametrize("program", ["c++", "cmake", "ninja", "protoc", "patch"])
def test_a_missing_compiler_is_named(machine, program):
    machine.real_python()
    machine.without(program)
    assert f"the program {program}, found none" in machine.refusal("build.sh", **NO_PACKAGES)


def test_nothing_is_installed_where_all_packages_are_there(machine):
    machine.fake("apt-get", "echo apt-get was called >&2; exit 1")
    machine.fake("dpkg-query", "echo install ok installed")
    assert machine.run("system_packages.sh").returncode == 0


def test_a_wrong_checksum_is_named_and_nothing_is_kept(machine):
    machine.fake("apt-get", SERVING_APT)
    line = machine.refusal("fetch.sh", SERVED="not Caffe")
    assert "expected sha256 e0eb3f06" in line
    assert f"found {hashlib.sha256(b'not Caffe').hexdigest()}" in line
    assert machine.kept() == []


def test_the_right_source_is_fetched_once(machine):
    machine.fake("apt-get", SERVING_APT)
    machine.expect_source(hashlib.sha256(b"Caffe").hexdigest())
    done = machine.run("fetch.sh", SERVED="Caffe")
    assert done.stdout == f"{machine.cache / TARBALL}\n"
    machine.without("apt-get")
    assert machine.run("fetch.sh").stdout == done.stdout
    (machine.cache / TARBALL).write_text("damaged")
    assert machine.run("fetch.sh").returncode == 1


def test_git_is_the_second_way_and_its_archive_is_checked(machine):
    machine.fake("git", ARCHIVING_GIT)
    done = machine.run("fetch.sh")
    assert done.returncode == 0, done.stderr
    machine.without("git")
    assert machine.run("fetch.sh").stdout == done.stdout, "needs no network"
    next(machine.cache.glob("*.tar.gz")).write_text("damaged")
    machine.refusal("fetch.sh")


def test_a_cache_that_is_a_file(machine):
    machine.cache.write_text("a file")
    assert "expected a folder" in machine.refusal("fetch.sh")


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
    assert expected in machine.refusal("build.sh", **NO_PACKAGES)


@pytest.mark.parametrize("folder", ["/usr/lib64", "/usr/local/lib64", "/usr/local/lib"])
def test_libraries_of_other_distributions_are_found(ready, tmp_path, folder):
    library = tmp_path / "libboost_python399.so"
    library.touch()
    ready.fake("find", f'case "$*" in *"{folder} "*python*) echo "{library}" ;; esac')
    done = ready.run(*BUILD, **NO_PACKAGES)
    assert done.returncode == 0, done.stderr


# the program that fails, what it says, and what the line must name
FAILURES = {
    "compiler": ("ninja", "echo 'warning: error_already_set'; echo 'a.cpp:3: error: boom'; exit 1", "a.cpp:3: error"),
    "disk": ("ninja", "echo 'fatal error: No space left on device'; exit 1", "No space left on device"),
    "no word": ("ninja", "exit 1", "no word"),
    "library": ("ldd", "echo '  libopencv_core.so.406 => not found'", "libopencv_core.so.406"),
    "BLAS": ("cmake", "echo 'Python: yes'; echo 'BLAS : Yes (Atlas)'", "no OpenBLAS"),
    "room": ("df", 'echo header; echo "disk 1000 600 400 60% /"', "expected 500 MiB of free disk, found 400"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failed_build_counts_for_nothing(ready, kind):
    program, script, named = FAILURES[kind]
    good = ready.bin / program
    good.rename(ready.bin / "kept")
    ready.fake(program, script)
    assert named in ready.refusal(*BUILD, **NO_PACKAGES)
    assert not list(ready.cache.glob("*/install/complete"))
    (ready.bin / "kept").replace(good)
    again = ready.run(*BUILD, **NO_PACKAGES)
    assert again.returncode == 0, again.stderr


def test_a_build_is_made_once(ready):
    first = ready.run(*BUILD, **NO_PACKAGES)
    assert first.returncode == 0, first.stderr
    ready.fake("ninja", "exit 1")
    assert ready.run(*BUILD, **NO_PACKAGES).stdout == first.stdout
