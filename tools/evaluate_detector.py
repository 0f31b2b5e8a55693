#!/usr/bin/env python3
"""Evaluate the nucleus detector on annotated fields: precision, recall, F-score and distance of the centres."""

from pathlib import Path

import _venv  # noqa: F401

from deeppap.cli.options import (
    above_zero,
    add_detector_options,
    add_detector_training_options,
    add_field_options,
    add_precision_option,
)
from deeppap.cli.tool import ToolParser, quoted, run, to_stderr

EPILOG = """\
  tools/evaluate_detector.py --fields fields/cervix93 --mpp 0.22
  tools/evaluate_detector.py --fields fields/isbi2014 --mpp 0.3 --detector runs/detector/nucleus_fcn.caffemodel
  tools/evaluate_detector.py --fields fields/cervix93 fields/cric --mpp 0.22 0.247 --incomplete cric --fold-count 3

Points are matched as in Cervix93's protocol: a detected nucleus is a disc of 10 pixels (--radius), and an annotated
point in it is a hit, one to one. If there are masks, a detected centre inside a nucleus is a hit. The counts of all
fields of a folder are added up. Files in --out: every field with hits (circles), misses (squares) and false detections
(crosses), detections.csv and scores.json.
"""


def main() -> None:
    """Detect, match and print; write the pictures if they are asked for."""
    parser = ToolParser(__doc__, EPILOG)
    add_field_options(parser)
    add_detector_options(parser)
    add_precision_option(parser)
    parser.add_argument("--radius", type=above_zero, default=10, help="largest distance of a hit in pixels")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for pictures and scores; an older one is replaced"
    )
    what = "judge only fields that the detector was not trained on"
    parser.add_argument("--unseen", action="store_true", help=what)
    cross = parser.add_argument_group("cross-validation")
    cross.add_argument(
        "--fold-count", type=int, metavar="K", help="train on K-1 folds of the fields, test on the other"
    )
    cross.add_argument("--runs", type=Path, default=Path("runs/detector_folds"), help="folder to train in")
    add_detector_training_options(cross)
    args = parser.parse_args()
    # imported here so that --help does not wait for them
    from deeppap.engines.map_net import installed_engine
    from deeppap.io.own_files import require_all_own
    from deeppap.screening.nuclei.detector import NucleusDetector
    from deeppap.screening.nuclei.evaluation import (
        cross_validate,
        detect_all,
        field_hashes,
        report,
        require_foldable,
        seen_in_training,
        unseen,
        write_evaluation,
    )
    from deeppap.screening.nuclei.fields import open_sets

    if args.out:
        # before the work, not after it
        require_all_own(args.out)
    device = installed_engine(args.precision)
    if args.fold_count is not None:
        require_foldable(args.detector, args.fold_count)
        sets = open_sets(args.fields, args.mpp, args.incomplete)
        training = (args.training_crops, args.iterations, args.seed, args.teacher)
        results = cross_validate(args.runs, sets, args.fold_count, training, args.confidence, args.radius, device)
    else:
        detector = NucleusDetector(args.detector, args.confidence, device)
        sets = open_sets(args.fields, args.mpp, args.incomplete)
        sets = unseen(detector.weights, sets) if args.unseen else sets
        for one in sets:
            if line := seen_in_training(detector.weights, field_hashes(one.fields)):
                to_stderr(f"!! {one.name}: {line} !!")
        results = detect_all(detector, sets, args.radius)
    for one in sets:
        print(f"{one.name} at {one.mpp:g} um a pixel")
        print(report(results[one.name], one.mpp))
    if len(sets) > 1 and len({(one.mpp, one.fields[0].mask_path is None) for one in sets}) == 1:
        print("all folders together")
        print(report([result for one in sets for result in results[one.name]], sets[0].mpp))
    if args.out:
        write_evaluation(args.out, sets, results)
        print(f"{args.out} written")
    by = f" --detector {quoted(args.detector)}" if args.detector else ""
    print(f"Next: tools/screen.py IMAGES --net RUN/foldK{by}")


if __name__ == "__main__":
    run(main)
