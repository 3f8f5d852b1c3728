"""The build: which machine and which CPU levels it is for."""

import importlib.util
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fastbp import _core, _threads

pytest.importorskip("setuptools", minversion="77")
SETUP = Path(__file__).resolve().parent.parent / "setup.py"
X86 = platform.machine() == "x86_64"
VARIABLES = ("ARCHFLAGS", "FASTBP_BUILD", "FASTBP_LEVELS", "_PYTHON_HOST_PLATFORM")


@pytest.fixture
def build(monkeypatch):
    """setup.py as a module, in an environment that asks for nothing."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    spec = importlib.util.spec_from_file_location("fastbp_setup", SETUP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def compiler(tmp_path):
    """Makes a compiler that has these words to say of the processor."""

    def make(*macros):
        lines = "\n".join(f"#define {macro} 1" for macro in macros)
        script = tmp_path / "cc.py"
        script.write_text(f"print({lines!r})")
        return [sys.executable, str(script)]

    return make


@pytest.mark.parametrize(
    ("platform_name", "machine"),
    [
        ("linux-x86_64", "x86_64"),
        ("linux-aarch64", "aarch64"),
        ("macosx-11.0-arm64", "arm64"),
        ("macosx-10.13-x86_64", "x86_64"),
    ],
)
def test_the_machine_is_the_one_that_is_built_for(build, monkeypatch, platform_name, machine):
    monkeypatch.setenv("_PYTHON_HOST_PLATFORM", platform_name)
    assert build.target_machine() == machine


def test_the_machine_of_a_macos_build_is_in_archflags(build, monkeypatch):
    monkeypatch.setenv("_PYTHON_HOST_PLATFORM", "macosx-10.13-universal2")
    monkeypatch.setenv("ARCHFLAGS", "-arch arm64")
    assert build.target_machine() == "arm64"
    monkeypatch.setenv("ARCHFLAGS", "-arch arm64 -arch x86_64")
    with pytest.raises(SystemExit, match="one machine at a time; set ARCHFLAGS='-arch"):
        build.target_machine()


def test_a_wheel_has_every_level_and_another_machine_one(build):
    assert list(build.levels_of("x86_64", ["no compiler"], False)) == ["v2", "v3", "v4"]
    assert build.levels_of("aarch64", ["no compiler"], False) == {"base": []}
    assert build.levels_of("aarch64", ["no compiler"], True) == {"base": []}


@pytest.mark.skipif(not X86, reason="x86-64 only")
@pytest.mark.parametrize("level", ["v2", "v3", "v4"])
def test_in_place_there_is_the_level_of_the_processor(build, compiler, level):
    levels = list(build.LEVEL_MACROS)
    known = levels[: levels.index(level) + 1]
    macros = [macro for name in known for macro in build.LEVEL_MACROS[name]]
    assert list(build.levels_of("x86_64", compiler(*macros), True)) == [level]
    assert build.native_level(compiler(*macros[:-1])) != level


@pytest.mark.parametrize("macros", [(), ("__AVX2__",)])
def test_every_level_is_built_where_the_compiler_does_not_tell(build, compiler, macros):
    assert list(build.levels_of("x86_64", compiler(*macros), True)) == ["v2", "v3", "v4"]


def test_every_level_is_built_in_place_for_another_machine(build, compiler, monkeypatch):
    monkeypatch.setattr(build.platform, "machine", lambda: "aarch64")
    macros = build.LEVEL_MACROS["v2"]
    assert list(build.levels_of("x86_64", compiler(*macros), True)) == ["v2", "v3", "v4"]


@pytest.mark.skipif(not X86, reason="x86-64 only")
def test_compiler_and_engine_agree_about_this_processor(build):
    assert build.native_level(["cc"]) == _threads.cpu_level()
    assert _threads.cpu_level() in _core.X86_LEVELS


def test_levels_that_are_asked_for(build, monkeypatch):
    monkeypatch.setenv("FASTBP_LEVELS", "v4 v2")
    assert list(build.levels_of("x86_64", ["no compiler"], False)) == ["v4", "v2"]
    monkeypatch.setenv("FASTBP_LEVELS", "all")
    assert list(build.levels_of("x86_64", ["no compiler"], True)) == ["v2", "v3", "v4"]
    monkeypatch.setenv("FASTBP_LEVELS", "v5 v2")
    with pytest.raises(SystemExit, match="names v5; x86_64 has v2, v3, v4, all and native"):
        build.levels_of("x86_64", ["no compiler"], False)
    monkeypatch.setenv("FASTBP_LEVELS", "v2")
    with pytest.raises(SystemExit, match="names v2; aarch64 has base, all and native"):
        build.levels_of("aarch64", ["no compiler"], False)


def test_a_compiler_that_is_missing_tells_nothing(build):
    assert build.native_level(["a compiler that is not there"]) is None


# What an index of packages shows


@pytest.mark.parametrize(
    ("origin", "address"),
    [
        ("https://host.example/group/fastbp.git", "https://host.example/group/fastbp"),
        ("https://user:secret@host.example/group/fastbp", "https://host.example/group/fastbp"),
        ("git@host.example:group/fastbp.git", "https://host.example/group/fastbp"),
        ("ssh://git@host.example/group/fastbp.git", "https://host.example/group/fastbp"),
        ("/a/folder/fastbp.git", None),
        (None, None),
    ],
)
def test_the_repository_is_the_remote_without_secrets(
    build, tmp_path, monkeypatch, origin, address
):
    monkeypatch.chdir(tmp_path)
    if origin:
        for arguments in (["init", "-q"], ["remote", "add", "origin", origin]):
            subprocess.run(["git", *arguments], check=True, env={"PATH": os.environ["PATH"]})
    assert build.home() == address


def test_an_sdist_remembers_the_repository(build, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    note = tmp_path / "PKG-INFO"
    note.write_text("Name: fastbp\nProject-URL: Source, https://host.example/fastbp\n\nText")
    assert build.home() == "https://host.example/fastbp"
    note.write_text("Name: fastbp\n\nText")
    assert build.home() is None


def test_links_of_the_readme_lead_somewhere_from_anywhere(build):
    home = "https://host.example/fastbp"
    page = (SETUP.parent / "README.md").read_text("utf-8")
    assert build.from_anywhere(page, None) == page
    shown = build.from_anywhere(page, home)
    targets = re.findall(r"\]\(([^)]+)\)", shown)
    assert len(targets) == len(re.findall(r"\]\(([^)]+)\)", page))
    assert all("://" in target or target.startswith("#") for target in targets)
    for kind, path in re.findall(rf"{home}/(blob|raw)/HEAD/([^)#]+)", shown):
        assert (SETUP.parent / path).exists(), path
        assert (kind == "raw") == path.endswith((".svg", ".png")), path
    assert f"![A picture]({home}/raw/HEAD/a.svg)" in build.from_anywhere(
        "![A picture](a.svg)", home
    )
    assert set(build.project_urls(home)) == {"Source", "Issues", "Documentation", "Changelog"}
    assert build.project_urls(None) == {}
