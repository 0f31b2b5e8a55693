"""What runs, folds, models and scores remember of themselves: typed records, validated when they are read."""

from deeppap.records.request import Options, Request
from deeppap.records.structs import (
    DatasetRecord,
    ExternalRecord,
    FoldRecord,
    LmdbRecord,
    Machine,
    ModelRecord,
    NetRecord,
    OutputRecord,
    Recipe,
    RunRecord,
    ScoreRecord,
    SetRecord,
    SourceDataset,
    SourceRecord,
    SplitRecord,
    WeightsRecord,
)

__all__ = [
    "DatasetRecord",
    "ExternalRecord",
    "FoldRecord",
    "LmdbRecord",
    "Machine",
    "ModelRecord",
    "NetRecord",
    "Options",
    "OutputRecord",
    "Recipe",
    "Request",
    "RunRecord",
    "ScoreRecord",
    "SetRecord",
    "SourceDataset",
    "SourceRecord",
    "SplitRecord",
    "WeightsRecord",
]
