"""Claim a run, say how that went, and hold it until standard input ends.

usage: claim.py LEDGER RUN [orphan]. With ``orphan`` a forked child inherits the claim's lock and
lives on after its parent is killed; its process id is printed.
"""

import os
import sys
import time
from pathlib import Path

from masterplan.core.errors import LedgerError
from masterplan.ledger import Ledger

with Ledger.open(Path(sys.argv[1]), must_exist=True) as ledger:
    try:
        with ledger.claim_run(sys.argv[2]):
            if len(sys.argv) > 3:
                child = os.fork()
                if child == 0:
                    time.sleep(30)
                    os._exit(0)
                print(child, flush=True)
            print("held", flush=True)
            sys.stdin.read()
    except LedgerError as error:
        print(error.message, flush=True)
