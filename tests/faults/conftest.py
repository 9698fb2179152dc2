"""The engine's fixtures, for the tests of faults."""

from tests.support.engine_fixtures import push as push
from tests.support.engine_fixtures import start_worker as start_worker
from tests.support.engine_fixtures import store as store
