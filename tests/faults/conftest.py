"""The engine's fixtures, for the tests of faults."""

from tests.engine.conftest import push as push
from tests.engine.conftest import start_worker as start_worker
from tests.engine.conftest import store as store
