"""The shape of the house: what it exports, who may import whom, what is documented."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import indexer
import unisearch
from cli.checks import EXTRAS, REQUIRED
from cli.group import COMMANDS, LazyCommands

ROOT = Path(__file__).parents[1]
PACKAGES = ("unisearch", "indexer", "cli", "ui")

EXPORTS = [
    "Collection",
    "Encoder",
    "Filters",
    "Hit",
    "Modality",
    "Query",
    "Term",
    "UnisearchError",
    "__version__",
    "load_encoder",
    "open_picture",
]

FLOORS = (
    ("unisearch.version",),
    ("unisearch.errors",),
    ("unisearch.datatypes",),
    ("unisearch.files", "unisearch.picture", "unisearch.svg", "unisearch.checkpoints"),
    ("unisearch.store",),
    ("unisearch.model", "unisearch.encoders"),
    ("unisearch.search",),
    ("unisearch.collection",),
    ("unisearch.evaluation",),
    ("unisearch.pretraining",),
    ("indexer",),
    ("ui",),
    ("cli",),
)
"""From the ground up, as beginnings of module names: a module imports from its own floor and from
those below."""

FORBIDDEN = {
    "unisearch.store": {"unisearch.encoders", "unisearch.model", "torch", "transformers", "PIL"},
    "unisearch.search": {"torch", "transformers", "unisearch.model"},
    "unisearch.collection": {"torch", "transformers", "unisearch.model"},
    "indexer": {"torch", "transformers", "unisearch.model"},
    "unisearch.evaluation.metrics": {"unisearch", "torch", "transformers"},
}
"""What a package must not import, not even inside a function."""

HEAVY = {"alembic", "faiss", "gradio", "onnxruntime", "open_clip", "pandas", "pyarrow", "rich"}
HEAVY |= {"scipy", "torch", "transformers", "sqlalchemy.orm"}
"""What no module on the way of a search may import at its top."""


def modules(*packages: str) -> Iterator[tuple[str, Path]]:
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(node: ast.AST, *, at_top: bool = False) -> Iterator[str]:
    """Names of modules imported anywhere below a node, but not for type checking only.

    With ``at_top`` only those that are imported when the module itself is, not within functions.
    """
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        if at_top and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports are absolute"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from imports(child, at_top=at_top)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def floor(name: str) -> int | None:
    for number, packages in enumerate(FLOORS):
        if any(within(name, one) or name.startswith(one + "_") for one in packages):
            return number
        if name.startswith("unisearch.picture") and "unisearch.picture" in packages:
            return number
    return None


# --- the surface ---


def test_exports_are_exact() -> None:
    assert unisearch.__all__ == EXPORTS
    assert set(EXPORTS) <= set(dir(unisearch))
    for name in EXPORTS:
        assert getattr(unisearch, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = unisearch.nonsense


def test_exports_of_the_indexer_are_exact() -> None:
    assert indexer.__all__ == ["IndexOptions", "IndexReport", "index"]
    for name in indexer.__all__:
        assert getattr(indexer, name).__name__ == name


def test_exports_are_seen_by_type_checkers() -> None:
    shown = {
        alias.name
        for node in ast.walk(tree(ROOT / "unisearch/__init__.py"))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(EXPORTS) <= shown


def test_inner_packages_export_nothing() -> None:
    for name, path in modules(*PACKAGES):
        if path.name == "__init__.py" and name not in ("unisearch", "indexer"):
            body = tree(path).body
            assert all(isinstance(node, ast.Expr) for node in body), f"{path} is not empty"


def test_the_doctor_knows_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert list(REQUIRED) == [re.split(r"[<>=]", one)[0] for one in project["dependencies"]]
    extras = {name for names in EXTRAS for name in names.split(" or ")}
    assert extras == set(project["optional-dependencies"]) - {"dev"}


# --- who imports whom ---


def test_imports_go_downwards_only() -> None:
    wrong = []
    for name, path in modules(*PACKAGES):
        if name == "unisearch":
            continue
        own = floor(name)
        assert own is not None or path.name == "__init__.py", f"say in FLOORS where {name} stands"
        for target in imports(tree(path)):
            its = floor(target)
            if own is not None and its is not None and its > own:
                wrong.append(f"{name} imports {target}")
    assert wrong == []


def test_no_modules_import_each_other() -> None:
    names = {name for name, _ in modules(*PACKAGES)}

    def resolved(target: str) -> str | None:
        return (
            target if target in names else resolved(target.rpartition(".")[0]) if target else None
        )

    edges = {
        name: {to for target in imports(tree(path), at_top=True) if (to := resolved(target))}
        - {name}
        for name, path in modules(*PACKAGES)
    }
    # What is left after taking away, again and again, what imports nothing that is left.
    left = set(edges)
    while free := {name for name in left if not edges[name] & left}:
        left -= free
    assert left == set()


def test_nobody_inside_imports_the_root() -> None:
    direct = {f"unisearch.{name}" for name in EXPORTS} | {"unisearch", "indexer"}
    direct |= {f"indexer.{name}" for name in ("IndexOptions", "IndexReport", "index")}
    wrong = [
        f"{name} imports {target}"
        for name, path in modules(*PACKAGES)
        if name not in ("unisearch", "indexer")
        for target in imports(tree(path))
        if target in direct
    ]
    assert wrong == []


@pytest.mark.parametrize("package", FORBIDDEN)
def test_forbidden_imports(package: str) -> None:
    wrong = [
        f"{name} imports {target}"
        for name, path in modules(*PACKAGES)
        if within(name, package)
        for target in imports(tree(path))
        if any(within(target, one) for one in FORBIDDEN[package])
    ]
    assert wrong == []


def test_heavy_imports_wait_until_they_are_needed() -> None:
    wrong = [
        f"{name} imports {target} at its top"
        for name, path in modules("unisearch/store", "unisearch/search", "indexer", "cli")
        for target in imports(tree(path), at_top=True)
        if any(within(target, one) for one in HEAVY)
        # Modules that are about one of these and are imported only for it.
        and not re.search(r"faiss|migration|parquet|onnx", name)
    ]
    assert wrong == []


def test_only_the_shell_prints_and_exits() -> None:
    wrong = []
    for name, path in modules("unisearch", "indexer"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "print",
                "exit",
                "quit",
                "sys.exit",
                "os._exit",
            }:
                wrong.append(f"{name}:{node.lineno}")
    # A child process of its own, whose only way to answer is to print.
    assert [place for place in wrong if "svg_child" not in place] == []


def test_nothing_is_unpickled() -> None:
    names = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    wrong = [
        f"{name} imports {target}"
        for name, path in modules(*PACKAGES)
        for target in imports(tree(path))
        if target.split(".")[0] in names
    ]
    assert wrong == []


# --- what is loaded ---


def loaded(code: str) -> set[str]:
    """Top-level modules (and two below) that a fresh interpreter has after running code."""
    script = (
        "import sys, json\n"
        "try:\n"
        + "".join(f"    {line}\n" for line in code.splitlines())
        + "except SystemExit:\n    pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.__stderr__)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_importing_the_package_imports_nothing_heavy() -> None:
    found = loaded("import unisearch")
    assert not found & (HEAVY | {"numpy", "PIL", "sqlalchemy", "typer"})


@pytest.mark.parametrize("arguments", [["--help"], ["search", "--help"], ["index", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    found = loaded(f"import sys; sys.argv[1:] = {arguments!r}\nfrom cli.main import main; main()")
    heavy = HEAVY | {"PIL", "sqlalchemy", "tokenizers"}
    if arguments == ["--help"]:
        heavy = heavy | {"numpy"}
        assert not {name for name in found if name.startswith(("indexer", "unisearch.store"))}
    assert not found & heavy


def test_searching_and_indexing_import_neither_torch_nor_transformers(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("a red bicycle")
    code = (
        "import os, sys\n"
        f"os.chdir({str(tmp_path)!r})\n"
        "import tests.cli.fake_unisearch\n"
        "from cli.main import app\n"
        "app(['index', '.'], standalone_mode=False)\n"
        "app(['search', 'bicycle', '--paths'], standalone_mode=False)\n"
    )
    found = loaded(code)
    assert "unisearch.search.engine" in found
    assert "indexer" in {name.split(".")[0] for name in found}
    assert not found & {"torch", "transformers", "alembic.op", "rich", "sqlalchemy.orm", "pyarrow"}


# --- what is documented ---


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    commands = LazyCommands()
    for name in COMMANDS:
        section = re.search(rf"^### unisearch {name}\n(.*?)(?=^##|\Z)", page, re.M | re.S)
        assert section, f"docs/cli.md has no section on {name}"
        assert f"unisearch {name}" in section[1], f"the section on {name} has no example"
    for name in commands:
        command = commands[name]
        assert f"unisearch {name}" in (command.epilog or ""), f"the help of {name} has no example"
        for option in command.params:
            assert option.help, f"{option.name} of {name} has no help"
        assert command.help, f"{name} has no help"


def test_every_exit_code_is_documented() -> None:
    from cli.failures import ExitCode
    from cli.main import EPILOG

    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    for code in ExitCode:
        assert f"\n| {int(code)} | " in page
        assert re.search(rf"\b{int(code)} ", EPILOG)


def public_definitions(
    node: ast.Module | ast.ClassDef,
) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Public functions, methods and classes. Stubs of ``...`` say nothing, and a method of a class
    with a base may have the docstring of what it overrides."""
    for child in node.body:
        if not isinstance(child, (ast.FunctionDef, ast.ClassDef)) or child.name.startswith("_"):
            continue
        overrides = isinstance(node, ast.ClassDef) and bool(node.bases)
        if ast.unparse(child.body[0]) != "..." and not overrides:
            yield child
        if isinstance(child, ast.ClassDef):
            yield from public_definitions(child)


def test_public_things_have_docstrings() -> None:
    wrong = []
    for name, path in modules("unisearch", "indexer", "cli"):
        module = tree(path)
        if module.body and not ast.get_docstring(module):
            wrong.append(name)
        wrong += [
            f"{name}.{one.name}" for one in public_definitions(module) if not ast.get_docstring(one)
        ]
    assert wrong == []


def test_files_stay_small() -> None:
    large = {
        name: lines
        for name, path in modules(*PACKAGES)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 450
    }
    assert large == {}
