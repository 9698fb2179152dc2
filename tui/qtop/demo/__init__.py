"""What `qtop demo` shows: sample jobs of Resque, and of Sidekiq without Ruby, and the feeders that
keep them coming."""

from __future__ import annotations

from qtop.config.places import PlaceOptions, labelled
from queuecore.address import parse_url

NAMESPACE = "qtop-demo"
#: The queues of the demo's two workers. None serves `legacy`, for the console to say so.
WORKERS = ("payments,mail,images,imports", "reports,mail,images,imports,maintenance")
#: Sidekiq's keys have no prefix: in a database of their own they meet nobody else's.
_SIDEKIQ_DB = 1


def demo_places(url: str) -> tuple[PlaceOptions, ...]:
    """The places of the demo on the private server at `url`, a URL without a database: Resque's,
    then Sidekiq's. Raises BadUrl."""
    urls = {"resque": (url, NAMESPACE), "sidekiq": (f"{url}?db={_SIDEKIQ_DB}", "")}
    return labelled(
        [
            PlaceOptions("", system, parse_url(at), namespace, at)
            for system, (at, namespace) in urls.items()
        ]
    )
