"""The web's application, in a process that can write where it is stuck: see stacks.py."""

import faulthandler
import os
import signal

from todo_project.rsgi import application as application

# Written by the handler itself, also when no thread gets to run Python.
faulthandler.register(signal.SIGUSR1, file=os.open(os.environ["STACKS"], os.O_WRONLY | os.O_CREAT))
