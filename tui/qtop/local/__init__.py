"""Workers that were started on this machine, from the console.

One start makes one group: some processes of one command, kept by a supervisor
(`python -m qtop.local.supervisor`), which is a process of its own. The console holds the group's
pipe open. When the pipe closes, however the console ended, the supervisor lets the workers finish
and ends, unless it was asked to stay. A slow console does not slow a worker down: the supervisor
reads what workers print and writes it to files.

Console and supervisor share nothing but the folder of the group:

| file | what |
|---|---|
| `group.json` | what the group is; written by the console before it starts |
| `wishes` | the pipe: what the console asks for, a line each |
| `state` | the state of the workers; written by the supervisor |
| `owner` | locked by the console that has the group |
| `worker-1.log`, `worker-1.log.1` | what the first worker printed, and what it printed before |
| `supervisor.log` | what the supervisor printed: only its errors |
"""
