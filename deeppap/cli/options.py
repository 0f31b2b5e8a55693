"""Types of options, groups of options that several tools have, and what is made of them.

argparse prints a mistake of a type with the name of the option.
"""

import argparse
import tomllib
from argparse import ArgumentTypeError
from collections.abc import Iterable
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deeppap.cli.tool import ToolParser, quoted
from deeppap.io.machine import default_engine, usable_cores
from deeppap.io.names import to_number
from deeppap.records.structs import BORDERS, CLASSES, CONTROLS, ENCODINGS, PROTOCOLS, SELECTIONS, SENSITIVITIES, Request

if TYPE_CHECKING:
    from deeppap.engines.device import Device
    from deeppap.training.source import SourceNet

DATA_HELP = """\
If --data is not given, the environment variable HERLEV is used, and data/herlev if that is not set either. A data set
is a folder in the shape of Herlev, or a manifest CSV (docs/how-to/own-cells.md). Several: docs/how-to/several-sets.md.
"""
WEIGHTS_HELP = """\
If --weights is not given, the environment variable WEIGHTS is used. If that is not set either,
bvlc_reference_caffenet.caffemodel is searched for in this folder and in models/.
"""
ENGINES = ("caffe", "openvino", "onnxruntime")
PROFILES = Path(__file__).resolve().parents[2] / "profiles.toml"
DEFAULTS = argparse.Namespace(**{field.name: field.default for field in msgspec.structs.fields(Request)})


def profiles() -> list[str]:
    """The names of the profiles in profiles.toml."""
    return list(tomllib.loads(PROFILES.read_text(encoding="utf-8")))


def at_least_one(text: str) -> int:
    """A number that counts something."""
    # isdecimal also refuses signs and blanks, which int() would accept
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"expected a whole number, 1 or more, found {text or 'nothing'}")
    return int(text)


def above_zero(text: str) -> float:
    """A number that measures something."""
    if not 0 < to_number(text) < inf:  # not of nan
        raise ArgumentTypeError(f"expected a number above 0, found {text or 'nothing'}")
    return float(text)


def plain_name(text: str) -> str:
    """The name of a folder, without the folders it lies in."""
    # `..` has a name of its own by pathlib, and leads out of runs/
    if not text or text != Path(text).name or text == "..":
        raise ArgumentTypeError(f"expected a name without folders, found {text or 'nothing'}")
    return text


def threshold(text: str) -> str | float:
    """Where a score is called abnormal: a number, or the name of a sensitivity."""
    if text in SENSITIVITIES:
        return text
    if not 0 < to_number(text) < 1:
        names = ", ".join(SENSITIVITIES)
        raise ArgumentTypeError(f"expected {names} or a number between 0 and 1, found {text or 'nothing'}")
    return float(text)


def whole_numbers(text: str) -> list[int]:
    """Numbers with commas between them, such as "0,2"."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ArgumentTypeError(f"expected numbers such as 0,2, found {text or 'nothing'}") from None


def centre(text: str) -> tuple[float, float]:
    """A nucleus centre "X,Y" in pixels."""
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise ArgumentTypeError(f"expected X,Y, found {text or 'nothing'}") from None
    return x, y


def add_net_option(parser: ToolParser, meaning: str = "trained fold to use") -> None:
    """`--net` of a tool that works on one fold."""
    parser.add_argument("--net", metavar="RUN/foldK", help=f"{meaning} (default: data/fold)")


def add_nets_option(parser: ToolParser, repeatable: bool = False) -> None:
    """`--net` of a tool that scores new cells: one net, or all of a release. It has no default on purpose."""
    text = "trained net: a fold's folder (RUN/foldK), a run of one net, or a release, whose nets are averaged"
    if repeatable:
        parser.add_argument(
            "--net", type=Path, metavar="NET", required=True, action="append", help=f"{text}; may be repeated"
        )
    else:
        parser.add_argument("--net", type=Path, metavar="NET", required=True, help=text)


def add_threshold_option(parser: ToolParser) -> None:
    """From which score on a cell is called abnormal."""
    parser.add_argument(
        "--threshold",
        type=threshold,
        metavar="T",
        help="call a cell abnormal from this score on: a number, or sens95 or sens99, the net's own threshold for a "
        "sensitivity of 95 or 99 %% on its test or inner cells (default: 0.5, the paper's)",
    )


def add_count_options(parser: ToolParser) -> None:
    """How many views of a cell, and crops of a view, are averaged."""
    parser.add_argument(
        "--views", type=int, help="views of each cell (turned and shifted), 1 to 100 (default: the profile's)"
    )
    add_crops_option(parser)


def add_crops_option(parser: ToolParser) -> None:
    """How many crops of a view are averaged."""
    parser.add_argument("--crops", type=int, help="crops (cut-outs) of each view, 1 to 10 (default: the profile's)")


def add_run_options(parser: ToolParser, default_profile: str) -> None:
    """An option for each field of Request, and how to carry the run out."""
    add_data_options(parser, default_profile)
    parser.add_argument(
        "--pixel-um",
        type=float,
        metavar="UM",
        help="micrometres per pixel at which the net sees the cells; other images are resampled (default: those of the "
        "first set, or of the net that --from adapts)",
    )
    parser.add_argument(
        "--select",
        choices=SELECTIONS,
        help="snapshot to keep: lowest loss on the test fold (paper), the last one, or lowest loss on training cells "
        "that were held back (inner) (default: paper; inner with --protocol field, last if --from adapts too)",
    )
    parser.add_argument(
        "--classes",
        type=lambda text: int(text) if text.isdecimal() else text,
        default=DEFAULTS.classes,
        choices=CLASSES,
        help="outputs of the net: normal and abnormal, Herlev's seven, or one for each class of the data (default: "
        "those of the net that --from adapts, else 2)",
    )
    parser.add_argument("--control", choices=CONTROLS, help="negative control: train on shuffled labels")
    parser.add_argument(
        "--encoding", choices=ENCODINGS, default=DEFAULTS.encoding, help="how the LMDBs store patches; png is smaller"
    )
    parser.add_argument("--seed", type=int, default=DEFAULTS.seed, help="seed of the folds, the views and their order")
    add_border_option(parser)
    add_work_options(parser)


def add_border_option(parser: ToolParser) -> None:
    """What views of a new net show outside the image; the net keeps it, so tools that score have no such option."""
    parser.add_argument(
        "--border",
        choices=BORDERS,
        help="outside the image, views show zeros (constant, as in the paper) or its reflection (reflect) "
        "(default: constant, or that of the net that --from adapts)",
    )


def add_data_options(parser: ToolParser, default_profile: str | None) -> None:
    """The data set, how it is split, and unless `default_profile` is None how many views of a cell are used."""
    parser.add_argument("--data", action="append", help="data set (see below); repeat it to train on several together")
    if default_profile:
        parser.add_argument(
            "--profile",
            choices=profiles(),
            default=default_profile,
            help="numbers of views, epochs and images; see profiles.toml",
        )
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default=DEFAULTS.protocol,
        help="how cells are split: each cell by itself (the paper's), or all cells of one field in the same fold",
    )
    parser.add_argument("--allow-partial", action="store_true", help="accept a Herlev folder that is incomplete")


def add_work_options(parser: ToolParser) -> None:
    """How many threads render views, and where the run goes."""
    parser.add_argument("--workers", type=at_least_one, default=usable_cores(), help="threads that render views")
    name = "name of the run's folder in runs/ (default: made from the options above)"
    parser.add_argument("--run", type=plain_name, help=name)


def add_source_options(parser: ToolParser, required: bool = False) -> None:
    """What a training starts from; `source_of` reads it. If `required`, a net to adapt must be given."""
    # a tool that compares both ways of starting takes a net and weights
    kinds = parser if required else parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="NET",
        required=required,
        help="trained net to adapt: a fold's folder, a run or release of one net, or a fold's .caffemodel",
    )
    weights = parser.add_mutually_exclusive_group() if required else kinds
    weights.add_argument("--weights", type=Path, help="source .caffemodel with CaffeNet's conv1 to conv5 (see below)")
    weights.add_argument("--from-scratch", action="store_true", help="start from Gaussian values: no transfer learning")


def weights_of(args: argparse.Namespace) -> Path | None:
    """The source weights that `add_source_options` parsed; None for Gaussian values."""
    from deeppap.training.source import require_weights

    return None if args.from_scratch else require_weights(args.weights)


def source_of(args: argparse.Namespace) -> "tuple[Path | None, SourceNet | None]":
    """The weights, or the net to adapt, that `add_source_options` parsed; at most one of the two."""
    from deeppap.training.source import open_source

    return (None, open_source(args.source)) if args.source else (weights_of(args), None)


def add_device_options(parser: ToolParser) -> None:
    """What a net runs on; `device_of` reads it."""
    parser.add_argument("--gpu", metavar="N", help="number of a GPU, all, or none (default: 0 if Caffe has a GPU)")
    parser.add_argument("--tf32", action="store_true", help="let the GPU round to TF32: faster, less exact")


def add_engine_options(parser: ToolParser) -> None:
    """What computes the scores; `device_of` reads it."""
    parser.add_argument("--engine", choices=ENGINES, default=default_engine(), help="what computes the scores")
    add_precision_option(parser)


def add_precision_option(parser: ToolParser) -> None:
    """In what precision an engine computes."""
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16"),
        default=DEFAULTS.precision,
        help="precision of the engine; bfloat16 needs openvino",
    )


def device_of(args: argparse.Namespace) -> "Device":
    """The device that `add_device_options` and, if the tool has them, `add_engine_options` parsed."""
    from deeppap.engines.device import resolve

    engine, precision = (getattr(args, name, getattr(DEFAULTS, name)) for name in ("engine", "precision"))
    return resolve(args.gpu, args.tf32, engine, precision)


def add_cluster_option(parser: ToolParser) -> None:
    """Where the work is done; deeppap.cluster.connect reads it."""
    where = "use Dask workers: local, a scheduler's address, or its scheduler file (docs/how-to/slides-on-a-cluster.md)"
    parser.add_argument("--cluster", metavar="WHERE", help=where)


def add_detector_options(parser: ToolParser) -> None:
    """What finds nuclei."""
    weights = "your own weights of the nucleus detector (default: models/nucleus_fcn)"
    parser.add_argument("--detector", type=Path, metavar="FILE", help=weights)
    parser.add_argument(
        "--confidence", type=float, help="lowest confidence of a nucleus, 0 to 1 (default: the detector's own)"
    )


def add_field_options(parser: ToolParser) -> None:
    """Fields whose nuclei are annotated."""
    parser.add_argument("--fields", type=Path, nargs="+", required=True, metavar="DIR", help="folders of fields")
    sizes = "micrometres per pixel: one number, or one per folder"
    parser.add_argument("--mpp", type=float, nargs="+", required=True, help=sizes)
    parser.add_argument(
        "--incomplete", nargs="+", default=[], metavar="NAME", help="folders in which not every nucleus is annotated"
    )


def add_detector_training_options(parser: argparse._ActionsContainer) -> None:
    """How the nucleus net is trained."""
    parser.add_argument("--training-crops", type=at_least_one, default=16000, help="training crops to cut")
    parser.add_argument("--iterations", type=at_least_one, help="iterations (default: as in solver.prototxt)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the crops, the net and the folds")
    what = "weights that find nuclei without a mark in --incomplete folders (default: the shipped ones)"
    parser.add_argument("--teacher", type=Path, metavar="FILE", help=what)


def data_words(data: Iterable[Path | str]) -> str:
    """Data sets as a following command names them."""
    return " ".join(f"--data {quoted(one)}" for one in data)


def requested(args: argparse.Namespace) -> Request:
    """The request in what `add_run_options` parsed; a tool without an option takes its default."""
    words = {name: getattr(args, name, default) for name, default in vars(DEFAULTS).items()}
    # labelled cells to adapt to are few: all but the test cells train, and no inner cells are held back
    if getattr(args, "source", None) and words["select"] is None and words["protocol"] == "field":
        words["select"] = "last"
    found = Request(**words)
    return msgspec.structs.replace(found, data=tuple(found.data) if found.data else None)
