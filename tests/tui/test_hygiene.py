"""Modules that must stay light, and widgets that must not get data as markup."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import qtop

PURE = (
    "actions.runner",
    "app.lifecycle",
    "app.terminal.diff",
    "commands.job_lists",
    "keymap.keymap",
    "local.supervisor",
    "local.workers",
    "monitor.poller",
    "monitor.changes",
    "monitor.rows",
    "monitor.state",
    "screens.details",
    "systems.resque.permissions",
    "text.format",
    "text.safe",
    "widgets.columns",
)
FOLDER = Path(qtop.__file__).parent


#: Imports modules one after the other, and prints those that load Textual or the large client.
IMPORTING = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(f"qtop.{name}")
    if "textual" in sys.modules or "redis" in sys.modules:
        sys.exit(name)
"""


def test_modules_without_a_screen_do_not_import_textual() -> None:
    ran = subprocess.run([sys.executable, "-c", IMPORTING, *PURE], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_console_is_imported_without_the_redis_client() -> None:
    code = "import sys, qtop.app.app; print('redis' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_the_first_frame_loads_no_list_of_jobs_and_no_dialog() -> None:
    code = "import sys, qtop.app.app, qtop.screens.overview; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    late = {f"qtop.screens.{name}" for name in ("dialogs", "job_list", "jobs", "payload_editor")}
    assert late & set(said.stdout.split()) == set()


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """The calls of a file, each with the last name of what is called."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            yield node, node.func.id if isinstance(node.func, ast.Name) else name


def test_no_text_is_passed_to_a_widget_that_would_read_markup() -> None:
    for file in FOLDER.rglob("*.py"):
        for node, name in calls(file):
            assert name not in ("notify", "from_markup"), f"{file}:{node.lineno}"
            if name in ("Label", "Static", "Button") and node.args:
                # Constants of our own, Text, or markup=False.
                is_safe = not isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
                assert is_safe, f"{file}:{node.lineno}"


def test_only_the_safe_input_widgets_take_typed_text() -> None:
    for file in FOLDER.rglob("*.py"):
        if file in (
            FOLDER / "widgets" / "filter_input.py",
            FOLDER / "screens" / "payload_editor.py",
        ):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            made = [node.func] if isinstance(node, ast.Call) else []
            made += node.bases if isinstance(node, ast.ClassDef) else []
            names = {each.id for each in made if isinstance(each, ast.Name)}
            assert not names & {"Input", "TextArea", "MaskedInput"}, f"{file}:{node}"
