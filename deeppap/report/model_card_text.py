"""The sentences of a model card that do not depend on the run's figures."""

from dataclasses import dataclass
from pathlib import Path

from deeppap.report.notes import is_phantom
from deeppap.scoring.results import FoldResult, RunResult

INTENDED = """\
For repeating and studying the paper (Zhang et al., DeepPap, 2017), and for research on cell images by people who
know its limits. **It is not a medical device.** It has not been tested for safety or for use on patients, and no
regulator has seen it. No score of it may be used to judge a patient's cells, to sort slides or to skip a reading.
"""

HERLEV = """\
Herlev: single cells from conventional Pap smears, Papanicolaou stain, Herlev University Hospital, 0.201 um per pixel,
published in 2005. Two cyto-technicians and a doctor classified them; the masks are drawn by hand. Patients, scanners
and how the cells were picked are not published."""

EVERY_SET = (
    "A nucleus centre is an input. Here it comes from the data set; no detector is part of this.",
    "Single, picked cells: clumps, overlaps, debris and poor focus were not studied.",
    "Not tested on cells of another place, stain, microscope or pixel size. Expect worse there.",
    "Scores are no probabilities for a population: the share of abnormal cells here is that of the set.",
    "Intervals resample whole groups where the set names them, else they take cells as independent; no patient is "
    "known to them either way, and none knows how much a net changes from one training to the next.",
)
OF_HERLEV = (
    "One hospital, one set of 917 cells. Patients are not named in it, so no split by patient is possible.",
    "The file names tell the class: a look-up on their numbers, without pixels, is {look_up}. What ties cells "
    "to a capture session may stand in for the label in the net too.",
)
OF_PHANTOM = "The cells are drawn by a program. The net knows nothing of real cells."
OF_SELECTION = (
    "The snapshot was chosen on the very cells it is judged by, as in the paper: its figures are a little too good."
)
OF_CONTROL = "A control, wrong on purpose: never use it to score cells."

INPUT = """\
Input `data`: float32 N x 3 x 227 x 227, BGR: a 128 x 128 patch about the nucleus centre, at the pixel size of the
training images (Herlev: 0.201 um), up-sampled to 256 x 256 (values 0 to 255), less the fold's mean image, then cropped.
Output `prob`: {order}. Weights without that fold's `mean.binaryproto` give wrong scores without a warning.
"""


@dataclass(frozen=True)
class Kind:
    """What a card says of where it lies: the net's prototxt, its figures, the weights' terms and how to load them."""

    net: str
    figures: str
    terms: str
    load: str


CARD = Kind(
    net="`{train_val}`, `{deploy}`",
    figures="Printed by `tools/report.py runs/{run}` (Table {table} and the baselines).",
    terms="No weights are published, so none are licensed. Who publishes them must look at the data set's own terms.",
    load="""\
The weights are not in this folder and never committed. They are fold {fold}'s of the run `{run}`:
`runs/{run}/fold{fold}/snapshots/{file}`. A copy of that file in this folder passes
`scripts/download_model_binary.py models/{name}` of Caffe, which compares the sha1 above.

The project's own way, which makes views and crops as in training:

    tools/classify.py cell.png --centre 61,48 --fold-folder runs/{run}/fold{fold}

It needs `run.json` of the run and the fold's `fold.json`, `model.json`, `mean.binaryproto`, `deploy.prototxt` and
`snapshots/`. In plain pycaffe:

    net = caffe.Net("{deploy}", caffe.TEST, weights="{file}")

""",
)
RELEASED = Kind(
    net="`deploy.prototxt` beside this card, trained as the project's `{train_val}`",
    figures="Of the nets of {folds} of the run `{run}`, each on the cells of its own fold; this net's alone come last.",
    terms="The weights come with no licence of their own. Who passes them on must look at the data set's own terms.",
    load="""\
The weights are `snapshots/{file}` in this folder, with all that they need;
the `SHA256SUMS` above it has a sum of each file. The project's own way, which makes views and crops as in training:

    tools/classify.py cell.png --centre 61,48 --fold-folder {name}/fold{fold}

is this net alone, `--release {name}` all nets of the release. In plain pycaffe, in this folder:

    net = caffe.Net("deploy.prototxt", caffe.TEST, weights="snapshots/{file}")

""",
)
ORDER = {
    2: "P(normal), P(abnormal)",
    7: "the seven classes in the order of the paper's Table 1; the last four add up to P(abnormal)",
}


def limits(run: RunResult, terms: str, look_up: str) -> list[str]:
    """What the net must not be trusted with, for this data set and this way of choosing the snapshot.

    `terms` are the weights'; `look_up` says where the figures of the file names stand.
    """
    sentences = []
    if run.record.control:
        sentences.append(OF_CONTROL)
    if is_phantom(run):
        sentences.append(OF_PHANTOM)
    if run.record.dataset.paper == "herlev":
        sentences += [sentence.format(look_up=look_up) for sentence in OF_HERLEV]
    if run.record.select == "paper":
        sentences.append(OF_SELECTION)
    return [*sentences, *EVERY_SET, terms]


def how_to_load(run: RunResult, fold: FoldResult, name: str, kind: Kind) -> str:
    """Where the weights are and what they take and give; `name` is the card's folder in models/, or the release's."""
    deploy = f"prototxt/{'seven_class/' if run.classes == 7 else ''}deploy.prototxt"
    file = Path(fold.model.snapshot).name
    load = kind.load.format(run=run.name, fold=fold.fold, name=name, file=file, deploy=deploy)
    return load + INPUT.format(order=ORDER[run.classes])
