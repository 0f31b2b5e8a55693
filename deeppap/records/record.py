"""Reading and writing records: JSON files with a fixed set of fields, validated when they are read."""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

import msgspec

from deeppap.io.errors import UserError
from deeppap.io.files import MAX_JSON, read_file, write_text

Sha = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]  # a sha256 in hexadecimal
Count = Annotated[int, msgspec.Meta(ge=0)]
Some = Annotated[int, msgspec.Meta(ge=1)]  # a count that cannot be 0
# a path below a folder: no `..`, and not from the root
Inside = Annotated[str, msgspec.Meta(pattern=r"^(?!/)(?!(.*/)?\.{1,2}(/|$))[^\x00\n]+$")]
# a path outside the project, perhaps after an option
OUTSIDE = re.compile(r"\A(--?[\w-]+=)?(?:~|/|\.\./).*/", re.DOTALL)
T = TypeVar("T")


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record that lies in a folder under a fixed name."""

    FILE: ClassVar[str]  # its name
    MADE_BY: ClassVar[str]  # the tool that writes it, for error messages

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read and validate the folder's record.

        UserError naming the file and the field that is missing, unknown, or of another type or range.
        """
        return read_record(folder / cls.FILE, cls, cls.MADE_BY)

    @classmethod
    def read_if_there(cls, folder: Path) -> Self | None:
        """As `read`; None if the file does not exist."""
        return cls.read(folder) if (folder / cls.FILE).exists() else None

    def write(self, folder: Path) -> None:
        """Write the record into a folder, complete or not at all."""
        write_record(folder / self.FILE, self)


def read_record(path: Path, kind: type[T], made_by: str) -> T:
    """Read a JSON file, gzipped or not, as a value of `kind`; `made_by` names the tool in an error."""
    do = f"Remove it and run {made_by} again."
    if not path.exists():
        do = f"Run {made_by} first."
    data = read_file(path, f"the record of {made_by}", MAX_JSON, do)
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # ValidationError is a DecodeError
        raise UserError(path, "a record as this version writes it", f"{error}", do) from None


def inside(folder: Path, name: str) -> Path:
    """The path of a folder's file; UserError for a link that leads out of the folder."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(path, f"a file in {folder}", "a link out of it", "Put the file itself into the folder.")
    return path


def write_record(path: Path, record: msgspec.Struct) -> None:
    """Write a record as indented JSON, complete or not at all; fields keep their order."""
    write_text(path, msgspec.json.format(msgspec.json.encode(record), indent=1).decode() + "\n")


def without_paths(record: T) -> T:
    """A record in which every path outside the project is cut to its last name: such a path may name a person."""
    return msgspec.convert(_cut(msgspec.to_builtins(record, str_keys=True)), type(record), str_keys=True)


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _cut(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(part) for part in value]
    return OUTSIDE.sub(r"\1", value) if isinstance(value, str) else value
