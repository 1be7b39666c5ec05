"""The command line as a user meets it: exit codes, and one sentence instead of a traceback."""

import subprocess
import sys

import pytest

from wildact.cli.main import main


def call(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["wildact", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    return end.value.code or 0, out, err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "x.mp4"], "--out"),
        (["run", "/nothing/x.mp4", "--out", "o"], "/nothing/x.mp4 does not exist."),
        (["run", ".", "--out", "o", "--fps", "fast"], "--fps takes a number"),
        (["run", ".", "--out", "o", "--fps", "0"], "fps must be more than 0"),
        (["run", ".", "--out", "o", "--min-score", "2"], "min-score must lie between"),
        (["run", ".", "--out", "o", "--device", "warp"], "--device warp cannot be used"),
        (["train", "nothing", "--data", "d", "--out", "o"], "there is no recipe 'nothing'"),
        (["train", "maskrcnn_lite0_fpn", "--data", "/nothing", "--out", "o"], "does not exist"),
        (["models", "download", "nothing"], "nothing"),
        (["nosuch"], "nosuch"),
    ],
)
def test_a_wrong_call_is_exit_code_1_and_one_sentence(monkeypatch, capsys, arguments, said):
    code, out, err = call(monkeypatch, capsys, *arguments)
    assert code == 1
    assert said in " ".join((out + err).split())
    assert "Traceback" not in out + err


def test_brackets_in_a_path_are_no_markup(monkeypatch, capsys):
    _, _, err = call(monkeypatch, capsys, "run", "/x/[red]clip[/red].mp4", "--out", "o")
    assert "[red]clip[/red].mp4" in err
    _, _, err = call(monkeypatch, capsys, "run", r"/x/\[old]/a\[/x].mp4", "--out", "o")
    assert r"/x/\[old]/a\[/x].mp4" in err


def test_recipes_and_models_are_listed(monkeypatch, capsys, tmp_path):
    code, out, _ = call(monkeypatch, capsys, "recipes", "list")
    assert code == 0
    assert "maskrcnn_lite0_fpn" in out
    code, out, _ = call(monkeypatch, capsys, "recipes", "show", "maskrcnn_lite0_fpn")
    assert "[optimizer]" in out
    (tmp_path / "mine.toml").write_text("# of our own\n" + out)
    assert (
        call(monkeypatch, capsys, "recipes", "show", str(tmp_path / "mine.toml"))[1] == "# of our own\n" + out
    )
    code, out, _ = call(monkeypatch, capsys, "models")
    assert code == 0
    assert "r2plus1d_18" in out


def test_what_an_option_is_without_being_given_is_told(monkeypatch, capsys):
    out = (
        call(monkeypatch, capsys, "evaluate", "--help")[1]
        + call(monkeypatch, capsys, "data", "split", "--help")[1]
    )
    assert "else the bundled one" in " ".join(out.replace("│", " ").split())
    assert "else train/val/test" in " ".join(out.replace("│", " ").split())


def test_importing_the_package_is_light():
    code = "import sys, wildact; assert 'torch' not in sys.modules and 'av' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_simulate_writes_a_data_set(monkeypatch, capsys, tmp_path):
    size = [
        "--width",
        "96",
        "--height",
        "64",
        "--seconds",
        "0.5",
        "--fps",
        "10",
        "--videos",
        "1",
        "--sites",
        "1",
    ]
    code, _, _ = call(monkeypatch, capsys, "simulate", str(tmp_path / "d"), *size)
    assert code == 0
    assert (tmp_path / "d/annotations.json").is_file()
    code, _, _ = call(monkeypatch, capsys, "simulate", str(tmp_path / "e"), *size, "--fps", "x")
    assert code == 1
