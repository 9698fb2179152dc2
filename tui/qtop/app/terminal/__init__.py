"""The terminal layer: between Textual and the terminal, in three files.

- `driver`: reads keys, pastes, mouse and reports; writes in a thread of its own; sets the terminal
  up and restores it, also around ctrl+z.
- `diff`: compares each frame with what the terminal shows, and sends only the cells that differ.
- `ansi`: reads the frames that Textual writes, and finds the shortest change from style to style.

What it buys: fifty busy queues send some 0.6 KB/s instead of 8 (`make bench-console`: "50 busy
queues: to the terminal"). A terminal that is slow, stopped or gone holds up neither keys nor polls
nor the end of the console (`tests/tui/test_terminal.py`). Broken input from a terminal cannot end
the console (`tests/tui/test_input_reader.py`).

What it needs of Textual that is private, and may change with a minor release (the reason for the
upper bound in `pyproject.toml`):

- the form of frames: each line begins with `ESC [ line ; column H`, then styles and text; a frame
  is written between the two sequences of synchronised output
- `textual._xterm_parser`: `XTermParser` with `_sequence_to_key_events`, `mouse_pixels`,
  `terminal_size` and `terminal_pixel_size`, and the marks of pastes
- of `LinuxDriver`: `_app`, `_key_thread`, `_must_signal_resume`, `_in_band_window_resize`,
  `_get_terminal_size`, `_run_input_thread`, `_sigcont_application`
- of `App`: `_exit` and `_handle_exception`
"""
