"""The figures of a session on a GPU as markdown: what was measured, and over what floor."""

from collections.abc import Iterable, Sequence

FLOORS = {"float32 at 67 TFLOP/s": 20.1, "TF32 at 400 TFLOP/s": 3.4}  # ms for 1000 crops, 1.35 TFLOP


def markdown(results: dict) -> str:
    """Sections for the steps that ran, in order."""
    sections = {"device": _device, "gtest": _gtest, "agree": _agree, "time": _time, "score": _score, "train": _train}
    parts = ["# A session on " + (", ".join(results.get("device", {}).get("cards", [])) or "a machine without a card")]
    for name, section in sections.items():
        if name in results:
            parts += [f"## {name}", *section(results[name])]
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(value) for value in line) + " |" for line in lines)


def _device(facts: dict) -> list[str]:
    return ["; ".join([*facts["driver"][1:], facts["caffe"], facts["machine"]["processor"]])]


def _gtest(facts: dict) -> list[str]:
    lines = [f"{facts['passed']} passed, {len(facts['failed'])} failed, in {facts['seconds']:.0f} s."]
    lines += [f"- failed: {name}" for name in facts["failed"]]
    return [*lines, *[f"- a process ended early, in {end['in']}" for end in facts["ended_early"]]]


def _agree(facts: dict) -> list[str]:
    rows = [[name, f"{value:.2e}"] for name, value in facts.items() if name != "crops"]
    return [
        f"Largest difference of a probability from the CPU's, {facts['crops']} crops.",
        _table(["run", "largest"], rows),
    ]


def _time(rows: Sequence[dict]) -> list[str]:
    head = [
        "mode",
        "batch",
        "forward ms",
        "forward images/s",
        "forward-backward ms",
        "training images/s",
        "over the floor",
    ]
    return [_table(head, [_time_row(row) for row in rows]), f"Floors for 1000 crops, ms: {FLOORS}."]


def _time_row(row: dict) -> list[str]:
    if "error" in row:
        return [row["mode"], row["batch"], row["error"], *[""] * 4]
    floor = list(FLOORS.values())["TF32" in row["mode"]] * row["batch"] / 1000
    names = ("forward_ms", "forward_images_s", "both_ms", "train_images_s")
    return [row["mode"], row["batch"], *[f"{row[name]:.4g}" for name in names], f"{row['forward_ms'] / floor:.1f}"]


def _score(facts: dict) -> list[str]:
    rows = [[name.replace("_", " "), f"{value:.4g}"] for name, value in facts.items()]
    return [_table(["what", "value"], rows), "The paper says 3.5 s a cell."]


def _train(facts: dict) -> list[str]:
    rows = [list(fold.values()) for fold in facts["folds"]]
    return [
        _table(["fold", "iteration", "images/s", "trained", "scored"], rows),
        f"{facts['seconds']:.0f} s in this call.",
    ]
