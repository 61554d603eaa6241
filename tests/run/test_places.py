"""Where reports lie is remembered, newest first."""

from __future__ import annotations

from pathlib import Path

from assay.run import places


def test_the_newest_comes_first_and_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    env = {"ASSAY_STATE_DIR": str(tmp_path / "state")}
    folders = [tmp_path / name for name in "abc"]
    assert places.remembered(env) == []
    for folder in (*folders, folders[0]):
        folder.mkdir(exist_ok=True)
        places.remember(folder, env)
    assert places.remembered(env) == [folders[0], folders[2], folders[1]]
    folders[2].rmdir()
    places.remember(folders[1], env)
    assert places.remembered(env) == [folders[1], folders[0]]


def test_where_it_cannot_be_noted_nothing_is_lost(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    env = {"ASSAY_STATE_DIR": str(tmp_path / "state")}
    places.remember(tmp_path, env)
    assert places.remembered(env) == []
