"""The store of a sweep: what a kill, a damaged part, a full disk and a repeated run leave behind."""

import errno
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tumorabm.output import run_folder
from tumorabm.output.run_folder import OutputError
from tumorabm.sweep import store
from tumorabm.sweep.result import Result, failed
from tumorabm.sweep.store import FORMAT, DamagedError, PartWriter, part_bytes, read_part, read_store, series_of


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def stream(**columns):
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def done(run_id, digest="aa", ended_s=1.0):
    series = stream(time_h=[0.0, 1.0], live_blast=[4, len(run_id)])
    return Result(run_id, "done", None, 0.5, ended_s, digest, {"live_blast": 4.0, "none": None}, series)


def write(folder, *results):
    writer = PartWriter(folder)
    for result in results:
        writer.add(result)
    writer.flush()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_part_gives_back_what_was_written(tmp_path):
    write(tmp_path, done("a"), failed("b", "too stiff"))
    (path,) = tmp_path.iterdir()
    table = read_part(path)
    first, second = table.to_pylist()
    assert (first["run_id"], first["status"], first["wall_s"], first["digest"]) == ("a", "done", 0.5, "aa")
    assert dict(first["readouts"]) == {"live_blast": 4.0, "none": None}
    assert (second["status"], second["error"], second["readouts"], second["series"]) == ("failed", "too stiff", [], b"")
    ((number, series),) = series_of(table)
    assert (number, series.to_pydict()) == (0, {"time_h": [0.0, 1.0], "live_blast": [4, 1]})


def test_pages_carry_checksums(tmp_path):
    write(tmp_path, done("a"))
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(3)  # wall_s
    content[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(content)
    assert pq.ParquetFile(path).metadata.num_rows == 1  # the file's end is whole
    with pytest.raises(DamagedError):
        read_part(path)


def test_no_flipped_byte_gives_another_result(tmp_path):
    path = tmp_path / "part-1.parquet"
    content = part_bytes([done("a"), failed("b", "too stiff")], {"tumorabm_format": FORMAT})
    path.write_bytes(content)
    whole = read_part(path)
    noticed = 0
    for place in range(0, len(content), 7):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            assert read_part(path).equals(whole), place
        except (DamagedError, OutputError):
            noticed += 1
    assert noticed > len(content) // 14


def test_a_part_of_another_format_is_refused_and_stays(tmp_path):
    path = tmp_path / "part-1.parquet"
    path.write_bytes(part_bytes([done("a")], {"tumorabm_format": "2"}))
    with pytest.raises(OutputError, match="a part of format 2, expected format 1"):
        read_store(tmp_path, set_aside=True)
    assert path.exists()


def test_a_part_whose_format_is_no_number_is_damaged(tmp_path):
    path = tmp_path / "part-1.parquet"
    path.write_bytes(part_bytes([done("a")], {"tumorabm_format": "!"}))
    assert list(read_store(tmp_path).unreadable) == [path]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_part_that_is_cut_off_is_set_aside_and_its_runs_are_missing(tmp_path, share):
    write(tmp_path, done("a"))
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    write(tmp_path, done("b"))
    path.write_bytes(content[: int(share * len(content))])
    contents = read_store(tmp_path, set_aside=True)
    assert (contents.status("a"), contents.status("b")) == (None, "done")
    assert [found.name for found in contents.unreadable] == [path.name + ".unreadable"]
    assert path.with_name(path.name + ".unreadable").read_bytes() == content[: int(share * len(content))]
    again = read_store(tmp_path, set_aside=True)
    assert (again.unreadable, [found.name for found in again.set_aside]) == ({}, [path.name + ".unreadable"])


def test_only_looking_leaves_a_damaged_part_where_it_is(tmp_path):
    (tmp_path / "part-1.parquet").write_bytes(b"PAR1")
    assert list(read_store(tmp_path).unreadable) == [tmp_path / "part-1.parquet"]
    assert names(tmp_path) == ["part-1.parquet"]


def test_a_file_of_another_kind_is_no_part(tmp_path):
    pq.write_table(pa.table({"run_id": ["a"], "status": ["done"]}), tmp_path / "part-1.parquet")
    with pytest.raises(DamagedError, match="columns"):
        read_part(tmp_path / "part-1.parquet")


def test_a_part_that_may_not_be_read_is_not_taken_for_damaged(tmp_path, monkeypatch):
    write(tmp_path, done("a"))

    def refuse(self, *arguments, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OutputError, match="cannot be read: no permission"):
        read_store(tmp_path, set_aside=True)
    assert names(tmp_path)[0].endswith(".parquet")


def test_there_is_at_most_one_file_for_fifty_runs_however_often_it_is_written(tmp_path):
    clock = Clock()
    writer = PartWriter(tmp_path, clock)
    for number in range(120):
        clock.now_s += 7.0
        writer.add(done(f"run{number}"))
    assert len(names(tmp_path)) == 3
    assert len(read_store(tmp_path).chosen) > 110
    writer.flush()
    assert (len(names(tmp_path)), len(read_store(tmp_path).chosen)) == (3, 120)


def test_what_waits_is_written_when_time_is_up(tmp_path):
    clock = Clock()
    writer = PartWriter(tmp_path, clock)
    writer.add(done("a"))
    assert read_store(tmp_path).chosen == {}
    clock.now_s = store.FLUSH_S
    writer.flush_if_due()
    assert list(read_store(tmp_path).chosen) == ["a"]


def test_a_part_that_cannot_grow_keeps_what_it_had(tmp_path, monkeypatch):
    writer = PartWriter(tmp_path)
    writer.add(done("a"))
    writer.flush()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    writer.add(done("b"))

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(run_folder.os, "fsync", full)
    with pytest.raises(OutputError, match="the disk is full; those written before are safe"):
        writer.flush()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    monkeypatch.undo()
    writer.flush()
    assert sorted(read_store(tmp_path).chosen) == ["a", "b"]


def test_a_disk_without_room_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    writer = PartWriter(tmp_path / "parts")
    writer.add(done("a"))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(run_folder.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(OutputError, match="the disk is full"):
        PartWriter(tmp_path / "parts")
    with pytest.raises(OutputError, match="the disk is full; those written before are safe"):
        writer.flush()
    assert list((tmp_path / "parts").iterdir()) == []
    monkeypatch.undo()
    writer.flush()
    assert list(read_store(tmp_path / "parts").chosen) == ["a"]


def test_a_store_that_cannot_be_written_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "parts").write_text("a file")
    with pytest.raises(OutputError, match="results cannot be written"):
        PartWriter(tmp_path / "parts")


def test_a_run_that_was_done_twice_counts_once_and_its_bits_are_compared(tmp_path):
    write(tmp_path, done("same"), done("other", "aa"))
    write(tmp_path, done("same"), done("other", "bb"))
    contents = read_store(tmp_path)
    assert (contents.repeated, contents.differing, sorted(contents.chosen)) == (1, ["other"], ["other", "same"])


@pytest.mark.parametrize("last", ["done", "failed"])
def test_a_run_that_failed_once_and_was_done_is_done(tmp_path, last):
    results = [failed("a", "killed"), done("a")]
    for result in results if last == "done" else results[::-1]:
        write(tmp_path, result)
    contents = read_store(tmp_path)
    assert (contents.status("a"), contents.repeated, contents.differing) == ("done", 0, [])


def test_of_two_failures_the_later_one_is_told(tmp_path):
    write(tmp_path, Result("a", "failed", "second", 0.0, 2.0, ""))
    write(tmp_path, Result("a", "failed", "first", 0.0, 1.0, ""))
    assert read_store(tmp_path).chosen["a"]["error"] == "second"


def test_there_is_nothing_in_a_folder_that_is_not_there(tmp_path):
    contents = read_store(tmp_path / "none")
    assert (contents.chosen, contents.parts, contents.status("a")) == ({}, [], None)
