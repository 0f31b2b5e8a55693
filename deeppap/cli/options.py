"""What distinguishes one run from another, as a user asks for it: the one list, and its options."""

import argparse

import msgspec

from deeppap.cli.option_types import at_least_one, plain_name
from deeppap.io.cores import usable_cores
from deeppap.records.request import Request

DATA_HELP = """\
The data set is --data, else the environment's HERLEV, else data/herlev: a folder in Herlev's shape or a manifest CSV.
"""
WEIGHTS_HELP = """\
Without --weights: the environment's WEIGHTS, else bvlc_reference_caffenet.caffemodel here or in models/.
"""
DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Request)}
ASKED = argparse.Namespace(**DEFAULTS)  # where one is left out


def add_run_options(parser: argparse.ArgumentParser, profile: str, select: str | None = None) -> None:
    """An option for each field of Request, and how to carry the run out; the defaults are the tool's own."""
    parser.add_argument("--data", help="data set (see below)")
    parser.add_argument("--profile", default=profile, help=f"counts of views, see profiles.toml (default: {profile})")
    parser.add_argument("--protocol", default=ASKED.protocol, help="cell (the paper's) or field (none in two folds)")
    known = "paper (by loss on the tested fold), last, or inner (validate on training cells)"
    chosen = select or "paper; inner with --protocol field"
    parser.add_argument("--select", default=select, help=f"{known}\n(default: {chosen})")
    parser.add_argument("--classes", type=int, default=ASKED.classes, choices=(2, 7), help="classes to tell apart")
    parser.add_argument("--control", help="shuffle: train on labels dealt out at random")
    parser.add_argument("--encoding", default=ASKED.encoding, help="raw, or png: less disk, more decoding")
    parser.add_argument("--seed", type=int, default=ASKED.seed, help="of folds, views and order (default: 1)")
    parser.add_argument("--allow-partial", action="store_true", help="accept a subset of Herlev")
    add_work_options(parser)


def add_work_options(parser: argparse.ArgumentParser) -> None:
    """How many render, and where the run goes."""
    threads = "threads that render (default: all cores)"
    parser.add_argument("--workers", type=at_least_one("--workers"), default=usable_cores(), help=threads)
    name = "name of the run's folder in runs/ (default: from the configuration)"
    parser.add_argument("--run", type=plain_name("--run"), help=name)


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """What a net starts from, one of three; deeppap.training.source reads them."""
    kinds = _add_starts(parser)
    kinds.add_argument("--from", dest="source", metavar="FOLD", help="a trained fold, or its .caffemodel, to adapt")


def add_compared_options(parser: argparse.ArgumentParser) -> None:
    """A trained net to adapt, and what the net beside it starts from; deeppap.training.source reads both."""
    parser.add_argument("--from", dest="source", metavar="FOLD", required=True, help="the trained fold to adapt")
    _add_starts(parser)


def _add_starts(parser: argparse.ArgumentParser):
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--weights", help="source .caffemodel with conv1 to conv5 of CaffeNet (default: see below)")
    kinds.add_argument("--from-scratch", action="store_true", help="start from Gaussian values, no transfer")
    return kinds


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """What a net runs on; the names are those of deeppap.engines.device.resolve."""
    parser.add_argument("--gpu", help="number, all or none (default: the first one, where Caffe was built for it)")
    parser.add_argument("--tf32", action="store_true", help="let the GPU round to TF32: faster, not float32")


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """What scores; deeppap.engines.available says which there are."""
    parser.add_argument("--engine", default=ASKED.engine, help="caffe (default), openvino or onnxruntime: make engines")
    parser.add_argument("--precision", default=ASKED.precision, help="float32 (default), or bfloat16: openvino alone")


def add_cluster_option(parser: argparse.ArgumentParser) -> None:
    """Where the work is done; deeppap.cluster.connect reads it."""
    where = "local, a scheduler's address or its scheduler file: work on Dask's workers (docs/cluster.md)"
    parser.add_argument("--cluster", metavar="WHERE", help=where)


def requested(args: argparse.Namespace) -> Request:
    """The request in what `add_run_options` parsed; an option that a tool has not is as where it is left out."""
    return Request(**{name: getattr(args, name, default) for name, default in vars(ASKED).items()})
