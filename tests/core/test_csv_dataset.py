import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interp_gui.core.csv_dataset import CsvColumns, guess_columns, preview_csv, read_csv
from interp_gui.core.csv_text import decode_text, records
from interp_gui.core.errors import FileProblem, InterpError, UnknownName


@pytest.fixture
def table(tmp_path):
    """Write a table beside the empty files a.png, b.png and sub/ü.png: `table(text, **how)`."""
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "b.png", "sub/ü.png"):
        (tmp_path / name).write_bytes(b"")

    def write(content, *, encoding="utf-8", name="d.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def names(found):
    return [entry.name for entry in found.dataset.images]


def test_path_label_group_and_metadata(table, tmp_path):
    path = table("file,Class,age,Patient ID\na.png,cat,7,p1\nsub/ü.png,dog,,p2\n")
    found = read_csv(path)
    assert found.columns == CsvColumns(path="file", label="Class", group="Patient ID")
    first, second = found.dataset.images
    assert first.path == str(tmp_path / "a.png")
    assert (first.label, first.group, first.metadata) == ("cat", "p1", {"age": "7"})
    assert (second.label, second.group, second.metadata) == ("dog", "p2", {})
    assert found.dataset.name == "d.csv"
    assert found.dataset.columns == ("age",)
    assert found.problems == ()
    assert found.notes == ()


@pytest.mark.parametrize(
    ("header", "path", "label", "group"),
    [
        ("image_path;target;video", "image_path", "target", "video"),
        ("label;file_name;subject", "file_name", "label", "subject"),
        ("id;image;dx", "image", "dx", ""),
        ("Bilddatei;Art;Ort", "Bilddatei", "", ""),
    ],
)
def test_columns_are_guessed_by_name_and_content(header, path, label, group):
    columns = header.split(";")
    row = ["a.jpg" if name == path else "7" for name in columns]
    guess = guess_columns(columns, [row, row])
    assert guess == CsvColumns(path=path, label=label, group=group)


def test_what_the_values_say_beats_a_name():
    guess = guess_columns(["name", "photo_url", "y"], [["Ann", "x.jpg", "1"], ["Bo", "y.png", "0"]])
    assert guess == CsvColumns(path="photo_url", label="y")
    assert guess_columns(["a", "b"], [["1", "2"]]) is None


def test_columns_can_be_chosen(table):
    path = table("one,two,three\na.png,b.png,cat\n")
    found = read_csv(path, columns=CsvColumns(path="TWO", label="three", metadata=("one",)))
    assert names(found) == ["b.png"]
    assert found.dataset.images[0].metadata == {"one": "a.png"}
    with pytest.raises(UnknownName, match="'four'"):
        read_csv(path, columns=CsvColumns(path="four"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("encoding", "told", "assumed"),
    [
        ("utf-8", "UTF-8", False),
        ("utf-8-sig", "UTF-8", False),
        ("utf-16", "UTF-16", False),
        ("cp1252", "Windows-1252", True),
    ],
)
def test_delimiters_and_encodings(table, delimiter, encoding, told, assumed):
    rows = [("path", "label"), ("a.png", "Käse, 1 €"), ("sub/ü.png", "x;y")]
    text = "\r\n".join(delimiter.join(f'"{f}"' for f in row) for row in rows)
    found = read_csv(table(text, encoding=encoding))
    assert [entry.label for entry in found.dataset.images] == ["Käse, 1 €", "x;y"]
    assert names(found) == ["a.png", "ü.png"]
    assert (found.encoding, found.assumed) == (told, assumed)
    assert bool(found.notes) == assumed


def test_quoted_newlines_and_blank_lines_keep_the_count_of_rows(table):
    path = table('path,note\n\na.png,"two\nlines"\nnone.png,x\n')
    found = read_csv(path)
    assert found.dataset.images[0].metadata == {"note": "two\nlines"}
    assert [(p.row, p.kind) for p in found.problems] == [(4, "missing")]


def test_bad_rows_are_listed_and_the_rest_used(table):
    path = table(
        "path,label,age\n"
        "a.png,cat,1\n"
        "none.png,cat,2\n"
        ",cat,3\n"
        "./a.png,cat,4\n"
        "sub/../a.png,dog,5\n"
        "b.png\n"
        "sub/ü.png,dog,1,2\n"
        "sub,dog,1\n"
    )
    found = read_csv(path)
    assert names(found) == ["a.png", "b.png", "ü.png"]
    assert [(p.row, p.kind) for p in found.problems] == [
        (3, "missing"), (4, "no path"), (5, "duplicate"), (6, "duplicate"), (7, "short"),
        (8, "long"), (9, "missing"),
    ]  # fmt: skip
    assert "with another label" not in found.problems[2].text
    assert "with another label" in found.problems[3].text
    assert found.notes == (
        "2 rows name files that are not there: rows 3, 9.",
        "2 rows name files again: rows 5, 6.",
        "1 row names no file: row 4.",
        "1 row has too few fields: row 7.",
        "1 row has too many fields: row 8.",
    )


def test_many_bad_rows_are_counted(table):
    text = "path\na.png\n" + "".join(f"none{i}.png\n" for i in range(2000))
    assert read_csv(table(text)).notes == (
        "2,000 rows name files that are not there: rows 3, 4, 5, 6, 7, ….",
    )


def test_without_a_header(table):
    found = read_csv(table("a.png,cat\nb.png,dog\n"))
    assert names(found) == ["a.png", "b.png"]
    assert found.header == ("column 1", "column 2")
    assert found.dataset.images[0].metadata == {"column 2": "cat"}
    chosen = read_csv(table("a.png,cat\n"), columns=CsvColumns(path="column 1", label="column 2"))
    assert chosen.dataset.labels == ("cat",)


def test_headers_that_repeat_or_are_empty(table):
    found = read_csv(table("path,x,x,\na.png,1,2,3\n"))
    assert found.header == ("path", "x", "x (2)", "column 4")
    assert found.dataset.images[0].metadata == {"x": "1", "x (2)": "2", "column 4": "3"}


def test_paths_of_other_systems_and_without_suffix(table, tmp_path):
    (tmp_path / "twice.png").write_bytes(b"")
    (tmp_path / "twice.jpg").write_bytes(b"")
    path = table("image_id,dx\nsub\\ü.png,1\na,2\ntwice,3\n")
    found = read_csv(path)
    assert names(found) == ["ü.png", "a.png"]
    assert [p.row for p in found.problems] == [4]


def test_relative_paths_start_from_the_chosen_root_and_may_climb(table, tmp_path):
    path = table("path\nü.png\n../a.png\n")
    found = read_csv(path, root=tmp_path / "sub")
    assert names(found) == ["ü.png", "a.png"]
    with pytest.raises(FileProblem, match=r"names no image that exists. Row 2 names 'ü.png'"):
        read_csv(path)


def test_a_quotation_mark_that_is_never_closed_costs_no_rows(table):
    path = table('path,note\na.png,"fine"\nb.png,5" wide\nsub/ü.png,"open\nnone.png,x\n')
    found = read_csv(path)
    assert names(found) == ["a.png", "b.png", "ü.png"]
    assert found.dataset.images[2].metadata == {"note": "open"}
    assert [p.row for p in found.problems] == [5]


def test_an_open_quotation_mark_before_very_much_text(table):
    path = table('path,note\na.png,"open\n' + "b.png,x\n" + "z.png," + "y" * 200_000 + "\n")
    found = read_csv(path)
    assert names(found) == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n", "is empty"),
        (b"\n\n , \n", "is empty"),
        (b"PK\x03\x04rest", "is a spreadsheet"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is not a table in text"),
        (b"path,label\n", "names no image that exists. It has only a header"),
        (b"one,two\n1,2\n", "No column of 'd.csv' seems to name image files"),
    ],
)
def test_what_is_no_table_is_said(table, content, sentence):
    with pytest.raises(FileProblem, match=sentence):
        read_csv(table(content))


def test_a_missing_table_and_a_folder(tmp_path):
    with pytest.raises(FileProblem, match="cannot be read"):
        read_csv(tmp_path / "none.csv")
    with pytest.raises(FileProblem, match="cannot be read"):
        read_csv(tmp_path)


def test_preview(table):
    path = table("img;klasse\n" + "a.png;cat\nb.png\n" * 30, encoding="utf-16")
    preview = preview_csv(path)
    assert preview.header == ("img", "klasse")
    assert len(preview.rows) == 20
    assert preview.rows[:2] == (("a.png", "cat"), ("b.png", ""))
    assert preview.columns == CsvColumns(path="img")
    assert (preview.delimiter, preview.encoding) == (";", "UTF-16")


def test_the_dataset_travels(table):
    dataset = read_csv(table("path,label\na.png,cat\n")).dataset
    back = msgspec.msgpack.decode(msgspec.msgpack.encode(dataset), type=type(dataset))
    assert back == dataset


FIELDS = st.text(st.sampled_from('ab.png,;\t"\n\r \\\0ü€'), max_size=12)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.lists(FIELDS, max_size=20).map(lambda f: ",".join(f).encode()))
def test_no_bytes_do_harm(tmp_path, data):
    (tmp_path / "a.png").write_bytes(b"")
    path = tmp_path / "fuzz.csv"
    path.write_bytes(b"path,label\na.png,x\n" + data)
    try:
        found = read_csv(path)
        preview_csv(path)
    except InterpError:
        return
    assert "a.png" in names(found)
    assert all(p.text and p.row >= 1 for p in found.problems)


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_refused_in_words(data):
    try:
        table = decode_text(data, "x.csv")
    except InterpError:
        return
    assert all(isinstance(field, str) for row in records(table) for field in row)
