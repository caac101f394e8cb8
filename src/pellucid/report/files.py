"""Where a report goes, and its writing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pellucid.errors import StorageError, UsageError, unknown_name
from pellucid.report.document import Document
from pellucid.report.printing import pdf

FORMATS = ("html", "md", "pdf")


def place(
    names: Sequence[str], output: Path | None, format: str | None, tables: Path | None = None, *, force: bool = False
) -> Path:
    """The file to write, its ending the format; by default the names', in the folder where one is.

    Raises UsageError for another format, or where a file is in the way and `force` is not given; StorageError where
    its folder is not there.
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
    if not target.parent.is_dir():
        raise StorageError(f"{target}: expected the folder {target.parent}, found none. Make it, or name another.")
    for taken in (target, _pictures(target), tables):
        if taken is not None and taken.exists() and not force and not _empty(taken):
            raise UsageError(f"{taken}: expected nothing there, found it. Give another place, or --force.")
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
            return [_write(target, pdf(document.html()))]
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
