import pytest

from wildact.datasets.csv_table import read_table
from wildact.errors import DatasetError


def write(folder, text, encoding="utf-8"):
    path = folder / "t ü.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_tables_of_all_spreadsheets_are_read(tmp_path, delimiter, encoding):
    lines = ["a|b|c", '1|"x, ""y"";', 'z"|', "", " 2 ||3||"]
    text = "\r\n".join(line.replace("|", delimiter) for line in lines)
    table = read_table(write(tmp_path, text, encoding), ("b", "a"))
    assert table.columns == ("a", "b", "c")
    assert [row for _, row in table.rows] == [
        {"a": "1", "b": 'x, "y";\nz', "c": ""},
        {"a": "2", "b": "", "c": "3"},
    ]
    assert table.rows[1][0].endswith("line 5")


def test_lines_above_the_header_are_skipped(tmp_path):
    table = read_table(write(tmp_path, "Observation id\tx\n\nb\ta\n1\t2\n"), ("a",))
    assert [row for _, row in table.rows] == [{"b": "1", "a": "2"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y\n1,2\n", "no line names the columns a, b"),
        ("", "no line names the columns"),
        ("a,b,a\n", "two columns are called 'a'"),
        ("a,b\n1,2,3\n", "line 2: 3 cells, but 2 columns have a name"),
        ('a,b\n1,"2\n', "line 2: unexpected end of data"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, said):
    with pytest.raises(DatasetError, match=said) as caught:
        read_table(write(tmp_path, text), ("a", "b"))
    assert "t ü.csv" in str(caught.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(DatasetError, match="does not exist"):
        read_table(tmp_path / "x.csv", ("a",))
    with pytest.raises(DatasetError, match="cannot be read"):
        read_table(tmp_path, ("a",))
    with pytest.raises(DatasetError, match="is not UTF-8"):
        read_table(write(tmp_path, "a,ü\n", "latin-1"), ("a",))
