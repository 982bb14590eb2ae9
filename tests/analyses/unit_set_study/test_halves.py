import hashlib

import pytest

from interp_gui.analyses.dataset_pass import Known
from interp_gui.analyses.unit_set_study.halves import halves
from interp_gui.core.dataset import Dataset, ImageEntry
from interp_gui.core.errors import InvalidValue, UnknownName


def sha256_of(content):
    return hashlib.sha256(str(content).encode()).hexdigest()


def make(count, *, group=lambda i: "", metadata=lambda i: {}, truth=lambda i: i % 3, content=None):
    entries = tuple(
        ImageEntry(
            path=f"/x/{i}.png", label=f"l{truth(i)}", group=group(i), metadata=metadata(i)
        )
        for i in range(count)
    )  # fmt: skip
    known = [
        Known(
            i, e, hashlib.sha256(str(content(i) if content else i).encode()).hexdigest(), truth(i)
        )
        for i, e in enumerate(entries)
    ]
    return Dataset(images=entries), known


def part(dataset, known, **more):
    settings = {"column": "", "most": 1000, "seed": 0} | more
    return halves(dataset, known, 0, **settings)


def test_no_image_is_in_both_halves_and_each_has_its_share_of_the_class():
    found = part(*make(60))
    ranking, test = ({image.sha256 for image in half} for half in (found.ranking, found.test))
    assert not ranking & test
    assert len(ranking) == len(test) == 30
    assert sum(image.truth == 0 for image in found.ranking) == 10
    assert "image by image" in found.said
    assert "10 of the class and 20 others" in found.said


def test_groups_stay_together():
    dataset, known = make(60, group=lambda i: f"p{i // 5}")
    found = part(dataset, known)
    groups = [{image.entry.group for image in half} for half in (found.ranking, found.test)]
    assert not groups[0] & groups[1]
    assert "by group" in found.said


def test_a_column_may_part_them_too():
    dataset, known = make(40, metadata=lambda i: {"video": str(i // 4)})
    found = part(dataset, known, column="video")
    seen = [{image.entry.metadata["video"] for image in h} for h in (found.ranking, found.test)]
    assert seen[0]
    assert seen[1]
    assert not seen[0] & seen[1]
    with pytest.raises(UnknownName, match="vido"):
        part(dataset, known, column="vido")


def test_files_with_the_same_content_are_never_in_both_halves():
    dataset, known = make(60, content=lambda i: i // 6 * 3 + i % 3)  # each picture twice
    found = part(dataset, known)
    hashes = [image.sha256 for image in (*found.ranking, *found.test)]
    assert len(hashes) == len(set(hashes)) == 30


def test_the_halves_hang_on_content_and_seed_alone():
    dataset, known = make(60)
    one, other = part(dataset, known), part(dataset, known[::-1])
    assert [i.sha256 for i in one.ranking] == [i.sha256 for i in other.ranking]
    assert [i.sha256 for i in one.test] == [i.sha256 for i in other.test]
    assert {i.sha256 for i in part(dataset, known, seed=1).test} != {i.sha256 for i in one.test}


def test_many_images_are_limited_with_as_many_of_the_class_as_of_others():
    found = part(*make(300), most=20)
    for half in (found.ranking, found.test):
        assert len(half) == 20
        assert sum(image.truth == 0 for image in half) == 10


def test_what_one_half_would_lack_is_said():
    dataset, known = make(20, truth=lambda i: 1 if i else 0)
    with pytest.raises(InvalidValue, match="Both halves need"):
        part(dataset, known)
