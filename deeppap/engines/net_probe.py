"""What Caffe makes of a prototxt, asked in a process of its own.

Caffe ends its process where a net is wrong; here that becomes one line.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from deeppap.io.caffe_messages import read_prototxt
from deeppap.io.errors import UserError

PROGRAM = Path(__file__).with_name("net_probe_main.py")
_KNOWN: dict[bytes, str] = {}  # by the prototxt's text: a process asks once of each net


def probe_net(deploy: Path) -> dict[str, dict[str, list]]:
    """Shapes of a net's parameters and blobs, by name, as Caffe itself builds them.

    Raises
    ------
    UserError
        With Caffe's own reason, if it refuses the net.
    """
    read_prototxt(deploy, "NetParameter")
    text = deploy.read_bytes()
    if text not in _KNOWN:
        _KNOWN[text] = _ask_caffe(deploy)
    return json.loads(_KNOWN[text])


def _ask_caffe(deploy: Path) -> str:
    environment = {**os.environ, "GLOG_minloglevel": "2", "GLOG_logtostderr": "1"}
    if (Path(sys.prefix) / "lib/caffe/cpu").is_dir():  # quicker to start than the CUDA build
        environment["CAFFE_BUILD"] = "cpu"
    command = [sys.executable, "-P", PROGRAM, deploy]  # -P: files beside it are no modules of its own
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise UserError(deploy, "a net that Caffe can build", caffe_reason(done.stderr), "Mend the prototxt.")
    return done.stdout.splitlines()[-1]


def caffe_reason(stderr: str) -> str:
    """The one line of Caffe's output that says why it ended."""
    fatal = [line for line in stderr.splitlines() if re.match(r"^F\d{4}|^F\d{8}|.*Check failed", line)]
    lines = fatal or [line for line in stderr.splitlines() if line.strip()] or ["no reason given"]
    return re.sub(r"^F\d+ \S+\s+\d+ \S+\] ", "", lines[0] if fatal else lines[-1]).strip()
