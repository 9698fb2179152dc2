"""The engine's fixtures, for tests that kill processes at random."""

from tests.engine.conftest import keys as keys
from tests.engine.conftest import push as push
from tests.engine.conftest import start_worker as start_worker
from tests.engine.conftest import store as store
