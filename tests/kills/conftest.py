"""The engine's fixtures, for tests that kill processes at random."""

from tests.support.engine_fixtures import keys as keys
from tests.support.engine_fixtures import push as push
from tests.support.engine_fixtures import start_worker as start_worker
from tests.support.engine_fixtures import store as store
from tests.support.operator_process import operator as operator
from tests.support.operator_process import operators as operators
