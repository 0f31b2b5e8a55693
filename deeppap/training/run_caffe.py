"""Running `caffe train`: its log kept, its progress shown, its end handed on."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from deeppap.engines.caffe_net import caffe_reason
from deeppap.io.errors import InterruptionError, UserError
from deeppap.io.files import human
from deeppap.io.progress import progress
from deeppap.training.caffe_log import LogReader
from deeppap.training.learning_page import LearningPage
from deeppap.training.resolve import Schedule

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOPPED = ("Optimization stopped early.", "Test interrupted.")  # Caffe's last words after SIGINT and SIGHUP
CONTINUE = "Run the same command again to continue."
# models are selected by the log, whatever the user's environment silences; no year: parse_log.py knows none
LOGGING = {"GLOG_minloglevel": "0", "GLOG_logtostderr": "1", "GLOG_log_year_in_prefix": "0"}


def caffe_program() -> str:
    """The `caffe` of this Python's environment."""
    program = Path(sys.prefix) / "bin" / "caffe"
    if not program.exists():
        raise UserError(program, "Caffe's program", "none", "Run make caffe.")
    return str(program)


def _die_with_parent() -> None:
    # PR_SET_PDEATHSIG: where we are killed, Caffe still writes its snapshot and stops
    ctypes.CDLL(None).prctl(1, signal.SIGINT)


def train(
    arguments: list[str],
    schedule: Schedule,
    start: int,
    log: Path,
    say: Callable[[str], None] = print,
    hold: int | None = None,
) -> None:
    """Run `caffe train` to its end, its output appended to `log`.

    `hold` is the descriptor of the fold's lock: if we are killed, Caffe still holds it while it writes its snapshot.
    On Ctrl-C, SIGTERM or SIGHUP Caffe is asked to stop, writes a snapshot, and KeyboardInterrupt goes on.

    Raises InterruptionError if a signal stopped Caffe alone, as a cluster's scheduler may do that signals every process
    of a job, and UserError with Caffe's own reason if it ends in an error.
    """
    command = [caffe_program(), "train", "-sigint_effect", "stop", "-sighup_effect", "stop", *arguments]
    # Caffe's reason for ending stands in its last lines, and nowhere else
    tail: deque[str] = deque(maxlen=30)
    try:
        with log.open("a", encoding="utf-8", errors="replace") as file:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env={**os.environ, **LOGGING},
                # a terminal's Ctrl-C reaches us alone: Caffe must not be stopped twice
                start_new_session=True,
                pass_fds=() if hold is None else (hold,),
                preexec_fn=_die_with_parent,
            )
            try:
                _follow(process, schedule, start, file, tail)
            except KeyboardInterrupt:
                say("stopping: Caffe writes a snapshot first")
                _stop(process, file)
                raise
            except OSError:  # the log cannot be written
                _stop(process, None)
                raise
    except OSError as error:
        free = f"{error.strerror or error} ({human(shutil.disk_usage(log.parent).free)} of disk free)"
        raise UserError(log, "a writable log", free, f"Free some space. {CONTINUE}") from error
    # asked to stop, Caffe ends with status 0: its words tell, and `require_finished` looks at what it left
    status, text = process.wait(), "".join(tail)
    if -status in STOPS or any(line in text for line in STOPPED):
        by = f"by {signal.Signals(-status).name}" if status < 0 else "by a signal; its snapshot is written"
        raise InterruptionError(log, "a training to its end", f"Caffe stopped {by}", CONTINUE)
    if status:
        raise _failure(status, text, log)


def _follow(process: subprocess.Popen, schedule: Schedule, start: int, file: TextIO, tail: deque[str]) -> None:
    # a resumed training goes on with the lines that its log has
    reader, page = LogReader(Path(file.name)), LearningPage(Path(file.name), schedule)
    since, last = time.monotonic(), {"loss": float("nan"), "val": float("nan")}
    with progress(total=schedule.max_iter, initial=start, desc="train", unit="iteration", smoothing=0) as bar:
        for line in process.stdout:
            file.write(line)
            # whoever reads train.log meanwhile, and a resumed training, must find every line
            file.flush()
            tail.append(line)
            news = reader.feed(line)
            if news is None:
                continue
            page.update(reader)
            kind, iteration = news
            if kind == "train":
                last["loss"] = reader.loss[iteration]
                bar.update(iteration - bar.n)
            elif "loss" in reader.outputs[iteration]:
                last["val"] = reader.outputs[iteration]["loss"]
            speed = (bar.n - start) * schedule.batch_size / (time.monotonic() - since)
            # shown with the bar's next step: a log would get a line out of its turn
            words = f"loss {last['loss']:.4f}, val {last['val']:.4f}, {speed:.0f} images/s"
            bar.set_postfix_str(words, refresh=sys.stderr.isatty())
        # asked to stop, Caffe ends with status 0, too
        if process.wait() == 0 and not any(line in "".join(tail) for line in STOPPED):
            bar.update(bar.total - bar.n)
            page.update(reader, "Caffe has done all iterations.")


def _stop(process: subprocess.Popen, file: TextIO | None) -> None:
    """Ask Caffe to stop; it writes its snapshot and ends. A second Ctrl-C does not cut that short."""
    # a snapshot that is cut short would cost the iterations since the last one
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in STOPS}
    try:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGINT)
        for line in process.stdout:
            if file:
                file.write(line)
        process.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _failure(status: int, tail: str, log: Path) -> UserError:
    free = shutil.disk_usage(log.parent).free
    reason = caffe_reason(tail)
    # a failed check of Caffe's ends in SIGABRT, after its reason; other signals leave a stack trace alone
    if status < 0 and status != -signal.SIGABRT:
        reason = signal.Signals(-status).name
        reason += ", perhaps for want of memory" if status == -signal.SIGKILL else ""
    found = f"exit status {status}: {reason} ({human(free)} of disk free)"
    return UserError(log, "caffe train to end well", found, f"Its whole output is in that log. {CONTINUE}")
