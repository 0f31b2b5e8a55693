"""Scoring one fold's test cells with its selected model."""

import time
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from common.errors import UserError
from common.files import sha256_file, write_json
from common.provenance import machine
from common.run_folder import locked
from data_prep.prepare import run_profile
from engines.caffe_engine import CaffeScorer
from engines.caffe_views import ViewScorer
from engines.device import describe, device, gpu_number, tf32_in_use
from scoring.net_arrays import write_net_figures
from scoring.open_fold import EvaluateOptions, FoldToScore, open_fold
from scoring.score_cells import CellScore, Counts, score_cells
from scoring.write_scores import write_scores, write_view_scores


def evaluate_fold(folder: Path, options: EvaluateOptions, say: Callable[[str], None] = print) -> list[CellScore]:
    """Score a fold's test cells and write scores.csv (or scores_shift<d>.csv), views and timings.

    Returns
    -------
    list of CellScore
        In the order of the cells' ids.
    """
    with locked(folder):
        fold = open_fold(folder, options, say)
        profile = run_profile(fold.config)
        if options.views is not None and not 1 <= options.views <= profile.test.views:
            raise UserError("--views", f"1 to {profile.test.views}", str(options.views), "Choose one in that range.")
        counts = Counts(options.views or profile.test_views, options.crops or profile.crops)
        scorer = CaffeScorer(fold.deploy, fold.model, gpu_number(options.gpu), options.batch)
        takes = ViewScorer(scorer, fold.deploy, fold.mean, counts.crops) if scorer.gpu is not None else scorer
        say(f"{folder}: {len(fold.cells)} cells x {counts.views} views x {counts.crops} crops with {fold.model}")
        arguments = (fold.mean, scorer.crop, profile.test, counts, fold.config.seed, options.shift)
        start = time.perf_counter()
        bar = tqdm(
            score_cells(takes, fold.cells, *arguments), total=len(fold.cells), desc="score", unit="cell", disable=None
        )
        scores = list(bar)
        seconds = time.perf_counter() - start
        name = f"scores_shift{options.shift}.csv" if options.shift else "scores.csv"
        if not options.shift:
            write_view_scores(folder / "view_scores.csv", scores)
            write_net_figures(fold, scorer, profile.test)
            write_json(folder / "evaluation.json", _timing(fold, counts, seconds, options))
        write_scores(folder / name, scores)
        return scores


def _timing(fold: FoldToScore, counts: Counts, seconds: float, options: EvaluateOptions) -> dict:
    crops = len(fold.cells) * counts.views * counts.crops
    return {
        "views": counts.views,
        "crops": counts.crops,
        "cells": len(fold.cells),
        "seconds_per_cell": seconds / len(fold.cells),
        "crops_per_second": crops / seconds,
        "device": device(options.gpu),
        "caffe": describe(options.gpu),
        "machine": machine(),
        "tf32": tf32_in_use(options.gpu),
        "model": str(fold.model),
        "model_sha256": sha256_file(fold.model),
    }
