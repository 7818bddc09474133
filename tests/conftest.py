"""Signals as a terminal gives them: a runner in the background may have left them ignored."""

import signal

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
