"""The sentences that a user can meet, read from the code: docs/troubleshooting.md must explain every one of them.

Read are the errors that are raised, the values that commands refuse, the steps of the preflight that warn or fail,
the reasons why no answer came, and the problems that end up in a verdict. What differs from case to case is a ``…``.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
_STEPS = {"warn", "usage", "unusable"}  # name, text, what to do
_GAP = "…"
_SENTENCE = 5  # words from which on a text with a name is written out where the name stands in another one
_TOLD_APART = 2  # hints
# Values that settings refuse, in words of their own; elsewhere a ValueError is assay's own business.
_VALUES = ("assay/client/settings.py", "assay/client/network.py", "assay/client/headers.py", "assay/toml_file.py")

# Functions that give reasons why a run is inconclusive as texts, which end up in its verdict.
_REASONS = {
    "assay/cli/cleanup.py": ("_told_damage", "_tell"),
    "assay/client/patience.py": ("_judge",),
    "assay/findings/record.py": ("add",),
    "assay/findings/verdict.py": ("incomplete", "_empty", "_parts_without_result", "_broken", "_unexplained"),
    "assay/load/dispatch.py": ("lost", "lost_at_the_end"),
    "assay/load/health.py": ("_cpu_reasons", "_late_reasons", "_loop_reasons"),
    "assay/load/master.py": ("_collect", "_check_complete", "_notice_losses"),
    "assay/load/outcome.py": ("problems", "held_back", "rate_limits"),
}
# What is said before any module of ours can be imported.
_BEFORE_ALL = ("sys.stderr.write", "assay/__main__.py")
_STRIPPED = {"strip", "rstrip", "lstrip"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Sentence:
    """What is said, what to do about it where the code says that, and the module that says it."""

    said: str
    todo: str
    module: str


@dataclass(frozen=True)
class Source:
    """A module, and how its expressions become texts."""

    name: str
    tree: ast.Module

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, Function)}

    def origin(self, name: str) -> Source | None:
        """The module of ours from which this one takes a name."""
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
                return _source(f"{(node.module or '').replace('.', '/')}.py")
        return None

    def texts(self, node: ast.expr | None, scope: Function | None, depth: int = 0) -> list[str]:
        """Every text that the expression may become; empty where only a run can tell."""
        if depth > 6 or node is None:
            return []
        deeper = depth + 1
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=parts):
                written = [self._part(part, scope, deeper) for part in parts]
                return ["".join(pair) for pair in itertools.product(*written)]
            case ast.Call(func=ast.Attribute(value=inner, attr=attr)) if attr in _STRIPPED:
                return self.texts(inner, scope, deeper)
            case ast.List(elts=values):
                return [text for value in values for text in self.texts(value, scope, deeper)]
            case ast.ListComp(elt=value):
                return self.texts(value, scope, deeper)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                sides = [self.texts(side, scope, deeper) or [_GAP] for side in (left, right)]
                return ["".join(pair) for pair in itertools.product(*sides)]
            case ast.IfExp(body=one, orelse=other):
                return [*self.texts(one, scope, deeper), *self.texts(other, scope, deeper)]
            case ast.BoolOp(values=values):
                return [text for value in values for text in self.texts(value, scope, deeper)]
            case ast.Name(id=name):
                home = self
                bound = list(self._assigned(name, node.lineno, scope))
                if not bound and (origin := self.origin(name)) is not None:
                    home, bound = origin, list(_bindings(origin.tree.body, name))
                return [text for value in bound for text in home.texts(value, scope, deeper)]
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                source = self if name in self.functions else self.origin(name)
                called = source.functions.get(name) if source is not None else None
                if source is not None and called is not None:
                    return [text for value in _returned(called) for text in source.texts(value, called, deeper)]
        return []

    def _part(self, part: ast.expr, scope: Function | None, depth: int) -> list[str]:
        """What stands at one place of an f-string: a sentence that has a name is written out, all else is a gap."""
        if isinstance(part, ast.Constant):
            return [str(part.value)]
        named = self.texts(part.value, scope, depth) if isinstance(part, ast.FormattedValue) else []
        return named if named and all(len(text.split()) >= _SENTENCE for text in named) else [_GAP]

    def _assigned(self, name: str, line: int, scope: Function | None) -> Iterable[ast.expr]:
        """What a name is bound to at a line: the last binding above it, in all branches; else the module's."""
        found = [value for value in _bindings(ast.walk(scope), name) if value.lineno < line] if scope else []
        if not found:
            return _bindings(self.tree.body, name)
        last = max(found, key=lambda value: value.lineno)
        branches = (
            [node for node in ast.walk(scope) if isinstance(node, ast.If) and _around(node, last)] if scope else []
        )
        ended = [node for node in branches if (node.end_lineno or 0) < line]
        return [value for value in found if value is last or any(_around(node, value) for node in ended)]


def _bindings(nodes: Iterable[ast.AST], name: str) -> Iterator[ast.expr]:
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=bound)], value=value) if bound == name:
                yield value
            case ast.AnnAssign(target=ast.Name(id=bound), value=ast.expr() as value) if bound == name:
                yield value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                yield from (one for target, one in zip(names, values, strict=True) if _is_name(target, name))


def _around(node: ast.stmt, inner: ast.expr) -> bool:
    return node.lineno <= inner.lineno <= (node.end_lineno or node.lineno)


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _returned(function: Function) -> Iterator[ast.expr]:
    return (node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None)


@cache
def _source(name: str) -> Source | None:
    """A module by its file, None for what is not ours."""
    file = ROOT / name
    return Source(name, ast.parse(file.read_bytes())) if name.startswith("assay/") and file.is_file() else None


def sources() -> list[Source]:
    """Every module of the package."""
    files = sorted((ROOT / "assay").rglob("*.py"))
    named = (_source(str(file.relative_to(ROOT))) for file in files if "_bundled" not in file.parts)
    return [source for source in named if source is not None]


def errors_of(modules: Iterable[Source]) -> set[str]:
    """AssayError and what derives from it, by name."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"AssayError"}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return found


def sentences() -> list[Sentence]:
    """All of them, each once, in the order of modules and texts."""
    modules = sources()
    errors = errors_of(modules)
    return sorted({found for module in modules for found in sentences_in(module, errors)})


def sentences_in(module: Source, errors: set[str]) -> Iterator[Sentence]:
    """The sentences of a module; ``errors`` are the names of the exceptions that carry one."""
    for text in _reasons(module):
        yield Sentence(_plain(text), "", module.name)
    for call, scope, owner in _calls(module.tree, None, None):
        said, todo = _said(call, errors if owner not in errors else errors | {"super().__init__"}, module.name)
        texts, hints = module.texts(said, scope), module.texts(todo, scope)
        for text in texts:
            if _says_something(text):
                # Of more than two sentences or hints only a run can tell which belong together.
                hint = _joined(hints) if len(texts) <= _TOLD_APART else ""
                yield Sentence(_plain(text), _plain(hint), module.name)


def _reasons(module: Source) -> Iterator[str]:
    for name in _REASONS.get(module.name, ()):
        scope = module.functions[name]
        for value in _given(scope):
            yield from (text for text in module.texts(value, scope) if _says_something(text))


def _says_something(text: str) -> bool:
    return len(re.findall(r"\w{2,}", text.replace(_GAP, " "))) >= 2


def _joined(hints: Iterable[str]) -> str:
    found = list(dict.fromkeys(hints))
    return "; or ".join(found) if len(found) <= _TOLD_APART else ""


def _given(function: Function) -> Iterator[ast.expr]:
    """What a function that gives reasons returns, yields, appends or keeps."""
    for node in ast.walk(function):
        match node:
            case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value):
                yield value
            case ast.Assign(targets=[ast.Attribute()], value=value) | ast.AugAssign(value=value):
                yield value
            case ast.Call(func=ast.Attribute(attr="append" | "problem" | "echo"), args=[value]):
                yield value


def _calls(
    node: ast.AST, scope: Function | None, owner: str | None
) -> Iterator[tuple[ast.Call, Function | None, str | None]]:
    """Every call with the function and the class around it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield child, scope, owner
        inner = child if isinstance(child, Function) else scope
        yield from _calls(child, inner, child.name if isinstance(child, ast.ClassDef) else owner)


def _said(call: ast.Call, errors: set[str], module: str) -> tuple[ast.expr | None, ast.expr | None]:
    """The expressions of a sentence and of what to do, where the call says one."""
    name, given = ast.unparse(call.func), call.args
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if name == "LimitReached":
        return given[-1], None
    if name in errors or name == "typer.BadParameter" or (name, module) == _BEFORE_ALL:
        return next(iter(given), None), keywords.get("hint")
    if name in _STEPS and len(given) > 1:
        return given[1], given[2] if len(given) > 2 else keywords.get("todo")
    if name == "NoAnswer" and len(given) > 1:
        return given[1], None
    if name.endswith(".write") and given and isinstance(given[0], ast.Constant) and given[0].value == "problem":
        return keywords.get("what"), None
    if name == "ValueError" and module in _VALUES:
        return next(iter(given), None), None
    return None, None


def _plain(text: str) -> str:
    """On one line, with one … for what differs."""
    return re.sub(r"…[…\s]*…", "…", " ".join(text.split()))
