"""The record beside each file of scores: how they were made, and whether the two belong together."""

from pathlib import Path
from typing import Any

from deeppap.io.files import read_json, sha256_file, write_json

MADE_BY = "tools/evaluate.py"


def write_record(scores: Path, how: dict[str, Any]) -> None:
    """Write `<stem>.json` beside a file of scores, bound to its very bytes."""
    write_json(scores.with_suffix(".json"), {**how, "sha256": sha256_file(scores)})


def read_record(scores: Path) -> dict[str, Any] | None:
    """How a file of scores was made; None where it does not say, as older ones."""
    path = scores.with_suffix(".json")
    value = read_json(path, MADE_BY) if path.exists() else None
    return value if isinstance(value, dict) else None


def misfit(scores: Path, record: dict[str, Any], shift: int, model: dict[str, Any]) -> str | None:
    """Why a file of scores and its record are not each other's or not this net's; `model` is model.json or empty."""
    if record.get("sha256") != sha256_file(scores):
        return "a record of other scores"
    if record.get("shift") != shift:
        return f"scores under a shift of {record.get('shift')} pixels"
    if model and record.get("model_sha256") != model.get("sha256"):
        return f"scores of another net, {str(record.get('model_sha256'))[:12]}"
    if None not in (model.get("data"), record.get("data")) and record["data"] != model["data"]:
        return "scores of another fold, split or seed"
    return None
