#!/usr/bin/env python3
"""Judge a detector of nuclei on fields whose nuclei are marked: precision, recall, F, error of the centres."""

import argparse
from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.option_types import above_zero, at_least_one
from deeppap.cli.run import run

EPILOG = """\
  tools/evaluate_detector.py --fields fields/cervix93 --mpp 0.22
  tools/evaluate_detector.py --fields fields/isbi2014 --mpp 0.3 --detector fcn --weights nucleus_fcn.caffemodel
  tools/evaluate_detector.py --fields fields/cervix93 fields/cric --mpp 0.22 0.247 --loose cric --detector fcn --folds 3

Points are matched by Cervix93's protocol: a detected nucleus is a disc of 10 pixels, a mark in it is a hit, one to
one; with masks, a detected centre inside a nucleus is a hit. Counts are pooled over a folder's fields.
--out writes every field with its hits (circles), misses (squares) and false ones (crosses), detections.csv and
scores.json.
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__, epilog=EPILOG, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--fields", type=Path, nargs="+", required=True, help="folders of fields")
    parser.add_argument("--mpp", type=float, nargs="+", required=True, help="micrometres a pixel, one or one a folder")
    parser.add_argument("--detector", default="threshold", help="threshold (default) or fcn")
    parser.add_argument("--weights", type=Path, help="the net's .caffemodel, for fcn")
    parser.add_argument("--confidence", type=float, help="leave out nuclei below it (default: the detector's own)")
    parser.add_argument(
        "--radius", type=above_zero("--radius"), default=10, help="pixels that a centre may be off (default: 10)"
    )
    parser.add_argument("--out", type=Path, help="folder for the pictures and scores; a former one is replaced")
    parser.add_argument("--folds", type=int, help="fcn: train on the other fields of each fold, judge on its own")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/detector_folds"), help="--folds: where nets are trained"
    )
    parser.add_argument("--loose", nargs="+", default=[], metavar="NAME", help="--folds: see tools/train_detector.py")
    parser.add_argument(
        "--iterations", type=at_least_one("--iterations"), help="--folds: of the solver (default: solver.prototxt's)"
    )
    parser.add_argument(
        "--crops", type=at_least_one("--crops"), default=16000, help="--folds: training crops of each (default: 16000)"
    )
    parser.add_argument("--seed", type=int, default=1, help="--folds: of folds, crops and net (default: 1)")
    return parser.parse_args()


def main() -> None:
    """Detect, match and print; write the pictures where they are wanted."""
    args = arguments()
    from deeppap.screening.nuclei.detection_scores import report
    from deeppap.screening.nuclei.detectors import open_detector
    from deeppap.screening.nuclei.evaluate import cross_validate, detect_all, require_foldable
    from deeppap.screening.nuclei.evaluation_folder import require_replaceable, write_evaluation
    from deeppap.screening.nuclei.field_sets import open_sets

    if args.out:
        require_replaceable(args.out)  # before the work, not after it
    if args.folds is not None:
        require_foldable(args.detector, args.weights, args.folds)
        sets = open_sets(args.fields, args.mpp, args.loose)
        training = (args.crops, args.iterations, args.seed)
        results = cross_validate(args.runs, sets, args.folds, training, args.confidence, args.radius)
    else:
        detector = open_detector(args.detector, args.weights, args.confidence)
        sets = open_sets(args.fields, args.mpp, args.loose)
        results = detect_all(detector, sets, args.radius)
    for one in sets:
        print(f"{args.detector} on {one.name} at {one.mpp:g} um a pixel")
        print(report(results[one.name], one.mpp))
    if args.out:
        write_evaluation(args.out, sets, results)
        print(f"{args.out} written")


if __name__ == "__main__":
    run(main)
