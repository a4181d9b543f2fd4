"""Stops the embedded server when its last user is gone, however that user died.

Run as a script with a bare interpreter, never imported: it stays for as long as the server runs, so it should
weigh little. Every user of the server holds a shared lock on `users`; this process waits for the exclusive one.
`held` is the number of an inherited descriptor whose lock says that a watcher exists.
"""

import fcntl
import os
import shutil
import subprocess
import sys


def main(users: str, held: int, pg_ctl: str, data: str, uid: int, socket_folder: str) -> None:
    if os.fork():
        os._exit(0)  # an orphan leaves no zombie in the process that started us
    users_lock = os.open(users, os.O_RDONLY)
    fcntl.flock(users_lock, fcntl.LOCK_EX)
    _stop(pg_ctl, data, uid)
    if socket_folder:
        shutil.rmtree(socket_folder, ignore_errors=True)
    # In this order: whoever gets the users' lock next must find that there is no watcher any more.
    os.close(held)
    os.close(users_lock)


def _stop(pg_ctl: str, data: str, uid: int) -> None:
    identity = uid if os.geteuid() == 0 else None
    for mode in ("fast", "immediate"):
        if not os.path.exists(os.path.join(data, "postmaster.pid")):
            return
        subprocess.run(
            [pg_ctl, "-D", data, "-w", "-t", "30", "-m", mode, "stop"],
            cwd="/",
            capture_output=True,
            check=False,
            user=identity,
            group=identity,
            extra_groups=None if identity is None else [],
        )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]), sys.argv[6])
