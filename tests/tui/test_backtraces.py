"""Lines of backtraces in their parts, as any language writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtop.text import backtraces
from qtop.text.backtraces import frame, place, tones, top


@pytest.mark.parametrize(
    ("line", "path", "number", "is_library"),
    [
        ("/app/jobs/a.rb:12:in `perform'", "/app/jobs/a.rb", "12", False),
        ("app/jobs/a.rb:12", "app/jobs/a.rb", "12", False),
        ("/usr/lib/ruby/gems/3.0/gems/x-1/lib/x.rb:7:in 'go'", None, "7", True),
        ("/app/vendor/bundle/ruby/3.3.0/gems/x/x.rb:7:in 'go'", None, "7", True),
        ('  File "/app/jobs.py", line 12, in perform', "/app/jobs.py", "12", False),
        ('File "/v/lib/python3.11/site-packages/redis/client.py", line 3, in f', None, "3", True),
        ("    at perform (/app/jobs.js:12:3)", "/app/jobs.js", "12", False),
        ("    at /app/jobs.js:12:3", "/app/jobs.js", "12", False),
        ("    at Worker.run (/app/node_modules/node-resque/worker.js:99:1)", None, "99", True),
        ("    at process.emit (node:events:518:28)", None, "518", True),
        ("    at com.example.Job.perform(Job.java:42)", "Job.java", "42", False),
        ("#0 /app/Job.php(12): Mail_Job->perform()", "/app/Job.php", "12", False),
        ("#1 /app/vendor/chrisboulton/Resque.php(7): x()", None, "7", True),
        ("/go/src/app/main.go:31 +0x1d", "/go/src/app/main.go", "31", False),
        (r"C:\app\job.rb:5:in `x'", r"C:\app\job.rb", "5", False),
    ],
)  # fmt: skip
def test_a_line_names_a_place(line: str, path: str | None, number: str, is_library: bool) -> None:
    found = frame(line)
    assert found is not None
    assert found.line == number
    assert found.is_library is is_library
    assert path is None or found.path == path


@pytest.mark.parametrize("line", ["", "... 12 more frames ...", "Traceback", "x" * 10**6 + ":1"])
def test_other_lines_name_none(line: str) -> None:
    assert frame(line) is None


@given(st.text(max_size=600))
def test_the_parts_of_a_line_make_the_whole_line(line: str) -> None:
    found = frame(line)
    if found is not None:
        parts = (found.head, found.path, found.between, found.line, found.rest)
        assert "".join(parts) == line
    assert sum(length for length, _ in tones(line)) == len(line)


def test_the_innermost_line_of_the_application_counts() -> None:
    ruby = ["/gems/redis/a.rb:1:in `x'", "/app/lib/mx.rb:7:in `deliver'", "/app/jobs/a.rb:1:in `p'"]
    assert top(ruby) == "app/lib/mx.rb in `deliver'"
    python = [
        'File "/app/jobs.py", line 12, in perform',
        'File "/app/mx.py", line 3, in deliver',
        'File "/lib/python3.11/socket.py", line 3, in connect',
    ]
    assert top(python) == "/app/mx.py in deliver"
    assert top(["nothing", "here"]) == ""


def test_releases_and_line_numbers_make_no_difference() -> None:
    one = place("/srv/releases/20261120/lib/mx2.rb:7:in `deliver'")
    assert one == place("/srv/releases/20261123/lib/mx3.rb:19:in `deliver'")


def test_a_long_backtrace_is_searched_up_to_a_bound() -> None:
    asked: list[str] = []
    top((f"/gems/x.rb:{n}" for n in range(10**6)), lambda line: asked.append(line))
    assert len(asked) == 100


def test_frames_of_the_application_are_highlighted() -> None:
    line = "/app/lib/mx.rb:7:in `deliver'"
    assert tones(line) == ((14, "strong"), (1, "dim"), (1, "accent"), (13, ""))
    assert tones("/gems/redis/a.rb:1:in `x'") == ((25, "dim"),)
    assert backtraces.tones("no place") == ((8, ""),)
