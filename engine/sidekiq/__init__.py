"""Sidekiq in Python: read and operate what Ruby's Sidekiq keeps in Redis, from 5.2 to 8.1.

Exchanges (see `queuecore.exchange`) for each noun are in `sidekiq.store`; what they write is what
Sidekiq's own API would have written, but in one step and on exactly the jobs that were named.
"""

from __future__ import annotations

from queuecore import __version__ as __version__
