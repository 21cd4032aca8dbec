"""A log carried to object storage: what is there, in which order, and what is never done. The store is `moto`, over HTTP."""

from __future__ import annotations

import itertools
import json
import logging
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from extproc.audit import mirroring, standalone
from extproc.audit.audition import Auditor
from extproc.audit.bucket import Away, Bucket, Conflict
from extproc.audit.checkpoint import Checkpoint
from extproc.audit.journal import Journal
from extproc.audit.mirroring import Carrier
from extproc.audit.note import parse
from extproc.audit.orders import Frames, Task, frame
from support.logs import SIGNER, FastFiles, Writer, flip, made
from support.objectstore import ObjectStore, Spied, object_store

_names = itertools.count()


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    """Run a store."""
    with object_store() as found:
        yield found


@pytest.fixture
def bucket(store: ObjectStore) -> str:
    """Make a bucket of one's own."""
    return store.bucket(f"evidence-{next(_names)}")


def carried(task: Task) -> int:
    """Carry a log as a process that has just begun would; return the mirror's size."""
    return Carrier(Path(task.directory), task.worker, Bucket.open(task)).carry()


def findings(copy: Path) -> list[str]:
    """Verify a copy of a mirror, by the program and by the auditor's own; return what does not hold."""
    found = Auditor(directory=copy, keys=[SIGNER.verifier], mirrored=True).audit()
    alone = standalone.main([str(copy / "log" / "w"), str(SIGNER.verifier)])
    return [str(each) for each in found.findings.values()] + ["alone"] * alone


def test_a_copy_of_the_mirror_holds(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """All tiles, the checkpoint and every full segment are there, byte for byte; no key is, and both verifiers accept."""
    made(tmp_path / "audit", 700)
    assert carried(store.task(tmp_path / "audit", bucket)) == 702

    copy = store.download(bucket, tmp_path / "copy")

    assert findings(copy) == []
    names = {str(each.relative_to(copy)) for each in copy.rglob("*") if each.is_file()}
    ours = {str(each.relative_to(tmp_path / "audit")): each for each in (tmp_path / "audit").rglob("*") if each.is_file()}
    segments = sorted(each for each in ours if each.endswith(".seal"))
    assert len(segments) > 3
    assert names == {each for each in ours if each.startswith("log/")} | set(segments[:-1])
    assert [name for name in names if (copy / name).read_bytes() != ours[name].read_bytes()] == []


def test_a_mirror_goes_on_where_its_checkpoint_says(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """A process that begins anew puts what is new, and nothing a second time."""
    writer = Writer(tmp_path)
    writer.grow(300)
    task = store.task(tmp_path, bucket)
    first = Spied(Bucket.open(task))
    Carrier(tmp_path, "w", first).carry()
    writer.grow(300)
    writer.stop()
    second = Spied(Bucket.open(task))
    carrier = Carrier(tmp_path, "w", second)
    carrier.carry()
    written = len(second.written)
    carrier.carry()

    assert set(first.written) & set(second.written) == {"log/w/checkpoint"}
    assert written == len(second.written)
    assert findings(store.download(bucket, tmp_path / "copy")) == []


def test_a_checkpoint_never_names_what_is_not_there(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """Before each write, whatever is in the mirror holds as a log; a mirror that breaks off anywhere is gone on with."""
    writer = Writer(tmp_path / "audit", segment_bytes=8 << 10)
    task = store.task(tmp_path / "audit", bucket)
    copy = tmp_path / "copy"

    def look(_: str) -> None:
        store.download(bucket, copy)
        if (copy / "log" / "w" / "checkpoint").exists():
            assert findings(copy) == []
            shutil.rmtree(copy)

    for growth, broken_at in ((3, 2), (253, 1), (1, 3), (40, 2)):
        writer.grow(growth)
        for count in (broken_at, None):
            left = itertools.count()

            def before(name: str, left: Iterator[int] = left, count: int | None = count) -> None:
                look(name)
                if next(left) == count:
                    raise Away("broken off")

            try:
                Carrier(tmp_path / "audit", "w", Spied(Bucket.open(task), before)).carry()
            except Away:
                continue
    look("")
    found = store.objects(bucket, "r/log/w/")
    assert found["checkpoint"] == (tmp_path / "audit" / "log" / "w" / "checkpoint").read_bytes()


def test_what_is_there_and_other_is_not_overwritten(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """A tile of other bytes is told and left, and no checkpoint comes."""
    made(tmp_path, 20)
    name = "r/log/w/tile/0/000.p/22"
    store.client.put_object(Bucket=bucket, Key=name, Body=b"planted")

    with pytest.raises(Conflict, match=r"tile/0/000\.p/22 is there already, and is another"):
        carried(store.task(tmp_path, bucket))

    there = store.objects(bucket)
    assert (there[name], "r/log/w/checkpoint" in there) == (b"planted", False)


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ("set back", "has 42 entries of w, and the log 22: it was set back"),
        ("begun anew", "has other entries than the log"),
        ("of another origin", "is of elsewhere/w, another log"),
        ("no checkpoint", "is there already, and is none"),
    ],
)
def test_another_log_under_the_same_name_is_refused(
    store: ObjectStore, bucket: str, tmp_path: Path, how: str, what: str
) -> None:
    """A log that is not what the mirror has seen changes nothing there: set back, begun anew, or another replica's."""
    task = store.task(tmp_path / "audit", bucket)
    made(tmp_path / "audit", 20 if how == "begun anew" else 40)
    carried(task)
    shutil.rmtree(tmp_path / "audit")
    made(tmp_path / "audit", 60 if how == "begun anew" else 20)
    if how == "begun anew":
        pass
    elif how != "set back":
        shown = store.objects(bucket)["r/log/w/checkpoint"]
        other = b"elsewhere" + shown.removeprefix(b"o") if how == "of another origin" else b"nothing"
        store.client.put_object(Bucket=bucket, Key="r/log/w/checkpoint", Body=other)
    before = store.objects(bucket)

    with pytest.raises(Conflict, match=what):
        carried(task)

    assert store.objects(bucket) == before


def test_two_replicas_write_beside_each_other(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """Each has a prefix of its own, so neither knows of the other; both copies hold."""
    for name, count in (("a", 30), ("b", 400)):
        made(tmp_path / name, count)
    threads = [
        threading.Thread(target=carried, args=(store.task(tmp_path / name, bucket, prefix=f"all/{name}/"),)) for name in "ab"
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert [findings(store.download(bucket, tmp_path / f"copy-{name}", f"all/{name}/")) for name in "ab"] == [[], []]


def test_two_processes_of_one_log_do_not_set_the_mirror_back(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """One that was overtaken while it carried does not replace the later checkpoint, and goes on from it."""
    writer = Writer(tmp_path)
    writer.grow(10)
    task = store.task(tmp_path, bucket)
    carried(task)
    late = Carrier(tmp_path, "w", Spied(Bucket.open(task), lambda name: overtake() if name.endswith("checkpoint") else None))
    overtaken: list[int] = []

    def overtake() -> None:
        if not overtaken:
            overtaken.append(0)
            writer.grow(10)
            overtaken.append(carried(task))

    writer.grow(10)
    with pytest.raises(Away, match="replaced meanwhile"):
        late.carry()

    assert late.carry() == overtaken[1] == Checkpoint.parse(parse(store.objects(bucket)["r/log/w/checkpoint"]).text).size
    assert findings(store.download(bucket, tmp_path / "copy")) == []


def test_a_checkpoint_that_somebody_deleted_has_all_looked_through(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """It comes again, and with it whatever else was deleted; what is there is read and left."""
    writer = Writer(tmp_path / "audit")
    writer.grow(300)
    carrier = Carrier(tmp_path / "audit", "w", Bucket.open(store.task(tmp_path / "audit", bucket)))
    carrier.carry()
    for name in ("checkpoint", "tile/0/000"):
        store.client.delete_object(Bucket=bucket, Key=f"r/log/w/{name}")
    writer.stop()
    with pytest.raises(Away):
        carrier.carry()
    carrier.carry()

    assert findings(store.download(bucket, tmp_path / "copy")) == []


def test_what_witnesses_signed_later_is_brought_too(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """A checkpoint of the same size with another signature takes the place of the one before."""
    made(tmp_path, 5)
    task = store.task(tmp_path, bucket)
    carried(task)
    path = tmp_path / "log" / "w" / "checkpoint"
    path.write_bytes(path.read_bytes() + "\N{EM DASH} witness.test/w1 AAAAAAAAAAAAAAAA\n".encode())
    carried(task)

    assert store.objects(bucket)["r/log/w/checkpoint"] == path.read_bytes()


def test_a_full_tile_is_cut_where_it_has_taken_a_partial_ones_place(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """A checkpoint that is mirrored while the log goes on finds its own tiles in the wider ones."""
    writer = Writer(tmp_path)
    writer.grow(200)
    old = (tmp_path / "log" / "w" / "checkpoint").read_bytes()
    writer.grow(100)
    writer.stop()
    (tmp_path / "log" / "w" / "checkpoint").write_bytes(old)
    carried(store.task(tmp_path, bucket))

    assert findings(store.download(bucket, tmp_path / "copy")) == []


def test_a_copy_that_is_made_while_the_mirror_grows_holds(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """The checkpoint is copied first, so tiles and segments may be of a later state; one of no entries is the first of all."""
    task = store.task(tmp_path / "audit", bucket)
    Journal(tmp_path / "audit", "w", signers=[SIGNER], segment_bytes=1 << 20, files=FastFiles()).close()
    shown = []
    for growth in (0, 40, 300, 300):
        if growth:
            writer = Writer(tmp_path / "audit", segment_bytes=4 << 10)
            writer.grow(growth)
            writer.stop()
        carried(task)
        shown.append(store.objects(bucket)["r/log/w/checkpoint"])
    copy = store.download(bucket, tmp_path / "copy")
    found = []
    for content in shown:
        (copy / "log" / "w" / "checkpoint").write_bytes(content)
        found.append((Checkpoint.parse(parse(content).text).size, findings(copy)))

    assert found == [(0, []), (42, []), (344, []), (646, [])]


def test_locked_objects_stay_for_their_time(store: ObjectStore, tmp_path: Path) -> None:
    """With object lock nobody deletes a version within the time, checkpoints included; the mirror grows all the same."""
    bucket = store.bucket(f"locked-{next(_names)}", lockable=True)
    task = store.task(tmp_path, bucket, locked=86_400.0)
    writer = Writer(tmp_path)
    for _ in range(2):
        writer.grow(10)
        carried(task)
    versions = store.client.list_object_versions(Bucket=bucket)["Versions"]
    modes = {
        store.client.head_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])["ObjectLockMode"]
        for each in versions
    }
    checkpoints = [each for each in versions if each["Key"] == "r/log/w/checkpoint"]
    for each in versions:
        with pytest.raises(ClientError, match="AccessDenied"):
            store.client.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])

    assert (modes, len(checkpoints)) == ({"COMPLIANCE"}, 2)
    assert findings(store.download(bucket, tmp_path / "copy")) == []


def test_a_store_that_heeds_no_condition_is_not_used(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """One that overwrites what is there already is found out by the first object, with the same bytes, and gets no second."""
    made(tmp_path, 300)
    task = store.task(tmp_path, bucket)
    found = Bucket.open(task)
    put = found._client.put_object

    def heedless(**words: Any) -> Any:
        return put(**{name: word for name, word in words.items() if name not in {"IfNoneMatch", "IfMatch"}})

    found._client.put_object = heedless
    with pytest.raises(Conflict, match="If-None-Match"):
        Carrier(tmp_path, "w", found).carry()

    assert len(store.objects(bucket)) == 1


def test_a_tampered_copy_is_found(store: ObjectStore, bucket: str, tmp_path: Path) -> None:
    """A flipped byte in any file of a copy, and any file that is missing but the last segments, is a finding."""
    made(tmp_path / "audit", 270, segment_bytes=128 << 10)
    carried(store.task(tmp_path / "audit", bucket))
    copy = store.download(bucket, tmp_path / "copy")
    paths = sorted(each for each in copy.rglob("*") if each.is_file())
    last = [each for each in paths if each.suffix == ".seal"][-1]
    unseen = []
    for path in paths:
        content = path.read_bytes()
        flip(path, len(content) // 2)
        unseen += [f"flipped {path}"] * (findings(copy) == [])
        path.unlink()
        unseen += [f"removed {path}"] * (findings(copy) == [])
        path.write_bytes(content)

    assert unseen == [f"removed {last}"]


@pytest.fixture
def process() -> Iterator[Callable[[Task], socket.socket]]:
    """Have the loop of the process run in a thread; it ends with its socket."""
    running: list[tuple[threading.Thread, socket.socket]] = []

    def run(task: Task) -> socket.socket:
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=mirroring.serve, args=(theirs,), daemon=True)
        thread.start()
        ours.sendall(frame(task))
        running.append((thread, theirs))
        return ours

    yield run
    for thread, theirs in running:
        thread.join(60)
        theirs.close()
        assert not thread.is_alive()


def until(holds: Callable[[], bool]) -> bool:
    """Wait until something holds."""
    for _ in range(1200):
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_while_the_store_is_away_the_log_goes_on_and_it_catches_up(
    store: ObjectStore, bucket: str, tmp_path: Path, process: Callable[[Task], socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once that the mirror is behind, and that it has caught up; then nothing is missing."""
    task = store.task(tmp_path / "audit", bucket)
    writer = Writer(tmp_path / "audit")
    writer.grow(10)
    shown = tmp_path / "audit" / "log" / "w" / "checkpoint"
    with process(task):
        assert until(lambda: store.objects(bucket).get("r/log/w/checkpoint") == shown.read_bytes())
        store.go()
        writer.grow(400)
        assert until(lambda: len(caplog.messages) > 0)
        writer.grow(50)
        store.come()
        assert until(lambda: store.objects(bucket).get("r/log/w/checkpoint") == shown.read_bytes())
        assert until(lambda: "the mirror has caught up" in caplog.messages)

    assert [line.partition(":")[0] for line in caplog.messages] == ["the mirror of w is behind", "the mirror has caught up"]
    assert findings(store.download(bucket, tmp_path / "copy")) == []


def test_the_last_of_a_log_is_brought_when_the_socket_ends(
    store: ObjectStore, bucket: str, tmp_path: Path, process: Callable[[Task], socket.socket]
) -> None:
    """A process that waits a long time brings what is new at once when whoever started it goes."""
    writer = Writer(tmp_path / "audit")
    writer.grow(10)
    shown = tmp_path / "audit" / "log" / "w" / "checkpoint"
    task = store.task(tmp_path / "audit", bucket)
    with process(Task(**{name: getattr(task, name) for name in task.__struct_fields__} | {"every": 3600.0})):
        assert until(lambda: "r/log/w/checkpoint" in store.objects(bucket))
        writer.stop()

    assert until(lambda: store.objects(bucket)["r/log/w/checkpoint"] == shown.read_bytes())


def test_a_conflict_is_told_once(
    store: ObjectStore, bucket: str, tmp_path: Path, process: Callable[[Task], socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    """It is an error in the program's log and told to whoever started it, and the same is not told again."""
    made(tmp_path, 5)
    store.client.put_object(Bucket=bucket, Key="r/log/w/tile/0/000.p/7", Body=b"planted")
    task = store.task(tmp_path, bucket)
    frames = Frames()
    with process(task) as connection:
        frames.feed(connection.recv(1 << 16))
        connection.sendall(frame(task))
        assert until(lambda: len(caplog.records) > 0)

    told = "log/w/tile/0/000.p/7 is there already, and is another"
    assert [json.loads(each) for each in frames] == [told]
    assert [(each.levelno, each.getMessage()) for each in caplog.records] == [
        (logging.ERROR, f"nothing is mirrored of w: {bucket}: {told}")
    ]


def test_a_wrong_bucket_is_said_and_no_key(
    store: ObjectStore, tmp_path: Path, process: Callable[[Task], socket.socket], caplog: pytest.LogCaptureFixture
) -> None:
    """The store's own code stands in the program's log; the key to the store stands nowhere, in no task's form either."""
    made(tmp_path, 5)
    task = store.task(tmp_path, "no-such-bucket")
    with process(task):
        assert until(lambda: len(caplog.messages) > 0)

    assert caplog.messages == ["the mirror of w is behind: no-such-bucket: NoSuchBucket"]
    assert "the-key" not in caplog.text + repr(task)
