"""Sample jobs and a feeder that keeps them coming, for `qtop demo`."""

NAMESPACE = "qtop-demo"
#: What the demo's two workers serve. Nobody serves `legacy`: the console should say so.
WORKERS = ("payments,mail,images,imports", "reports,mail,images,imports,maintenance")
