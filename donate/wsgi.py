"""What the web server loads in each of its workers: `donate.wsgi:app`."""

import multiprocessing

from donate import create_app, processes

_master = multiprocessing.parent_process()
if _master is not None and _master.pid is not None:
    processes.follow_process(_master.pid)

app = create_app()
