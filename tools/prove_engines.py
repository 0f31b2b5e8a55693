#!/usr/bin/env python3
"""Score a fold's test cells with Caffe and with other engines, and say how far the scores lie apart."""

import argparse

import _venv  # noqa: F401

from deeppap.cli.run import run
from deeppap.io.errors import UserError

EPILOG = """\
  tools/prove_engines.py --net runs/herlev-cell-quick/fold0
  tools/prove_engines.py --only openvino/bfloat16

Float32 must stay within 1e-5 of Caffe's scores and change no decision; a lesser precision may change one only
within its own largest error, and the AUC by less than 0.001. Otherwise the exit status is 1. Scores that the fold
lacks are made first and stay in its folder, as tools/evaluate.py --engine makes them (scores-openvino.csv); those that
it has are taken as they are, so a proof that was stopped goes on.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--net", help="the fold's folder (default: data/fold)")
    parser.add_argument("--only", nargs="+", metavar="ENGINE/PRECISION", help="these (default: all that run here)")
    return parser.parse_args()


def main() -> int:
    """Score, compare and print a line for each."""
    args = arguments()
    from deeppap.engines.available import require_engine
    from deeppap.engines.device import resolve
    from deeppap.records.current_fold import find_fold
    from deeppap.scoring.trained_model import TrainedModel
    from deeppap.studies.engine_proof import every_other, prove_engines

    others = [tuple(name.partition("/")[::2]) for name in args.only or ()]
    if not others:
        for engine, precision in every_other():
            try:
                require_engine(engine, precision)
                others.append((engine, precision))
            except UserError as error:
                print(f"{engine} {precision}: left out: {error}")
    model = TrainedModel.open(find_fold(args.net))
    return int(not all(one.holds for one in prove_engines(model, resolve("none"), others)))


if __name__ == "__main__":
    run(main)
