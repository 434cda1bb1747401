"""Read the files of W&B's offline runs: records in a log of LevelDB's format, behind seven bytes of W&B's own."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

from wandb.proto.wandb_internal_pb2 import Record

BLOCK, HEADER = 32_768, struct.Struct("<IHB")
LAST_PART = (1, 4)
"""Kinds of chunks with which a record ends: the whole of it, or its last part."""


def read_records(path: Path) -> Iterator[Record]:
    """Yield a run's records; a chunk never crosses the end of a block."""
    data, place, whole = path.read_bytes(), 7, b""
    while place + HEADER.size <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER.size:
            place += left
            continue
        _, length, kind = HEADER.unpack_from(data, place)
        start = place + HEADER.size
        whole, place = whole + data[start : start + length], start + length
        if kind in LAST_PART:
            record = Record()
            record.ParseFromString(whole)
            whole = b""
            yield record


def files_of(folder: Path) -> list[Path]:
    """The files of a folder's runs, in the order in which they ended: two may have begun in one second."""
    return sorted(folder.glob("wandb/*run-*/*.wandb"), key=lambda path: path.stat().st_mtime_ns)


def read_run(path: Path) -> dict:
    """What a run has: run (W&B's own record), config, rows, summary, artifacts by name."""
    found: dict = {"config": {}, "rows": [], "summary": {}, "artifacts": {}}
    for record in read_records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found["run"] = record.run
            found["config"] |= {own.key: json.loads(own.value_json) for own in record.run.config.update}
        elif kind == "history":
            found["rows"].append({_key(own): json.loads(own.value_json) for own in record.history.item})
        elif kind == "summary":
            found["summary"] |= {_key(own): json.loads(own.value_json) for own in record.summary.update}
        elif kind == "artifact":
            found["artifacts"][record.artifact.name] = record.artifact
    return found


def _key(item) -> str:
    return item.key or ".".join(item.nested_key)
