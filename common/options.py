"""Options that several tools share."""

import argparse
import os

DATA_HELP = """\
The data set is --data, else the environment's HERLEV, else data/herlev: a folder in Herlev's shape or a manifest CSV.
"""


def add_run_options(parser: argparse.ArgumentParser, profile: str) -> None:
    """What distinguishes one run from another; the names are those of data_prep.prepare.Request."""
    parser.add_argument("--data", help="data set (see below)")
    parser.add_argument("--profile", default=profile, help=f"counts of views, see profiles.toml (default: {profile})")
    parser.add_argument("--protocol", default="cell", help="cell (the paper's) or field (no field in two folds)")
    parser.add_argument("--select", default="paper", help="paper, last, or inner (validate on training cells)")
    parser.add_argument("--classes", type=int, default=2, choices=(2, 7), help="classes to tell apart")
    parser.add_argument("--control", help="shuffle: train on labels dealt out at random")
    parser.add_argument("--encoding", default="raw", help="raw, or png: less disk, more decoding")
    parser.add_argument("--seed", type=int, default=1, help="of folds, views and order (default: 1)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="threads that render (default: all cores)")
    parser.add_argument("--run", help="name of the run's folder in runs/ (default: from the configuration)")
    parser.add_argument("--allow-partial", action="store_true", help="accept a subset of Herlev")


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """What a net runs on; the names are those of engines.device.resolve."""
    parser.add_argument("--gpu", help="number, all or none (default: the first one, where Caffe was built for it)")
    parser.add_argument("--tf32", action="store_true", help="let the GPU round to TF32: faster, not float32")


RUN_OPTIONS = ("data", "profile", "protocol", "select", "classes", "control", "encoding", "seed", "allow_partial")
