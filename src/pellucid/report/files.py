"""Where a report goes, and its writing."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pellucid.errors import StorageError, UsageError, unknown_name
from pellucid.report.document import Document
from pellucid.report.printing import pdf, printer

FORMATS = ("html", "md", "pdf")


def place(
    names: Sequence[str], output: Path | None, format: str | None, tables: Path | None = None, *, force: bool = False
) -> Path:
    """The file to write, its ending the format; by default the names', in the folder where one is.

    Everything that the writing needs is asked for here, before anything is computed.

    Raises UsageError for another format, where a file is in the way and `force` is not given, or where no browser
    prints a PDF; StorageError where the folder of the file or of `tables` is not there, or cannot be written to.
    """
    if format is not None and format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    if output is None:
        stem = re.sub(r"[^\w.-]+", "-", "-".join(Path(name).name for name in names), flags=re.ASCII)[:80]
        output = Path(f"{stem.strip('-.') or 'report'}.{format or 'html'}")
    ending = output.suffix.removeprefix(".").lower()
    if format is None and ending not in FORMATS:
        raise UsageError(
            f"output: expected a name that ends in .{', .'.join(FORMATS)}, found {output}. Or say --format."
        )
    target = output if ending == (format or ending) else output.with_name(f"{output.name}.{format}")
    folders = [one for one in (_pictures(target), tables) if one is not None]
    for taken in (target, *folders):
        _check_writable(taken)
        if taken.exists() and not force and not _empty(taken):
            raise UsageError(f"{taken}: expected nothing there, found it. Give another place, or --force.")
    if target.is_dir():
        raise StorageError(f"{target}: expected a file or nothing there, found a folder. Name another place.")
    for folder in folders:
        if folder.exists() and not folder.is_dir():
            raise StorageError(f"{folder}: expected a folder or nothing there, found a file. Name another place.")
    if target.suffix.lower() == ".pdf":
        printer()
    return target


def save(document: Document, target: Path) -> list[Path]:
    """Writes the document in the format that the name ends in; the files, the report first.

    Raises StorageError where one cannot be written.
    """
    match target.suffix.lower():
        case ".md":
            folder = target.with_name(f"{target.stem}_files")
            text, pictures = document.markdown(folder.name)
            return [_write(target, text.encode()), *(_write(folder / k, v) for k, v in pictures.items())]
        case ".pdf":
            return [_write(target, pdf(document.html(printed=True)))]
    return [_write(target, document.html().encode())]


def save_tables(document: Document, folder: Path) -> list[Path]:
    """Every table as CSV and as LaTeX, named by its section and number; the files."""
    written = []
    for section in document.sections:
        for number, table in enumerate(section.tables(), 1):
            stem = f"{section.key}-{number}"
            written.append(_write(folder / f"{stem}.csv", table.csv().encode()))
            written.append(_write(folder / f"{stem}.tex", f"{table.latex()}\n".encode()))
    return written


def _pictures(target: Path) -> Path | None:
    """The folder of a Markdown file's pictures."""
    return target.with_name(f"{target.stem}_files") if target.suffix.lower() == ".md" else None


def _check_writable(path: Path) -> None:
    """Raises StorageError where the folder of `path` is not there, or what is there may not be written to."""
    folder = path.parent
    if not folder.is_dir():
        raise StorageError(f"{path}: expected the folder {folder}, found none. Make it, or name another.")
    there = path if path.exists() else folder
    if not os.access(there, os.W_OK):
        raise StorageError(
            f"{path}: expected to write here, found that I may not write to {there}. Give another place."
        )


def _empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _write(path: Path, data: bytes) -> Path:
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise StorageError(
            f"{path}: expected to write {len(data):,} bytes here, found that I cannot ({error.strerror}). "
            "Give another place."
        ) from error
    return path
