"""TOML files of users: where each value stands, and what a mistake is answered with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, PlainValidator, model_validator

from assay.errors import EXIT_USAGE, SettingsError
from assay.toml_file import Duration, KeyRefusedError, Number, TomlFile, TomlTable, locate, parse_duration

DOCUMENT = '''\
# a comment = with an equals sign
top = 1
text = """
[not.a.table]
top = 2
""" # ]
"quoted key".'dotted'.deep = { a = 1, b = ["}", '#', { c = 2 }] }
list = [
  # 1
  { x = 1 }, # {
  [ 2,
    3 ],
]

[table]
key = 1979-05-27T07:32:00Z
[table.below]
key = true
[[many]]
name = "first"
[[many.inner]]
name = "first of first"
[[many]]
name = "second"
[[many.inner]]
name = \'\'\'
[[many]]
\'\'\'
[[many.inner]]
[many.inner.table]
last = -1.5e3
'''

PLACES: dict[tuple[str | int, ...], int] = {
    ("top",): 2,
    ("text",): 3,
    ("quoted key",): 7,
    ("quoted key", "dotted", "deep", "b", 2, "c"): 7,
    ("list",): 8,
    ("list", 0, "x"): 10,
    ("list", 1): 11,
    ("list", 1, 1): 12,
    ("table",): 15,
    ("table", "key"): 16,
    ("table", "below"): 17,
    ("table", "below", "key"): 18,
    ("many",): 19,
    ("many", 0, "name"): 20,
    ("many", 0, "inner", 0, "name"): 22,
    ("many", 1): 23,
    ("many", 1, "inner", 0, "name"): 26,
    ("many", 1, "inner", 1): 29,
    ("many", 1, "inner", 1, "table", "last"): 31,
}


def paths(value: Any, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    """The paths of all values in a document."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = {path} if path else set()
    for step, member in members:
        found |= paths(member, (*path, step))
    return found


def test_every_value_is_found_where_it_stands() -> None:
    lines = locate(DOCUMENT)
    assert {path: lines[path] for path in PLACES} == PLACES
    assert set(lines) == paths(TomlFile.parse(DOCUMENT, Path("f.toml")).values)


@pytest.mark.parametrize("name", ["profiles.toml", "slo.toml"])
def test_every_value_of_the_shipped_files_is_found(name: str) -> None:
    from assay import folders

    toml = TomlFile.read(folders.top("load_tests") / name)
    lines = locate(toml.text)
    assert set(lines) == paths(toml.values)
    for path, line in lines.items():
        if isinstance(path[-1], str):
            assert path[-1] in toml.text.splitlines()[line - 1]


def test_what_is_not_written_down_is_told_at_the_table_around_it() -> None:
    toml = TomlFile.parse("a = 1\n\n[b]\nc = 1\n", Path("f.toml"))
    assert [toml.line(path) for path in ((), ("z",), ("b", "z"), ("b", "c"))] == [1, 1, 3, 4]


class Stage(TomlTable):
    to: Annotated[float, PlainValidator(Number(0, 10))] = 1.0
    seconds: Annotated[float, PlainValidator(Duration(1.0))] = Field(alias="duration")
    measured: bool = True


class Shape(TomlTable):
    name: str = "none"
    kind: Literal["constant", "poisson"] = "constant"
    count: Annotated[int, PlainValidator(Number(1, 64, whole=True))] = 1
    stages: list[Stage] = Field(default_factory=list)
    levels: dict[str, Stage] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agree(self) -> Shape:
        if self.name == "bad":
            raise KeyRefusedError("name", "no shape is called bad")
        if self.name == "worse":
            raise ValueError("a shape needs another name")
        return self


MISTAKES = [
    ("name = 1", 1, "name = 1; allowed: text in quotes"),
    ('\nname = "bad"', 2, "no shape is called bad"),
    ('\nname = "worse"', 1, "a shape needs another name"),
    ('kind = "bursty"', 1, "kind = 'bursty'; allowed: constant, poisson"),
    ("count = 0", 1, "count = 0; allowed: a whole number from 1 to 64"),
    ("count = 1.5", 1, "count = 1.5; allowed: a whole number from 1 to 64"),
    ("count = true", 1, "count = True; allowed: a whole number from 1 to 64"),
    ("stages = 5", 1, "stages = 5 must be a list of tables, such as [{"),
    ("\nlevels = 5", 2, "levels = 5 must be a table"),
    ("[[stages]]\nto = 11", 2, "[stages] to = 11; allowed: a number from 0 to 10"),
    ("[[stages]]\nduration = 1\n[[stages]]\nto = 1", 3, "[stages] duration is missing"),
    ('[[stages]]\nduration = "soon"', 2, "duration = 'soon'; allowed: seconds as a number, or text with units ms"),
    ('[[stages]]\nduration = "100ms"', 2, "duration = '100ms'; allowed: at least 1 s"),
    ("[[stages]]\nduration = 1\nmeasured = 1", 3, "measured = 1; allowed: true or false"),
    ("[[stages]]\nto = 99\ndration = 1", 3, "unknown key 'dration'; did you mean 'duration'?; allowed: duration, "),
    ("[levels.a]\nx = 1", 2, "[levels.a] unknown key 'x'; allowed: duration, measured, to"),
    ("zzz = 1", 1, "unknown key 'zzz'; allowed: count, kind, levels, name, stages"),
    ("name = \n", 1, "not valid TOML: Invalid value"),
    ("stages = [\n", 2, "not valid TOML: "),
    ("\n\ncount = " + "9" * 5000, 3, "not valid TOML: a number has too many digits"),
]


@pytest.mark.parametrize(("text", "line", "said"), MISTAKES, ids=[f"{line}-{said}" for _, line, said in MISTAKES])
def test_a_mistake_is_told_with_line_value_and_what_is_allowed(text: str, line: int, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        TomlFile.parse(text, Path("f.toml")).table(Shape)
    assert caught.value.message.startswith(f"f.toml:{line}: ")
    assert said in caught.value.message
    assert caught.value.hint in (f"correct line {line} of f.toml", "https://toml.io shows the syntax")
    assert caught.value.exit_code == EXIT_USAGE


def test_a_document_without_bottom_is_told() -> None:
    with pytest.raises(SettingsError, match=r"f.toml: not valid TOML: tables or lists stand too deep in each other"):
        TomlFile.parse("a = " + "[" * 100_000, Path("f.toml"))


def test_a_table_is_read_at_its_path() -> None:
    toml = TomlFile.parse('[a.b]\nstages = [{ duration = "1m30s" }]\n', Path("f.toml"))
    assert toml.table(Shape, "a", "b").stages[0].seconds == 90.0
    with pytest.raises(SettingsError, match=r"f.toml:1: \[a\] unknown key 'b'"):
        toml.table(Shape, "a")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), (b"a = 1\nb = '\xe9'", "not UTF-8 text (byte 0xe9 in line 2)")],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None, reason: str) -> None:
    file = tmp_path / "f.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        TomlFile.read(file, hint="name another")
    assert (caught.value.message, caught.value.hint) == (f"{file} cannot be read: {reason}", "name another")


@pytest.mark.parametrize(
    ("given", "seconds"), [(90, 90.0), (1.5, 1.5), ("90", 90.0), ("1m30s", 90.0), ("250ms", 0.25), ("1h", 3600.0)]
)
def test_durations(given: object, seconds: float) -> None:
    assert parse_duration(given) == seconds


@pytest.mark.parametrize(
    "given", ["", "soon", "5 s", "s", "1d", True, None, [], "1.2.3", float("nan"), float("inf"), 1e9, "9" * 400]
)
def test_what_is_no_duration(given: object) -> None:
    with pytest.raises(ValueError, match="units ms, s, m, h"):
        parse_duration(given)
