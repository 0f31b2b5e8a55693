"""What a training starts from, as the user asked for it: CaffeNet's weights, a trained net, or nothing."""

import argparse
from pathlib import Path

from deeppap.training.source_net import SourceNet, open_source
from deeppap.training.source_weights import require_weights


def start_of(args: argparse.Namespace) -> tuple[Path | None, SourceNet | None]:
    """The weights or the source net that `add_source_options` parsed; at most one of the two."""
    return (None, open_source(args.source)) if args.source else (_weights(args), None)


def compared(args: argparse.Namespace) -> tuple[Path | None, SourceNet]:
    """The weights and the source net that `add_compared_options` parsed."""
    source = open_source(args.source)
    return _weights(args), source


def _weights(args: argparse.Namespace) -> Path | None:
    return None if args.from_scratch else require_weights(args.weights)
