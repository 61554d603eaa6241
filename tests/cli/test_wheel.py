"""The wheel carries what a run needs, and the package finds it there: no clone is needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from assay import folders

pytestmark = pytest.mark.slow

ROOT = Path(folders.__file__).resolve().parents[1]
FOLDERS = ("openapi", "contract_tests", "load_tests")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", str(folder)]
    done = subprocess.run([*build, str(ROOT)], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as packed:
        return set(packed.namelist())


def of_the_repository(folder: str) -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return {name for name in listed if (ROOT / name).is_file()}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_wheel_holds_every_file_of(wheel: set[str], folder: str) -> None:
    wanted = of_the_repository(folder)
    assert len(wanted) >= 5
    assert {f"assay/_bundled/{name}" for name in wanted} <= wheel


def test_the_wheel_holds_the_package_and_no_test_of_the_project(wheel: set[str]) -> None:
    assert of_the_repository("assay") <= wheel
    assert {name for name in wheel if name.startswith("tests/") or "__pycache__" in name} == set()
    assert any(name.endswith("entry_points.txt") for name in wheel)


def test_the_wheel_holds_the_scores_that_reports_and_certificates_show(wheel: set[str]) -> None:
    wanted = of_the_repository("reports/baselines")
    assert "reports/baselines/detection.json" in wanted
    assert {f"assay/_bundled/{name}" for name in wanted} <= wheel


def test_in_a_clone_the_folders_lie_beside_the_package() -> None:
    assert {name: folders.top(name) for name in FOLDERS} == {name: ROOT / name for name in FOLDERS}
    assert all(folders.top(name).is_dir() for name in FOLDERS)


def test_in_an_installed_wheel_they_lie_inside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "assay"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, package / "_bundled" / name)
    monkeypatch.setattr(folders, "_PACKAGE", package)
    assert {name: folders.top(name) for name in FOLDERS} == {name: package / "_bundled" / name for name in FOLDERS}


def test_the_contract_is_read_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.contract import documents

    package = tmp_path / "site-packages" / "assay"
    shutil.copytree(ROOT / "openapi", package / "_bundled" / "openapi")
    monkeypatch.setattr(folders, "_PACKAGE", package)
    assert documents.load().source == package / "_bundled" / "openapi" / documents.VERSION / documents.DOCUMENT
