"""Sample jobs and a feeder that keeps them coming, for `qtop demo`."""

NAMESPACE = "qtop-demo"
#: The queues of the demo's two workers. None serves `legacy`, for the console to say so.
WORKERS = ("payments,mail,images,imports", "reports,mail,images,imports,maintenance")
