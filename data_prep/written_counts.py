"""How large a batch and how long a training is: the profile's word, else the hand-written prototxt's."""

from common.caffe_messages import data_layer, prototxt_folder, read_prototxt
from data_prep.profiles import Profile


def batch_and_epochs(profile: Profile, classes: int) -> tuple[int, int]:
    """Images of a training batch, and epochs, of a net of so many classes."""
    folder = prototxt_folder(classes)
    batch, epochs = profile.batch_size, profile.epochs
    if not batch:
        net = read_prototxt(folder / "train_val.prototxt", "NetParameter")
        batch = data_layer(net, 0).data_param.batch_size
    if not epochs:
        solver = read_prototxt(folder / "solver.prototxt", "SolverParameter")
        epochs = solver.max_iter // solver.test_interval  # it is tested once an epoch
    return batch, epochs
