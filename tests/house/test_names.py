"""One public name has one meaning: no two files define a class or a type under the same name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.house.debts import TWICE

ROOT = Path(__file__).resolve().parents[2]
VARIABLES = ("TypeVar", "ParamSpec", "TypeVarTuple")


def public_types(tree: ast.Module) -> Iterator[str]:
    """The names of the classes and type aliases that a module defines for others."""
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value):
                if isinstance(value, ast.Call) and ast.unparse(value.func) in VARIABLES:
                    continue
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                if ast.unparse(annotation) != "TypeAlias":
                    continue
            case _:
                continue
        # A constant is all in capitals.
        if name[0].isupper() and (isinstance(node, ast.ClassDef) or not name.isupper()):
            yield name


def definitions() -> dict[str, set[str]]:
    """The files that define each name."""
    found = defaultdict(set)
    for folder in ("engine", "tui"):
        for path in (ROOT / folder).rglob("*.py"):
            for name in public_types(ast.parse(path.read_text("utf-8"))):
                found[name].add(path.relative_to(ROOT).as_posix())
    return found


def test_no_name_is_defined_twice() -> None:
    twice = {name: sorted(files) for name, files in definitions().items() if len(files) > 1}
    assert twice.keys() == TWICE, f"{twice}: rename one; what is mended leaves `debts`"


def test_the_rule_sees_classes_and_aliases_and_nothing_else() -> None:
    seen = "class A: ...\nKind = int | str\nOther: TypeAlias = int\n"
    unseen = "T = TypeVar('T')\nMOST = 3\nd = 4\nclass _E: ...\nA.f = 3\nG: int = 5\n"
    assert list(public_types(ast.parse(seen + unseen))) == ["A", "Kind", "Other"]
