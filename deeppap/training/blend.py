"""Which weights an adapted net keeps: a mean of its own and its source's (WiSE-FT), or the source as it is.

Wortsman et al. 2022 (arXiv:2109.01903): a net that was fine-tuned on few examples forgets; the mean of its weights and
those that they started from is often better than both. With `select` last all cells but the test cells train, and
three quarters of the adapted weights are kept, of few cells half. With `select` inner it is half, unless the inner
cells show another share to be better by more than two standard errors (docs/experiments/adapting.md says what
each gave).
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import lmdb
import msgspec
import numpy as np
from sklearn.metrics import roc_auc_score

from data_prep.classes import ABNORMAL, outputs_of, outputs_with
from data_prep.mean_image import SOURCE_MEAN, read_mean
from data_prep.patch_lmdb import decoded
from data_prep.views import spread
from deeppap.engines.device import Device
from deeppap.engines.engine import open_engine
from deeppap.engines.weights_file import blob_array, layers_of
from deeppap.io.caffe_messages import caffe_pb2, read_binary, set_blob_values
from deeppap.io.files import complete_or_absent, remove, sha256_file, write_bytes
from deeppap.io.progress import progress
from deeppap.records import BlendRecord, BlendTry, FoldRecord, ModelRecord, RunRecord
from deeppap.stats.compare import delong
from deeppap.training.snapshots import too_few, too_few_trained
from deeppap.training.source import SourceNet

SHARES = (0.25, 0.5, 0.75, 1.0)  # of the adapted weights
# 64 inner cells often order nets by chance: so the share that served most trials is kept until they are sure
HALF = 0.5
THREE_QUARTERS = 0.75  # served most trials in which all cells but the test cells trained
FEW = 160  # training cells below which it is half: nets of 80 were sometimes worse than their source by three quarters
VIEWS = 10  # of an inner cell, at most
REFERENCE = "ood_reference.npz"  # deeppap.scoring.ood.FILE, which this room may not import
AGAIN = "Train the fold again."
QUANTILE = 1.959964  # half a 95 % interval in standard errors


def blended(fold: Path, model: ModelRecord, source: SourceNet, run: RunRecord, device: Device) -> ModelRecord:
    """The record of the weights that the fold of an adapted net keeps, which are written into its snapshots/.

    If the source stays, its out-of-distribution reference is copied into the fold: it scores as it did.
    """
    adapted = model.weights_in(fold)
    kept = adapted.with_name("convnet_t_kept.caffemodel")
    if run.select == "inner":
        record = _by_inner_cells(
            fold, adapted, source, read_mean(fold / SOURCE_MEAN, model.source_mean_sha), run, device
        )
    else:
        trained = FoldRecord.read(fold).train_cells
        share = 0.0 if too_few_trained(trained) else HALF if trained < FEW else THREE_QUARTERS
        record = BlendRecord(share=share, trained=trained)
    share = record.share
    if share == 1:
        return msgspec.structs.replace(model, blend=record)
    if share:
        mean_of_weights(source.weights, adapted, share, kept)
        facts = {"val_loss": None, "val_accuracy": None}  # Caffe has not tested these weights
    else:
        copies = {source.weights: kept, source.fold / REFERENCE: fold / REFERENCE}
        for path, place in copies.items():
            if path.exists():  # a reference need not be there
                with complete_or_absent(place) as partial:
                    shutil.copyfile(path, partial)
        # as before the first iteration
        facts = {"iteration": 0, "epoch": 0.0}
        facts |= {"val_loss": model.val_loss_before, "val_accuracy": model.val_accuracy_before}
    facts |= {"snapshot": str(kept.relative_to(fold)), "weights_sha": sha256_file(kept), "blend": record}
    return msgspec.structs.replace(model, **facts)


def _by_inner_cells(
    fold: Path, adapted: Path, source: SourceNet, mean: np.ndarray, run: RunRecord, device: Device
) -> BlendRecord:
    """Which share the inner cells choose; the source and each mean of weights score them."""
    trial = fold / "snapshots" / ".blend.caffemodel"
    labels, before = _scores(fold, source.weights, mean, run, device)
    found = {0.0: before}
    try:
        for share in progress(SHARES, desc="weights", unit="net", leave=False):
            mean_of_weights(source.weights, adapted, share, trial)
            found[share] = _scores(fold, trial, mean, run, device)[1]
    finally:
        remove(trial)
    tried = tuple(_tried(one, labels, scores) for one, scores in found.items())
    normal, abnormal = (int((labels == label).sum()) for label in (0, 1))
    return BlendRecord(share=chosen(labels, found), abnormal=abnormal, normal=normal, tried=tried)


def chosen(labels: np.ndarray, found: Mapping[float, np.ndarray]) -> float:
    """The share of the adapted weights to keep, by the inner cells' labels and each share's scores of them, all (n,).

    With fewer than five cells of a label it is 0, the source as it is.
    """
    if too_few((labels == 1).sum(), (labels == 0).sum()):
        return 0.0
    best = max((share for share in found if share != HALF), key=lambda share: roc_auc_score(labels, found[share]))
    return best if gains(labels, found[HALF], found[best]) else HALF


def gains(labels: np.ndarray, before: np.ndarray, after: np.ndarray) -> bool:
    """Whether scores (n,) order cells better than those before, by more than two standard errors (DeLong, paired)."""
    found = delong(labels, after, before, np.arange(len(labels)))
    # without an interval the one order is without a fault, and the other one has nothing right
    error = (found["interval"][1] - found["difference"]) / QUANTILE if found["interval"] else 0.0
    return found["difference"] > 2 * error


def mean_of_weights(source: Path, adapted: Path, share: float, out: Path) -> None:
    """Write the net of `adapted` with the weights (1 - share) x source + share x adapted, complete or not at all."""
    first = layers_of(read_binary(source, "NetParameter", AGAIN))
    net = read_binary(adapted, "NetParameter", AGAIN)
    for name, blobs in layers_of(net).items():
        for old, new in zip(first[name], blobs, strict=True):
            values = (1 - share) * blob_array(old).ravel() + share * blob_array(new).ravel()
            set_blob_values(new, values)
    write_bytes(out, net.SerializeToString())


def _tried(share: float, labels: np.ndarray, scores: np.ndarray) -> BlendTry:
    """How well a net orders the inner cells; its loss has both labels in equal parts."""
    right = np.where(labels == 1, scores, 1 - scores).clip(1e-7)
    losses = [float(-np.log(right[labels == label]).mean()) for label in (0, 1) if (labels == label).any()]
    auc = float(roc_auc_score(labels, scores)) if len(losses) == 2 else None
    return BlendTry(share=share, auc=auc, loss=float(np.mean(losses)))


def _scores(
    fold: Path, weights: Path, mean: np.ndarray, run: RunRecord, device: Device
) -> tuple[np.ndarray, np.ndarray]:
    """Labels int64 (n,) and P(abnormal) float64 (n,) of the normal and abnormal inner cells, over centre crops."""
    outputs = outputs_of(run)
    abnormal = outputs_with(ABNORMAL, outputs)
    caffe = Device(device.gpu, device.tf32, without_gpu=device.without_gpu)
    ready = open_engine(fold / "deploy.prototxt", weights, caffe).view_input(mean, 1)
    labels, scores = [], []
    for label, views in _inner_cells(fold / "val_lmdb", FoldRecord.read(fold).validation_views):
        if outputs[label].label not in ("normal", ABNORMAL):
            continue
        memory = ready.memory(len(views))
        for view, place in zip(views, memory, strict=True):
            ready.fill(view, place)
        labels.append(int(outputs[label].label == ABNORMAL))
        scores.append(float(ready(memory)[..., abnormal].sum(axis=-1).mean()))
    return np.array(labels), np.clip(scores, 0, 1)


def _inner_cells(path: Path, views: int) -> Iterator[tuple[int, Sequence[np.ndarray]]]:
    """The output and some views, uint8 (256, 256, 3) BGR, of each cell of a validation LMDB."""
    chosen = set(spread(views, min(views, VIEWS)))
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as transaction:
        kept: list[np.ndarray] = []
        for number, (_, value) in enumerate(transaction.cursor()):
            datum = caffe_pb2().Datum.FromString(value)
            if number % views in chosen:
                kept.append(decoded(datum))
            if number % views == views - 1:
                yield datum.label, kept
                kept = []
