"""A finished build is installed into the virtual environment whole, by one make at a time; its programs start."""

import ast
import subprocess

import pytest

from tests.support.build_machine import BuildMachine

# stands for the environment's Python: knows its packages' folder, imports what is not broken, starts launchers
PYTHON = """case "$1 $2" in
  *sysconfig*) echo "{site}" ;;
  *"import caffe;"*) [ ! -e "{site}/broken" ] ;;
  *describe*) echo "a build" ;;
  -*) exit 1 ;;
  *) shift; echo "launched with $*" ;;
esac"""
SLOW_COPY = 'echo begin >>"{log}"; sleep 0.2; {cp} "$@"; echo end >>"{log}"'


@pytest.fixture
def machine(tmp_path):
    """A machine with a finished build in its cache, and a space in every path."""
    machine = BuildMachine(tmp_path / "a project")
    build = machine.cache / "caffe-cpu-0"
    for folder in ("install/bin", "install/lib", "install/python/caffe", "source/tools/extra"):
        (build / folder).mkdir(parents=True)
    (build / "install/bin/caffe").touch()
    machine.fake("build.sh", f'echo "{build}"', machine.scripts)
    site = machine.venv / "lib/site-packages"
    site.mkdir(parents=True)
    machine.fake("python", PYTHON.format(site=site), machine.venv / "bin")
    return machine


def installed(machine):
    return machine.venv / "lib/caffe/cpu"


def test_two_makes_at_once_install_one_after_the_other(machine, tmp_path):
    log = tmp_path / "log"
    machine.fake("cp", SLOW_COPY.format(log=log, cp=(machine.bin / "cp").resolve()))
    both = [machine.start("install.sh", "cpu") for _ in range(2)]
    said = "".join(one.communicate()[1] for one in both)
    assert [one.returncode for one in both] == [0, 0], said
    turns = log.read_text().split()
    assert turns == ["begin", "end"] * (len(turns) // 2), "never two copies at once"
    assert (installed(machine) / "python/caffe").is_dir()


def test_a_build_that_cannot_be_imported_is_copied_again(machine):
    broken = machine.venv / "lib/site-packages/broken"
    broken.touch()
    assert "cannot be imported" in machine.refusal("install.sh", "cpu")
    (installed(machine) / "python/caffe").rmdir()  # what may have been wrong with it
    broken.unlink()
    assert machine.run("install.sh", "cpu").returncode == 0
    assert (installed(machine) / "python/caffe").is_dir()
    broken.touch()
    machine.refusal("install.sh", "cpu")
    assert not (installed(machine) / ".build").exists(), "what broke later is copied again too"


def test_a_mended_script_is_installed_without_a_build(machine):
    script = machine.cache / "caffe-cpu-0/install/python/draw_net.py"
    script.write_text("print 1\n")
    patches = machine.scripts / "patches_python"
    patches.mkdir()
    for number in (2, 3):
        patch = f"--- a/python/draw_net.py\n+++ b/python/draw_net.py\n@@ -1 +1 @@\n-print 1\n+print({number})\n"
        (patches / "1.patch").write_text(patch)
        assert machine.run("install.sh", "cpu").returncode == 0
        assert (installed(machine) / "python/draw_net.py").read_text() == f"print({number})\n"
    assert script.read_text() == "print 1\n"
    (patches / "1.patch").write_text(patch.replace("-print 1", "-print 7"))
    assert "does not fit" in machine.refusal("install.sh", "cpu")
    assert (installed(machine) / "python/draw_net.py").read_text() == "print(3)\n"


def test_leftovers_of_a_killed_make_are_removed(machine):
    (machine.venv / "lib/caffe/.cpu.new.77/lib").mkdir(parents=True)
    assert machine.run("install.sh", "cpu").returncode == 0
    assert [path.name for path in installed(machine).parent.iterdir()] == ["cpu"]


def test_a_program_starts_from_a_path_with_a_space(machine):
    assert machine.run("install.sh", "cpu").returncode == 0
    launcher = machine.venv / "bin/caffe"
    assert " " in str(launcher)
    started = subprocess.run([launcher, "train", "a b"], capture_output=True, text=True)
    assert started.stdout == "launched with train a b\n", started.stderr
    # the launcher is a shell script and a Python file: to Python its shell line is a string
    text, imported, call = ast.parse(launcher.read_text()).body
    assert isinstance(text.value, ast.Constant)
    assert (imported.names[0].name, ast.unparse(call)) == ("caffe_select", "caffe_select.exec_program('caffe')")
