"""Reads and writes NumPy's .npy files, format 1.0, without NumPy.

A file is: magic, version, length of the header (2 bytes, little-endian), the header - a Python
dict literal padded with spaces so that the data starts at a multiple of 64 - and the raw numbers.
"""

from __future__ import annotations

import ast
import struct
from pathlib import Path

from moola.utils.dataset import Matrix
from moola.utils.files import atomic_path

MAGIC = b"\x93NUMPY\x01\x00"
FLOAT64 = "<f8"
INT64 = "<i8"


def write_matrix(path: Path, rows: Matrix) -> None:
    """Write rows of equal length as float64, shape (n, columns)."""
    columns = len(rows[0])
    if any(len(row) != columns for row in rows):
        raise ValueError(f"{path}: rows differ in length")
    values = [value for row in rows for value in row]
    body = struct.pack(f"<{len(values)}d", *values)
    _write(path, FLOAT64, f"({len(rows)}, {columns})", body)


def write_labels(path: Path, labels: list[int]) -> None:
    """Write class numbers as int64, shape (n,)."""
    _write(path, INT64, f"({len(labels)},)", struct.pack(f"<{len(labels)}q", *labels))


def read_matrix(path: Path) -> Matrix:
    """Read what `write_matrix` wrote."""
    content = path.read_bytes()
    if content[: len(MAGIC)] != MAGIC:
        raise ValueError(f"{path}: not an .npy file of format 1.0")
    start = len(MAGIC) + 2
    (header_length,) = struct.unpack("<H", content[len(MAGIC) : start])
    header = ast.literal_eval(content[start : start + header_length].decode("latin-1"))
    shape = header["shape"]
    if header["descr"] != FLOAT64 or header["fortran_order"] or len(shape) != 2:
        raise ValueError(f"{path}: expected rows of float64, found {header}")
    row_format = struct.Struct(f"<{shape[1]}d")
    body = content[start + header_length :]
    if len(body) != shape[0] * row_format.size:
        raise ValueError(f"{path}: {len(body)} bytes of data do not make the shape {shape}")
    return [list(row) for row in row_format.iter_unpack(body)]


def _write(path: Path, descr: str, shape: str, body: bytes) -> None:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    padding = -(len(MAGIC) + 2 + len(header) + 1) % 64
    header += " " * padding + "\n"
    with atomic_path(path) as temporary:
        temporary.write_bytes(
            MAGIC + struct.pack("<H", len(header)) + header.encode("latin-1") + body
        )
