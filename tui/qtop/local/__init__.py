"""Workers started on this machine, from inside the console.

A group is what one start makes: a number of processes of one command, kept by a supervisor
(`python -m qtop.local.supervisor`), a process of its own. The console holds the group's pipe open:
when that closes, however the console ended, the supervisor lets the workers finish and leaves,
unless it was told that they are to stay. Nothing a worker does depends on the console being quick:
the supervisor takes what it prints and keeps it in files.

The folder of a group is all there is between the two:

| file | what |
|---|---|
| `group.json` | what the group is; written by the console before it starts |
| `wishes` | the pipe: what the console wants, a line each |
| `state` | what has become of the workers; written by the supervisor |
| `owner` | locked by the console that has the group |
| `worker-1.log`, `worker-1.log.1` | what the first worker printed, and what it printed before |
| `supervisor.log` | what the supervisor printed: nothing, unless it broke |
"""
