"""What must stay light, and what data must never reach."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import qtop

PURE = (
    "actions.runner",
    "app.crash",
    "app.terminal.diff",
    "commands.show",
    "keymap.keymap",
    "local.supervisor",
    "local.workers",
    "monitor.poller",
    "monitor.rates",
    "monitor.rows",
    "monitor.state",
    "screens.details",
    "screens.local_cells",
    "systems.resque.connection",
    "text.format",
    "text.safe",
    "widgets.columns",
)
FOLDER = Path(qtop.__file__).parent


@pytest.mark.parametrize("module", PURE)
def test_modules_without_a_screen_do_not_import_textual(module: str) -> None:
    code = f"import sys, qtop.{module}; print('textual' in sys.modules, 'redis' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]


def test_the_console_is_imported_without_the_redis_client() -> None:
    code = "import sys, qtop.app.app; print('redis' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.name)
def test_no_text_is_handed_to_a_widget_that_would_read_markup(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        assert name not in ("notify", "from_markup"), f"{path.name}:{node.lineno}"
        if name in ("Label", "Static", "Button") and node.args:
            # Constants of our own, Text, or markup=False.
            is_safe = not isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
            assert is_safe, f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.name)
def test_what_people_type_in_shows_nothing_that_a_terminal_obeys(path: Path) -> None:
    if path in (FOLDER / "widgets" / "filter_input.py", FOLDER / "screens" / "payload_editor.py"):
        return
    for node in ast.walk(ast.parse(path.read_text())):
        made = [node.func] if isinstance(node, ast.Call) else []
        made += node.bases if isinstance(node, ast.ClassDef) else []
        names = {each.id for each in made if isinstance(each, ast.Name)}
        assert not names & {"Input", "TextArea", "MaskedInput"}, f"{path.name}:{node}"
