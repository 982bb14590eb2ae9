"""What every test is held to: own folders, no unexpected log, no thread left behind."""

import gc
import logging
import os
import threading
import time

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# Idle threads that spin make a busy machine many times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests may import it before anything of ours
if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers that compute with all cores each take them from one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory, monkeypatch):
    """No test reads or writes the user's cache, settings or model hubs."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("INTERP_GUI_CACHE", str(home / "cache"))
    monkeypatch.setenv("INTERP_GUI_CONFIG", str(home / "config"))
    monkeypatch.setenv("INTERP_GUI_DATA", str(home / "data"))
    monkeypatch.setenv("TORCH_HOME", str(home / "torch"))
    # What a pass runs on must not hang on how busy the machine is.
    monkeypatch.setenv("INTERP_GUI_RUNTIME", "torch")


@pytest.fixture(autouse=True)
def no_unexpected_log(caplog, request):
    """A record of WARNING or above fails the test unless it is marked `expects_log`."""
    yield
    if request.node.get_closest_marker("expects_log"):
        return
    for when in ("setup", "call"):
        for record in caplog.get_records(when):
            if record.levelno >= logging.WARNING and not record.name.startswith("hypothesis"):
                pytest.fail(f"unexpected log: {record.name}: {record.getMessage()}")


@pytest.fixture(autouse=True)
def no_thread_left():
    """A test that leaves a thread running fails; pools of libraries are not ours."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        left = [t for t in threading.enumerate() if t not in before and _ours(t)]
        if not left:
            return
        gc.collect()
        time.sleep(0.02)
    pytest.fail(f"threads left running: {[t.name for t in left]}")


def _ours(thread):
    foreign = ("ThreadPoolExecutor", "asyncio", "pydevd", "QDBus", "Dummy", "pytest_timeout",
               "tqdm_monitor")  # fmt: skip
    return thread.is_alive() and not thread.name.startswith(foreign)


@pytest.fixture
def make_atlas():
    """Makes an atlas of clouds of points, each of one label, without any network."""
    from interp_gui.core.atlas.kinds import Atlas, AtlasLevel, CellPictures

    def level(xy, image, vectors, mean, labels, side, classes):
        inside = ((xy >= 0) & (xy <= 1)).all(axis=1)
        column, row = np.minimum((xy * side).astype(int), side - 1).T
        cells = np.unique((row * side + column)[inside])
        rows = {name: [] for name in AtlasLevel.__struct_fields__[1:]}
        for cell in cells:
            members = np.flatnonzero(inside & (row * side + column == cell))
            middle = vectors[members].mean(axis=0)
            there, off = vectors[members] - mean, middle - mean
            norms = np.linalg.norm(there, axis=1) * np.linalg.norm(off) + 1e-12
            distance = 1 - there @ off / norms
            counts = np.bincount(labels[image[members]])
            near = members[np.argsort(distance, kind="stable")][:5]
            values = {
                "x": cell % side, "y": cell // side, "count": len(members), "vectors": middle,
                "spread": distance.mean(), "purity": counts.max() / counts.sum(),
                "label": counts.argmax(), "attribution": middle[:classes],
                "examples": np.pad(near, (0, 5 - len(near)), constant_values=-1),
            }  # fmt: skip
            for name, value in values.items():
                rows[name].append(value)
        kinds = {
            "x": np.int16, "y": np.int16, "count": np.int32, "label": np.int32,
            "examples": np.int32,
        }  # fmt: skip
        arrays = {name: np.array(rows[name], kinds.get(name, np.float32)) for name in rows}
        return AtlasLevel(side=side, **arrays)

    def make(points=1200, *, units=6, sides=(20, 40), clouds=5, pictures=(), size_px=16, seed=0):
        random = np.random.default_rng(seed)
        centres = random.uniform(0.15, 0.85, (clouds, 2))
        labels = np.arange(points) % clouds
        xy = (centres[labels] + random.normal(0, 0.06, (points, 2))).astype(np.float32)
        directions = random.normal(size=(clouds, units))
        vectors = directions[labels] + random.normal(0, 0.3, (points, units))
        vectors = vectors.astype(np.float32)
        image = np.arange(points, dtype=np.int32)
        mean = vectors.mean(axis=0, dtype=np.float64)
        levels = tuple(
            level(xy, image, vectors, mean, labels, side, min(clouds, units)) for side in sides
        )
        made = []
        for side, source in pictures:
            there = next(each for each in levels if each.side == side)
            colours = random.integers(0, 256, (clouds, 3))
            pixels = np.empty((len(there.x), size_px, size_px, 3), np.uint8)
            pixels[:] = colours[there.label][:, None, None]
            cells = np.arange(len(there.x), dtype=np.int32)
            made.append(CellPictures(level=side, source=source, cells=cells, pixels=pixels))
        names = tuple(f"name {i}" for i in range(clouds))
        outside = int((~((xy >= 0) & (xy <= 1)).all(axis=1)).sum())
        h = w = 4
        row, column = np.divmod(np.arange(h * w), w)
        field = np.stack([row * 8, column * 8, row * 8 + 8, column * 8 + 8], axis=1)
        return Atlas(
            key="atlas", title="Activation atlas of features.14", layer="features.14",
            layout="umap", grid=(h, w), field=field.astype(np.int32), size=(32, 32), xy=xy,
            image=image, place=random.integers(0, h * w, points).astype(np.int32),
            vectors=vectors, mean=mean, covariance=np.cov(vectors.T.astype(np.float64)),
            paths=tuple(f"image {i}.png" for i in range(points)),
            sha256=random.integers(0, 256, (points, 32)).astype(np.uint8),
            columns={"label": tuple(names[i] for i in labels)}, names=names,
            labelled_by="label", classes=tuple(range(min(clouds, units))),
            class_names=names[: min(clouds, units)], levels=levels, pictures=tuple(made),
            numbers={"points": points, "outside": outside},
            provenance={"atlas_sha256": "0" * 64},
        )  # fmt: skip

    return make
