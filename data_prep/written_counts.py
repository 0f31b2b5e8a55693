"""How large a batch and how long a training is: the profile's word, else the hand-written prototxt's."""

import math

from google.protobuf.message import Message

from data_prep.profiles import Profile
from deeppap.io.caffe_messages import data_layer, prototxt_folder, read_prototxt, training_prototxt


def batch_and_epochs(profile: Profile, classes: int) -> tuple[int, int]:
    """Images of a training batch, and epochs, of a net of so many classes."""
    folder = prototxt_folder(classes)
    batch, epochs = profile.batch_size, profile.epochs
    if not batch:
        net = read_prototxt(folder / "train_val.prototxt", "NetParameter")
        batch = data_layer(net, 0).data_param.batch_size
    if not epochs:
        solver = read_prototxt(folder / "solver.prototxt", "SolverParameter")
        epochs = epochs_of(profile, solver)
    return batch, epochs


def epochs_of(profile: Profile, solver: Message) -> int:
    """Epochs of a training by a hand-written solver, which tests once an epoch."""
    return profile.epochs or solver.max_iter // solver.test_interval


def iterations_of(profile: Profile, solver: Message) -> int:
    """Iterations of an adapting by a hand-written solver."""
    return profile.adapt_iterations or solver.max_iter


def adapting_counts(profile: Profile) -> tuple[int, int, int]:
    """Images of a batch, iterations, and tests on the way, of a net that is adapted."""
    files = training_prototxt(2, adapting=True)
    solver = read_prototxt(files["solver"], "SolverParameter")
    net = read_prototxt(files["train_val"], "NetParameter")
    batch = profile.adapt_batch or data_layer(net, 0).data_param.batch_size
    return batch, iterations_of(profile, solver), math.ceil(solver.max_iter / solver.test_interval)
