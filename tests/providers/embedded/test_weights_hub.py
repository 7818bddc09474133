"""Weights from a hub over real HTTP: resumed after any cut, never other bytes than the pinned."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
from weights_case import CONTENT, Hub, weights

from masterplan.core.errors import InputError, ProviderError
from masterplan.providers.embedded import find, left_bytes, pull

SIZE = len(CONTENT)


def test_pull_when_the_hub_has_it_then_kept_found_and_never_asked_for_again(
    hub: Hub, folder: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    assert left_bytes(weights()) == SIZE
    path = pull(weights(), progress=lambda *step: told.append(step))
    assert path.read_bytes() == CONTENT
    assert hub.paths == ["/someone/tiny/resolve/main/tiny-instruct.gguf"]
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert told[-1] == ("tiny", SIZE, SIZE)
    assert (find(weights()), left_bytes(weights())) == (path, 0)
    assert pull(weights()) == path
    assert len(hub.asked) == 1
    assert not list(folder.glob("*.part"))


def test_pull_when_the_connection_is_cut_then_goes_on_where_it_was(hub: Hub) -> None:
    hub.cuts = [1_200_000, 800_000]
    assert pull(weights()).read_bytes() == CONTENT
    assert hub.asked == ["", "bytes=1200000-", "bytes=2000000-"]


def test_pull_when_nothing_more_comes_then_the_part_is_kept_for_the_next_pull(hub: Hub) -> None:
    hub.cuts = [1_000_000, 0]
    with pytest.raises(ProviderError) as caught:
        pull(weights())
    assert caught.value.code == "models.hub_unreachable"
    assert "ended early" in caught.value.message
    assert left_bytes(weights()) == SIZE - 1_000_000
    assert find(weights()) is None
    assert pull(weights()).read_bytes() == CONTENT
    assert hub.asked[2:] == ["bytes=1000000-"]


def test_pull_when_stopped_by_the_user_then_goes_on_next_time(hub: Hub) -> None:
    def stop(name: str, done: int, whole: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(weights(), progress=stop)
    have = SIZE - left_bytes(weights())
    assert 0 < have < SIZE
    assert pull(weights()).read_bytes() == CONTENT
    assert hub.asked[1] == f"bytes={have}-"


def test_pull_when_the_hub_knows_no_ranges_then_starts_again(hub: Hub) -> None:
    hub.has_ranges, hub.cuts = False, [1_000_000, 1_500_000]
    assert pull(weights()).read_bytes() == CONTENT
    assert len(hub.asked) == 3


def test_pull_when_the_hub_sends_another_range_then_it_is_not_taken(hub: Hub) -> None:
    hub.cuts, hub.shift = [1_000_000], 5
    with pytest.raises(ProviderError, match="another part"):
        pull(weights())
    assert left_bytes(weights()) == SIZE - 1_000_000


def test_pull_when_the_bytes_are_others_then_deleted_and_refused(hub: Hub, folder: Path) -> None:
    hub.content = CONTENT[:-1] + b"\xff"
    with pytest.raises(ProviderError) as caught:
        pull(weights())
    assert caught.value.code == "models.checksum"
    assert not [path for path in folder.iterdir() if path.stat().st_size]
    assert find(weights()) is None
    hub.content = CONTENT
    assert pull(weights()).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [CONTENT + b"more", CONTENT[:-9]])
def test_pull_when_the_file_has_another_size_then_refused_before_it_is_fetched(
    hub: Hub, folder: Path, content: bytes
) -> None:
    hub.content = content
    with pytest.raises(ProviderError) as caught:
        pull(weights())
    assert caught.value.code == "models.other_file"
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize("status", [404, 403, 503])
def test_pull_when_the_hub_refuses_then_says_so_and_names_the_other_way(
    hub: Hub, status: int
) -> None:
    hub.status = status
    with pytest.raises(ProviderError) as caught:
        pull(weights())
    assert (caught.value.code, caught.value.status) == ("models.hub_refused", status)
    assert "--from packages" in caught.value.mend
    assert len(hub.asked) == 1


def test_pull_when_there_is_no_hub_then_names_the_other_way_and_what_it_means(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("HF_ENDPOINT", f"http://user:secret@{address}")
    with pytest.raises(ProviderError) as caught:
        pull(weights())
    assert caught.value.code == "models.hub_unreachable"
    assert "never installed or imported" in caught.value.mend
    assert "pinned SHA-256" in caught.value.mend
    assert "secret" not in str(caught.value)


def test_pull_when_the_hub_is_no_web_address_then_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", tmp_path.as_uri())
    with pytest.raises(InputError) as caught:
        pull(weights())
    assert caught.value.code == "models.bad_endpoint"


def test_find_when_the_kept_file_was_changed_then_it_is_not_used(hub: Hub) -> None:
    path = pull(weights())
    path.write_bytes(b"\xff" + CONTENT[1:])
    assert find(weights()) is None
    assert pull(weights()).read_bytes() == CONTENT
    os.utime(path, (1, 1))  # other time, same bytes: hashed again
    assert find(weights()) == path
    path.write_bytes(CONTENT[:-1])
    assert find(weights()) is None


def test_find_when_the_file_was_put_there_by_hand_then_its_hash_decides(folder: Path) -> None:
    folder.mkdir(parents=True)
    path = folder / weights().file
    path.write_bytes(CONTENT)
    assert find(weights()) == path
    assert find(weights(CONTENT[:-1] + b"\xff")) is None


def test_pull_when_another_process_pulls_then_refused(hub: Hub) -> None:
    hub.gate, begun = threading.Event(), threading.Event()
    hub.cuts = [2_000_000]
    first = threading.Thread(
        target=pull, args=(weights(),), kwargs={"progress": lambda *_: begun.set()}
    )
    first.start()
    try:
        assert begun.wait(10)
        with pytest.raises(ProviderError) as caught:
            pull(weights())
        assert caught.value.code == "models.busy"
    finally:
        hub.gate.set()
        first.join(10)
    found = find(weights())
    assert found is not None
    assert found.read_bytes() == CONTENT


def test_pull_when_there_is_no_room_then_refused_before_anything_is_asked(hub: Hub) -> None:
    with pytest.raises(InputError) as caught:
        pull(weights(size_bytes=10**18))
    assert caught.value.code == "models.no_room"
    assert hub.asked == []


def test_pull_when_the_folder_cannot_be_made_then_says_where(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MASTERPLAN_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(InputError) as caught:
        pull(weights())
    assert caught.value.code == "models.cannot_write"
    assert str(tmp_path / "file") in caught.value.where


def test_pull_when_the_name_is_not_pinned_then_lists_those_that_are() -> None:
    with pytest.raises(InputError, match=r"qwen2\.5-coder-0\.5b"):
        pull("gpt-9")
