"""Start the HTTP gateway inside TensorZero's wheel and write down the port it took."""

import sys
import time
import urllib.parse
import warnings
from pathlib import Path

import tensorzero  # type: ignore[import-not-found]

warnings.simplefilter("ignore")
gateway = tensorzero._start_http_gateway(
    config_file=sys.argv[1],
    clickhouse_url=None,
    postgres_url=None,
    valkey_url=None,
    async_setup=False,
)
Path(sys.argv[2]).write_text(str(urllib.parse.urlparse(str(gateway.base_url)).port))
while True:
    time.sleep(3600)
