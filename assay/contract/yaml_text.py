"""YAML as OpenAPI wants it: a tree of JSON values, its names texts and each once, no larger than it is written down.

OpenAPI 3.0.3, "Format": the tags are those of the JSON schema ruleset, and keys are scalar strings. So ``200:`` is
the name ``"200"``, and ``2026-01-31`` is a text.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from functools import cache
from typing import Any, Final

import yaml

from assay.files import DEEPEST

_GROWTH: Final = 10
_FREE: Final = 50_000
"""Aliases may make a document this many times as large as it is written down, and in any case have so many values.

The shipped document has 2,082 values, and the smallest text that grows without end ("billion laughs") takes 400
bytes for 10^9."""


_TAGS: Final = frozenset({"null", "bool", "int", "float", "str", "seq", "map"})


def load(text: str) -> Any:
    """The document in ``text``; ``yaml.YAMLError`` with a mark for what cannot be used, never another error."""
    loader = _loader()
    try:
        _refuse_endless(yaml.parse(text, Loader=loader))
        return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader
    except ValueError as error:  # a value that is no number, or a number of too many digits
        what = "a number has too many digits" if "digits" in str(error) else str(error)
        raise yaml.YAMLError(what) from None


def scalar(text: str, pointer: str) -> tuple[int, str] | None:
    """The line (from 1) of what stands at a JSON pointer of YAML or JSON, and its text if it is a single value.

    None where nothing stands there. The text must have been read before, so that it is known to end.
    """
    try:
        node = yaml.compose(text, Loader=_loader())
    except (yaml.YAMLError, RecursionError):
        return None
    line = 0
    for step in pointer.split("/")[1:]:
        found = _child(node, step.replace("~1", "/").replace("~0", "~"))
        if found is None:
            return None
        line, node = found
    return line + 1, node.value if isinstance(node, yaml.ScalarNode) else ""


def _child(node: Any, step: str) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, item) for key, item in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and step.isdecimal() and int(step) < len(node.value):
        item = node.value[int(step)]
        return item.start_mark.line, item
    return None


def _refuse_endless(events: Iterator[Any]) -> None:
    """MarkedYAMLError for levels, cycles and aliases without end: libyaml would end the process.

    Each open collection has a size that grows with what it holds; an alias holds what its anchor held.
    """
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = [(None, 0)]
    written = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in opened):
                raise _refused(event, f"the alias *{event.anchor} stands inside of what it names")
            _grow(opened, sizes.get(str(event.anchor), 1))
        elif isinstance(event, yaml.ScalarEvent):
            written += 1
            _note(sizes, event.anchor, 1)
            _grow(opened, 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            written += 1
            opened.append((event.anchor, 1))
            if len(opened) > DEEPEST:
                raise _refused(event, f"it is nested too deeply, in more than {DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = opened.pop()
            _note(sizes, anchor, size)
            _grow(opened, size)
        if opened[-1][1] > max(_FREE, _GROWTH * written):
            raise _refused(event, f"its aliases make more than {max(_FREE, _GROWTH * written):,} values of it")


def _grow(opened: list[tuple[str | None, int]], size: int) -> None:
    anchor, before = opened[-1]
    opened[-1] = (anchor, before + size)


def _note(sizes: dict[str, int], anchor: str | None, size: int) -> None:
    if anchor is not None:
        sizes[anchor] = size


def _refused(event: Any, what: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=what, problem_mark=event.start_mark)


@cache
def _loader() -> type[Any]:
    # libyaml reads the document in 60 ms, the Python loader in 900 ms; both give the same values.
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class TreeLoader(base):  # type: ignore[misc] # which of the two is known at run time
        yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class has it
            first: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
            for first, found in base.yaml_implicit_resolvers.items()
        }

        yaml_constructors = {  # noqa: RUF012 - as the base class has it
            tag: make
            for tag, make in base.yaml_constructors.items()
            if tag is None or tag.rpartition(":")[2] in _TAGS
        }

        def construct_yaml_float(self, node: Any) -> float:
            value = float(super().construct_yaml_float(node))
            if not math.isfinite(value):
                raise yaml.MarkedYAMLError(problem=f"{node.value} is no number", problem_mark=node.start_mark)
            return value

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            """As the base, with texts as names and none of them twice; ``<<`` brings defaults, as ever."""
            seen: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                    key.tag = "tag:yaml.org,2002:str"
                    if key.value in seen:
                        raise yaml.MarkedYAMLError(
                            problem=f"the name {key.value!r} stands twice in a mapping", problem_mark=key.start_mark
                        )
                    seen.add(key.value)
            made: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
            return made

    TreeLoader.add_constructor("tag:yaml.org,2002:float", TreeLoader.construct_yaml_float)
    return TreeLoader
