"""What happened to whom: doses, divisions and deaths, kept as columns until they are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

EVENT_COLUMNS = ("time_h", "site", "event", "uid", "type", "x_um", "y_um", "z_um")


class EventLog:
    """A buffer of events at one site; ``len`` counts those that were not drained.

    Parameters
    ----------
    site
        Name of the site.
    """

    def __init__(self, site: str) -> None:
        self.site = site
        self._parts: list[tuple[float, str, np.ndarray, list[str], np.ndarray]] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(
        self,
        time_h: float,
        event: str,
        uids: np.ndarray | None = None,
        types: Sequence[str] = ("",),
        positions_um: np.ndarray | None = None,
    ) -> None:
        """Note ``event`` for cells ``uids`` (n,) at ``positions_um`` (n, 3); without cells, for the whole tissue."""
        if uids is None:
            uids, positions_um = np.zeros(1, np.int64), np.full((1, 3), np.nan)
        if len(uids):
            self._parts.append((time_h, event, uids.copy(), list(types), positions_um.copy()))
            self._length += len(uids)

    def drain(self) -> dict[str, np.ndarray]:
        """Return all events as columns `EVENT_COLUMNS`, and empty the buffer."""
        parts, self._parts, self._length = self._parts, [], 0
        counts = [len(part[2]) for part in parts]
        positions = np.concatenate([part[4] for part in parts]) if parts else np.empty((0, 3))
        return {
            "time_h": np.repeat(np.array([part[0] for part in parts], dtype=float), counts),
            "site": np.full(sum(counts), self.site, dtype=object),
            "event": np.repeat(np.array([part[1] for part in parts], dtype=object), counts),
            "uid": np.concatenate([part[2] for part in parts]) if parts else np.empty(0, np.int64),
            "type": np.array([name for part in parts for name in part[3]], dtype=object),
            "x_um": positions[:, 0],
            "y_um": positions[:, 1],
            "z_um": positions[:, 2],
        }

    def state(self) -> dict[str, Any]:
        """Return the events that were not drained for `restore`: one row a call of `add`, and one row an event."""
        types = [name for part in self._parts for name in part[3]]
        names, kinds = np.unique(np.array(types, dtype=str), return_inverse=True)
        return {
            "times_h": [part[0] for part in self._parts],
            "events": [part[1] for part in self._parts],
            "ends": np.cumsum([len(part[2]) for part in self._parts], dtype=np.int64),
            "uids": np.concatenate([np.empty(0, np.int64), *(part[2] for part in self._parts)]),
            "positions_um": np.concatenate([np.empty((0, 3)), *(part[4] for part in self._parts)]),
            "type_names": names.tolist(),
            "types": kinds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Hold the events of the log whose `state` this was."""
        uids, positions_um = np.array(state["uids"]), np.array(state["positions_um"])
        types = [state["type_names"][kind] for kind in np.asarray(state["types"]).tolist()]
        ends = np.asarray(state["ends"]).tolist()
        self._parts = [
            (time_h, event, uids[start:end], types[start:end], positions_um[start:end])
            for time_h, event, (start, end) in zip(state["times_h"], state["events"], pairwise([0, *ends]), strict=True)
        ]
        self._length = len(uids)


def drain_all(logs: Iterable[EventLog]) -> dict[str, np.ndarray]:
    """Empty several buffers; return their events as columns, in the order of time."""
    drained = [log.drain() for log in logs]
    if len(drained) == 1:
        return drained[0]
    columns = {name: np.concatenate([events[name] for events in drained]) for name in EVENT_COLUMNS}
    order = np.argsort(columns["time_h"], kind="stable")
    return {name: values[order] for name, values in columns.items()}
