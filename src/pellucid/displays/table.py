"""Rows and columns, for terminals, pages, papers and programs."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.displays import svg
from pellucid.displays.display import Display, plain
from pellucid.displays.palette import INK, LINE, QUIET

_ROW, _CHARACTER, _GAP = 22, 7.3, 24
#: Characters of a cell in a page, at most.
_LONGEST = 800
#: Signs that LaTeX runs together: -- is one dash, '' one quotation mark, ?` a question mark on its head.
_JOINED = re.compile(r"([-'`,])(?=\1)|([?!])(?=`)")
#: Texts that are numbers for sure: with a sign, a bound or a point. Others may be names, such as classes of digits.
_NUMBER = re.compile(r"(≥ |[+-])\d[\d,]*(\.\d+)?|\d[\d,]*\.\d+")


@dataclass(frozen=True)
class Table(Display):
    """columns: their names. rows: one value a column each; None is a dash, numbers stand to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"title": self.title, "columns": list(self.columns), "rows": [list(row) for row in self.rows]}

    def records(self) -> list[dict[str, Any]]:
        """One dict a row, for programs; keys are the column names with underscores."""
        keys = [name.replace(" ", "_").replace("-", "_") for name in self.columns]
        return [plain(dict(zip(keys, row, strict=True))) for row in self.rows]

    def text(self) -> str:
        """For a terminal: columns aligned by spaces, a rule under their names."""
        cells = [[svg.printable(cell) for cell in row] for row in self._cells()]
        names = [svg.printable(name) for name in self.columns]
        widths = [max([len(name), *(len(row[k]) for row in cells)]) for k, name in enumerate(names)]
        right = self._numeric()

        def line(row: Sequence[str]) -> str:
            parts = (cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True))
            return "  ".join(parts).rstrip()

        head = [line(names), "  ".join("-" * width for width in widths)] if any(names) else []
        return "\n".join([*([self.title] if self.title else []), *head, *map(line, cells)])

    def markdown(self) -> str:
        """For a Markdown document; no cell is taken for HTML."""

        def line(cells: Sequence[str]) -> str:
            return (
                "| "
                + " | ".join(svg.printable(cell).replace("|", "\\|").replace("<", "&lt;") for cell in cells)
                + " |"
            )

        rule = line(["---:" if right else "---" for right in self._numeric()])
        return "\n".join([line(self.columns), rule, *map(line, self._cells())])

    def csv(self) -> str:
        """For a spreadsheet: values as they are; a cell with a line break of any kind is quoted, one of "\\r" too."""
        lines = []
        for row in (self.columns, *self.rows):
            out = io.StringIO()
            csv.writer(out, lineterminator="\r\n").writerow(row)
            lines.append(out.getvalue().removesuffix("\r\n"))
        return "".join(f"{line}\n" for line in lines)

    def latex(self) -> str:
        """For a paper: a booktabs table, its title the caption; needs ``\\usepackage{booktabs}``.

        No cell is an option of the row before it, and -- stays two signs, as commands have it.

        >>> print(Table(("a_b", "n"), [("x & y", 1)]).latex())
        \\begin{tabular}{lr}
        \\toprule
        a\\_b & n \\\\
        \\midrule
        x \\& y & 1 \\\\
        \\bottomrule
        \\end{tabular}
        """

        def line(cells: Sequence[str]) -> str:
            words = " & ".join(map(_tex, cells)) + r" \\"
            return f"{{}}{words}" if words.startswith(("[", "*")) else words

        columns = "".join("r" if right else "l" for right in self._numeric())
        body = [line(self.columns), r"\midrule"] if any(self.columns) else []
        body += map(line, self._cells())
        inner = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *body, r"\bottomrule", r"\end{tabular}"]
        if not self.title:
            return "\n".join(inner)
        whole = [r"\begin{table}", r"\centering", rf"\caption{{{_tex(self.title)}}}", *inner, r"\end{table}"]
        return "\n".join(whole)

    def fragment(self) -> str:
        return self.linked({})

    def linked(self, links: Mapping[tuple[int, int], str]) -> str:
        """The fragment, with addresses behind the cells of some (row, column)."""
        right = self._numeric()

        def row(cells: Sequence[str], tag: str, number: int = -1) -> str:
            parts = []
            for column, (cell, r) in enumerate(zip(cells, right, strict=True)):
                text = html.escape(_clipped(cell))
                if (number, column) in links:
                    text = f'<a href="{html.escape(links[number, column])}">{text}</a>'
                kind = tag if text else "td"  # a column without a name has no heading
                parts.append(f"<{kind}{' class=number' if r else ''}>{text}</{kind}>")
            return f"<tr>{''.join(parts)}</tr>"

        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        body = "".join(row(cells, "td", k) for k, cells in enumerate(self._cells()))
        return f"<table>{caption}<thead>{row(self.columns, 'th')}</thead><tbody>{body}</tbody></table>"

    def svg(self) -> str:
        cells, right = [list(self.columns), *self._cells()], self._numeric()
        widths = [max(len(row[k]) for row in cells) * _CHARACTER + _GAP for k in range(len(self.columns))]
        top = 34 if self.title else 8
        width = max(sum(widths), len(self.title) * 8.6) + 16
        parts = [svg.text(self.title, x=8, y=20, font_weight=600, font_size=14, fill=INK)] if self.title else []
        for i, row in enumerate(cells):
            y, x = top + _ROW * i + 15, 8.0
            for cell, w, r in zip(row, widths, right, strict=True):
                at, anchor = (x + w - _GAP / 2, "end") if r else (x, "start")
                parts.append(svg.text(cell, x=at, y=y, text_anchor=anchor, font_size=12, fill=INK if i else QUIET))
                x += w
            parts.append(svg.element("path", d=f"M8 {y + 7}H{width - 8:.0f}", stroke=LINE))
        return svg.document(width, top + _ROW * len(cells) + 12, "".join(parts))

    def png(self) -> bytes:
        import vl_convert

        return bytes(vl_convert.svg_to_png(self.svg(), scale=2))

    def _cells(self) -> list[list[str]]:
        return [[_text(value) for value in row] for row in self.rows]

    def _numeric(self) -> list[bool]:
        """Which columns stand to the right: those of numbers, and of texts that begin and read like one.

        Digits alone may be the name of a class: they are numbers beside others.
        """
        found = []
        for k in range(len(self.columns)):
            values = [row[k] for row in self.rows if row[k] is not None]
            rest = [value for value in values if not _is_number(value)]
            digits = all(isinstance(value, str) and value.isdecimal() for value in rest)
            found.append(digits and len(rest) < len(values))
        return found


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return value.endswith(" %") or value == "-" or _NUMBER.fullmatch(value) is not None
    return isinstance(value, (int, float))


def _clipped(words: str) -> str:
    """No cell of a page is endless; data and CSV hold it whole."""
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


#: What LaTeX reads as something else than itself.
_TEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip


def _tex(words: str) -> str:
    signs = "".join(_TEX.get(sign, sign) for sign in svg.printable(words))
    return _JOINED.sub(lambda one: f"{one[0]}{{}}", signs)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
