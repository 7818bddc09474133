"""Reserve until the ledger refuses, twice; print each acknowledged attempt and the error's code.

usage: fill.py LEDGER [LARGEST FILE IN BYTES]
"""

import resource
import sys
from pathlib import Path

from masterplan.core.errors import LedgerError
from masterplan.ledger import Intent, Ledger

with Ledger.open(Path(sys.argv[1]), must_exist=True) as ledger:
    if len(sys.argv) > 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    codes = []
    for number in range(20_000):
        call = Intent(
            run="r1",
            role="builder",
            kind="codegen",
            provider="p",
            model="p/m",
            requested_model="m",
            worst_case_nano=1,
            decision_json=f'{{"why": "{number}{"x" * 500}"}}',
        )
        try:
            print(ledger.reserve(call), flush=True)
        except LedgerError as error:
            codes.append(error.code)
            if len(codes) == 2:
                break
    print(codes[-1])
