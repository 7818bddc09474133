"""Opens, replaces and removes files beneath one folder; no name or symlink can lead out of it.

The kernel resolves paths (openat2); where it cannot, a walk that follows no symlink does. Must not
know which paths are allowed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import itertools
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

_OPENAT2 = 437
_NO_MAGICLINKS, _NO_SYMLINKS, _BENEATH = 0x02, 0x04, 0x08
_RESOLVE = _NO_MAGICLINKS | _NO_SYMLINKS | _BENEATH
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_libc = ctypes.CDLL(None, use_errno=True)
_serial = itertools.count()


class Beneath:
    """One folder, held open. Use as a context manager; all methods raise OSError.

    A symlink anywhere on the way, also the last name, is ELOOP; a file that is not a regular one
    is EINVAL. ``use_openat2`` is there to try the walk on a kernel that needs none.
    """

    def __init__(self, root: Path, *, use_openat2: bool = True) -> None:
        self._root = os.open(root, _FOLDER)
        self._use_openat2 = use_openat2

    def __enter__(self) -> Beneath:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        os.close(self._root)

    def read(self, path: str) -> tuple[bytes, int] | None:
        """Return a regular file's bytes and mode, ``None`` where there is nothing."""
        try:
            number = self._open(path, _FILE)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with os.fdopen(number, "rb") as file:
            found = os.fstat(number)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            return file.read(), stat.S_IMODE(found.st_mode)

    def check(self, path: str) -> None:
        """Raise OSError if a file could not be put at ``path`` without leaving or replacing."""
        folder, _, name = path.rpartition("/")
        for prefix in _prefixes(folder):
            try:
                os.close(self._open(prefix, _FOLDER))
            except FileNotFoundError:
                return
        with self._folder(folder) as parent:
            _check_regular(parent, name)

    def write(self, path: str, data: bytes, *, mode: int | None = None) -> None:
        """Put a file in place in one step, making its folders.

        Without a ``mode`` that of an old file is kept.
        """
        with self.parent(path) as (parent, name):
            old_mode = _check_regular(parent, name)
            mode = old_mode if mode is None else mode
            temp = f".{os.getpid()}-{next(_serial)}.masterplan-new"
            number = os.open(
                temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=parent
            )
            try:
                with os.fdopen(number, "wb") as file:
                    if mode is not None:
                        os.fchmod(number, mode)
                    file.write(data)
                os.rename(temp, name, src_dir_fd=parent, dst_dir_fd=parent)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(temp, dir_fd=parent)
                raise

    def adopt(self, source: Path, path: str, *, is_new: bool) -> None:
        """Move a finished file into place in one step; a new one never replaces anything.

        Needs no space beyond folder entries where ``source`` is on the same file system.
        """
        with self.parent(path) as (parent, name):
            _check_regular(parent, name)
            _hand_over(source, parent, "." if is_new else name)
            try:
                if is_new:
                    os.link(source, name, dst_dir_fd=parent)
                    os.unlink(source)
                else:
                    os.rename(source, name, dst_dir_fd=parent)
                return
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP):
                    raise
        self.write(path, source.read_bytes(), mode=stat.S_IMODE(source.stat().st_mode))
        source.unlink()

    def remove(self, path: str) -> None:
        """Remove a regular file if it is there, and folders that this leaves empty."""
        folder, _, name = path.rpartition("/")
        try:
            with self._folder(folder) as parent:
                _check_regular(parent, name)
                os.unlink(name, dir_fd=parent)
        except (FileNotFoundError, NotADirectoryError):
            return
        self.prune(folder)

    def prune(self, folder: str) -> None:
        """Remove a folder and those above it as far as they are empty."""
        while folder:
            above, _, name = folder.rpartition("/")
            try:
                with self._folder(above) as parent:
                    os.rmdir(name, dir_fd=parent)
            except OSError:
                return
            folder = above

    @contextmanager
    def parent(self, path: str) -> Iterator[tuple[int, str]]:
        """Hold the folder of ``path`` open, making it if needed: its descriptor and the name."""
        folder, _, name = path.rpartition("/")
        above = os.dup(self._root)
        try:
            for prefix in _prefixes(folder):
                try:
                    below = self._open(prefix, _FOLDER)
                except FileNotFoundError:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(prefix.rpartition("/")[2], dir_fd=above)
                    below = self._open(prefix, _FOLDER)
                os.close(above)
                above = below
            yield above, name
        finally:
            os.close(above)

    @contextmanager
    def _folder(self, folder: str) -> Iterator[int]:
        number = self._open(folder, _FOLDER) if folder else os.dup(self._root)
        try:
            yield number
        finally:
            os.close(number)

    def _open(self, path: str, flags: int) -> int:
        if self._use_openat2:
            how = struct.pack("<QQQ", flags, 0, _RESOLVE)
            number = int(_libc.syscall(_OPENAT2, self._root, os.fsencode(path), how, len(how)))
            if number >= 0:
                return number
            code = ctypes.get_errno()
            if code != errno.ENOSYS:
                raise OSError(code, os.strerror(code), path)
        return self._walk(path, flags)

    def _walk(self, path: str, flags: int) -> int:
        names = path.split("/")
        if "" in names or ".." in names:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
        number = os.dup(self._root)
        for i, name in enumerate(names):
            wanted = flags if i == len(names) - 1 else _FOLDER
            try:
                below = os.open(name, wanted | os.O_NOFOLLOW, dir_fd=number)
            except NotADirectoryError:
                found = os.stat(name, dir_fd=number, follow_symlinks=False)
                code = errno.ELOOP if stat.S_ISLNK(found.st_mode) else errno.ENOTDIR
                raise OSError(code, os.strerror(code), path) from None
            finally:
                os.close(number)
            number = below
        return number


def _prefixes(folder: str) -> Iterator[str]:
    names = folder.split("/") if folder else []
    for i in range(len(names)):
        yield "/".join(names[: i + 1])


def _hand_over(source: Path, parent: int, like: str) -> None:
    """Give a file the owner of what it replaces or joins, where root works on a user's files."""
    wanted, has = os.stat(like, dir_fd=parent, follow_symlinks=False), source.stat()
    if (wanted.st_uid, wanted.st_gid) != (has.st_uid, has.st_gid):
        with contextlib.suppress(PermissionError):
            os.chown(source, wanted.st_uid, wanted.st_gid)


def _check_regular(parent: int, name: str) -> int | None:
    """Return the mode of the regular file at a name, ``None`` if nothing is there."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", name)
    return stat.S_IMODE(found.st_mode)
