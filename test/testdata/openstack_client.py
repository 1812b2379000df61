"""Runs Debian's `openstack` for each line on standard input. Each command has a
process of its own, made of one in which the client is loaded: to load it takes
longer than all else.

Prints JSON, a line each: first the commands of the accelerator plugin, then for
each list of arguments that comes in the exit status and what the command said.

  openstack_client.py SOCKET

also answers there: whoever connects sends the arguments and the variables of the
environment, and is told the same.
"""
import importlib.metadata
import json
import os
import socket
import sys
import tempfile
import threading

sys.argv[0] = 'openstack'  # by which the client calls itself, from the import on
from cliff import command  # noqa: E402
from openstackclient import shell  # noqa: E402


def say(value):
    print(json.dumps(value), flush=True)


def load():
    """What each command would load for itself."""
    entries = (e for d in importlib.metadata.distributions() for e in d.entry_points)
    for entry in entries:
        if entry.group.startswith(('openstack.', 'keystoneauth1.')):
            try:
                entry.load()
            except ImportError:
                pass  # of a client that is not installed whole
    getattr(command, '_get_distributions_by_modules', list)()


def become(arguments):
    """The client, to its end, which is quick: there is nothing to put away."""
    status = 1
    try:
        status = shell.main(arguments)
    except SystemExit as e:
        status = e.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else bool(status))


def run(arguments, environment=()):
    """Exit status, and what the command writes to both its outputs."""
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            for output in (1, 2):
                os.dup2(said.fileno(), output)
            os.environ.update(environment)
            become(arguments)
        _, status = os.waitpid(child, 0)
        said.seek(0)
        return {'status': os.waitstatus_to_exitcode(status), 'said': said.read().decode()}


def listen(path):
    """Answers those who connect, one after another, for as long as this lives."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen()
        while True:
            caller, _ = door.accept()
            with caller, caller.makefile('rw') as lines:
                lines.write(json.dumps(run(*json.loads(lines.readline()))) + '\n')


if __name__ == '__main__':
    load()
    if len(sys.argv) > 1:
        threading.Thread(target=listen, args=sys.argv[1:2], daemon=True).start()
    commands = importlib.metadata.entry_points(group='openstack.accelerator.v2')
    say(sorted(c.name.replace('_', ' ') for c in commands))
    for line in sys.stdin:
        say(run(json.loads(line)))
