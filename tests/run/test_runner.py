from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from maskdepth_cli.errors import ExitCode, NothingToDoError, OutputError
from maskdepth_cli.run.jobs import LeftOut, Plan
from maskdepth_cli.run.target import LOCK, MANIFEST


def lines(house):
    return [json.loads(line) for line in (house.target / MANIFEST).read_text().splitlines()]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != MANIFEST
    }


def test_writes_every_file_and_one_line_each_in_order(house, photos):
    assert house.run(*photos(7)) == ExitCode.OK
    assert tree(house.target) == {f"{i:03}.out": f"photo {i}"[::-1].encode() for i in range(7)}
    assert [line["name"] for line in lines(house)] == [f"{i:03}.txt" for i in range(7)]
    assert {line["status"] for line in lines(house)} == {"done"}
    assert lines(house)[0]["details"] == {"length": 7}


def test_a_second_run_loads_nothing_and_no_worker(house, photos):
    jobs = photos(5)
    house.run(*jobs)
    before = tree(house.target), (house.target / MANIFEST).read_bytes()
    assert house.run(*jobs) == ExitCode.OK
    assert house.worker is None
    assert (tree(house.target), (house.target / MANIFEST).read_bytes()) == before


@pytest.mark.parametrize("what", ["photo", "mask", "settings", "output", "manifest", "overwrite"])
def test_what_changed_is_done_again_and_nothing_else(house, what):
    for name in "ab":
        house.write(f"{name}.txt", b"photo " + name.encode())
        house.write(f"{name}.mask", b"mask " + name.encode())
    jobs = [house.job(f"{name}.txt", f"{name}.mask") for name in "ab"]
    house.run(*jobs)
    again = ["b.txt"]
    if what == "photo":
        house.write("b.txt", b"photo x")
        os.utime(house.root / "in" / "b.txt", ns=(1, 1))
    elif what == "mask":
        house.write("b.mask", b"a longer mask")
    elif what == "settings":
        house.settings = {"weights": "w2"}
        again = ["a.txt", "b.txt"]
    elif what == "output":
        (house.target / "b.out").write_bytes(b"trunc")
    elif what == "manifest":
        path = house.target / MANIFEST
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    house.run(*jobs, overwrite=what == "overwrite")
    assert house.loaded == (["a.txt", "b.txt"] if what == "overwrite" else again)
    expected = [(house.root / "in" / f"b.{end}").read_bytes() for end in ("txt", "mask")]
    assert (house.target / "b.out").read_bytes() == b"".join(expected)[::-1]
    assert [line["name"] for line in lines(house)] == ["a.txt", "b.txt"]
    house.run(*jobs)
    assert house.loaded == []


def test_a_touched_file_is_hashed_but_not_done_again(house, photos, capsys):
    jobs = photos(2)
    house.run(*jobs)
    written = (house.target / "001.out").stat().st_mtime_ns
    os.utime(jobs[1].image, ns=(5, 5))
    assert house.run(*jobs, json=True) == ExitCode.OK
    assert house.loaded == []
    assert (house.target / "001.out").stat().st_mtime_ns == written
    assert [json.loads(row)["status"] for row in capsys.readouterr().out.splitlines()] == [
        "skipped",
        "skipped",
    ]
    house.run(*jobs)
    assert house.worker is None  # its new time is known now


def test_a_preview_asked_for_later_is_made(house):
    house.write("a.txt", b"photo")
    house.run(house.job("a.txt"))
    house.run(house.job("a.txt", preview=True))
    assert house.loaded == ["a.txt"]
    assert (house.target / "previews/a.png").exists()
    house.run(house.job("a.txt"))
    assert house.loaded == []


def test_bad_files_fail_alone(house, capsys):
    for name, content in {"a": b"good", "b": b"bad", "c": b"good too"}.items():
        house.write(f"{name}.txt", content)
    jobs = [house.job(f"{name}.txt") for name in "abcd"]  # d does not exist
    assert house.run(*jobs) == ExitCode.SOME_FAILED
    assert tree(house.target) == {"a.out": b"doog", "c.out": b"oot doog"}
    assert [line["status"] for line in lines(house)] == ["done", "failed", "done", "failed"]
    errors = capsys.readouterr().err
    assert "failed: b.txt: " in errors
    assert "b.txt: is bad" in errors
    assert "d.txt: cannot be read: No such file" in errors
    house.write("b.txt", b"mended")
    assert house.run(*jobs) == ExitCode.SOME_FAILED
    assert house.loaded == ["b.txt"]
    assert [line["status"] for line in lines(house)] == ["done", "done", "done", "failed"]


def test_one_poisoned_photo_does_not_spoil_its_batch(house, capsys):
    for name, content in {"a": b"1", "b": b"poison", "c": b"3", "d": b"4"}.items():
        house.write(f"{name}.txt", content)
    jobs = [house.job(f"{name}.txt") for name in "abcd"]
    assert house.run(*jobs, batch_size=4) == ExitCode.SOME_FAILED
    assert sorted(tree(house.target)) == ["a.out", "c.out", "d.out"]
    assert house.worker.computed == [4, 1, 1, 1, 1]
    assert "b.txt: RuntimeError: poison in this batch" in capsys.readouterr().err


def test_json_lines_tell_all_and_nothing_else_reaches_stdout(house, capsys):
    house.write("a.txt", b"good")
    house.write("b.txt", b"bad")
    plan = Plan(
        (house.job("a.txt"), house.job("b.txt")),
        (LeftOut("c.txt", Path("c.txt"), "no mask for it"),),
        ("no photo for the mask d",),
    )
    assert house.run(plan=plan, json=True) == ExitCode.SOME_FAILED
    out, err = capsys.readouterr()
    rows = {row["name"]: row for row in map(json.loads, out.splitlines())}
    assert {name: row["status"] for name, row in rows.items()} == {
        "a.txt": "done",
        "b.txt": "failed",
        "c.txt": "failed",
    }
    assert rows["a.txt"]["output"] == str(house.target / "a.out")
    assert rows["a.txt"]["path"] == str(house.root / "in" / "a.txt")
    assert rows["b.txt"]["output"] is None
    assert rows["c.txt"]["message"] == "no mask for it"
    assert "no photo for the mask d" in err
    assert "failed: c.txt: no mask for it" in err


def test_quiet_prints_failures_only(house, capsys):
    house.write("a.txt", b"good" * 50)
    house.write("b.txt", b"bad")
    house.run(house.job("a.txt"), house.job("b.txt"), quiet=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [f"failed: b.txt: {house.root}/in/b.txt: is bad"]


def test_a_warning_is_printed_and_recorded(house, capsys):
    house.write("a.txt", b"good" * 50)
    assert house.run(house.job("a.txt")) == ExitCode.OK
    assert "a.txt: long" in capsys.readouterr().err
    assert lines(house)[0]["message"] == "long"


def test_dry_run_writes_nothing(house, photos, capsys):
    jobs = photos(3)
    house.run(jobs[0])
    before = tree(house.root)
    capsys.readouterr()
    assert house.run(*jobs, dry_run=True, json=True) == ExitCode.OK
    assert tree(house.root) == before
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert [row["status"] for row in rows] == ["skipped", "planned", "planned"]
    assert rows[2]["output"] == str(house.target / "002.out")


def test_dry_run_makes_no_folder(house, photos):
    house.run(*photos(1), dry_run=True)
    assert not house.target.exists()


def test_nothing_to_do(house):
    plan = Plan((), (LeftOut("c.txt", Path("c.txt"), "no mask for it"),))
    with pytest.raises(NothingToDoError):
        house.run(plan=plan)
    assert not house.target.exists()


def test_target_that_is_a_file_is_refused_before_work(house, photos):
    jobs = photos(1)
    house.target.write_text("mine")
    with pytest.raises(OutputError):
        house.run(*jobs)
    assert house.worker is None
    assert house.target.read_text() == "mine"


def test_a_folder_in_the_way_fails_one_file(house, photos):
    jobs = photos(4)
    (house.target / "001.out").mkdir(parents=True)
    assert house.run(*jobs) == ExitCode.SOME_FAILED
    assert [line["status"] for line in lines(house)] == ["done", "failed", "done", "done"]


def test_a_target_removed_during_the_run_ends_it(house, photos):
    jobs = photos(40)

    def remove(worker, loaded):
        if len(worker.computed) == 20:
            shutil.rmtree(house.target)
        return original(worker, loaded)

    original = house.worker_type.compute
    house.worker_type = type("Remover", (house.worker_type,), {"compute": remove})
    with pytest.raises(OutputError, match="removed"):
        house.run(*jobs)
    assert len(house.loaded) < 40


def test_odd_names_survive(house, capsys):
    names = ["new\nline.txt", "quote\"'.txt", os.fsdecode(b"latin-\xe9.txt"), "[red]x[/red].txt"]
    for name in names:
        house.write(name, b"photo")
    house.write("bad\x1b[31m\n.txt", b"bad")
    jobs = [house.job(name) for name in [*names, "bad\x1b[31m\n.txt"]]
    assert house.run(*jobs, json=True) == ExitCode.SOME_FAILED
    out, err = capsys.readouterr()
    rows = [json.loads(row) for row in out.splitlines()]
    assert [row["name"] for row in rows] == [job.name for job in jobs]
    assert {os.fsencode(row["output"]) for row in rows if row["output"]} == {
        os.fsencode(path) for path in house.target.rglob("*") if path.suffix == ".out"
    }
    assert "\x1b" not in err
    assert "failed: bad\\x1b[31m\\n.txt: " in err
    assert house.run(*jobs[:-1]) == ExitCode.OK
    assert house.loaded == []


def test_no_lock_or_temporary_file_stays(house, photos):
    jobs = photos(3)
    (house.target).mkdir()
    (house.target / LOCK).write_text("")
    (house.target / f".maskdepth-{'0' * 32}.tmp.out").write_text("half")
    assert house.run(*jobs) == ExitCode.OK
    assert sorted(path.name for path in house.target.iterdir()) == [
        "000.out",
        "001.out",
        "002.out",
        MANIFEST,
    ]
