"""Where a table comes from: a file, standard input, a pipe; and in which encoding."""

import argparse
import codecs
import io
import os
import sys
from dataclasses import dataclass
from typing import TextIO

from fastbp.cli.errors import CommandError, one_line
from fastbp.validate import described

STANDARD_INPUT = "-"
UTF_8 = "utf-8-sig"  # with or without a mark at the beginning
MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def encoding(text: str) -> str:
    """An argparse type: the name of an encoding that Python knows."""
    try:
        codec = codecs.lookup(text)
        "".encode(text)  # some codecs are not of text
    except (LookupError, ValueError):
        raise argparse.ArgumentTypeError(
            f"{described(text)} is no encoding of text; such are utf-8, utf-16, cp1252, latin-1"
        ) from None
    return UTF_8 if codec.name == "utf-8" else codec.name


@dataclass(frozen=True)
class Source:
    """Bytes that can be read more than once, and the encoding of their text.

    name : what messages call them
    content : what came from standard input or a pipe, which can be read only once; else None
    """

    name: str
    encoding: str
    content: bytes | None = None

    def open(self) -> TextIO:
        """The text from its beginning; ends of lines are left as they are."""
        if self.content is None:
            return open(self.name, encoding=self.encoding, newline="")
        return io.TextIOWrapper(io.BytesIO(self.content), encoding=self.encoding, newline="")

    def not_text(self, error: UnicodeDecodeError) -> CommandError:
        """The error for bytes that the encoding does not have."""
        if any(error.object.startswith(mark) for mark in MARKS):
            advice = "it looks like UTF-16: say --encoding utf-16"
        elif self.encoding == UTF_8:
            advice = (
                "save it as CSV in UTF-8, or say which encoding it has, such as --encoding cp1252 "
                "(Windows) or latin-1"
            )
        else:
            advice = "say another --encoding"
        name = "UTF-8" if self.encoding == UTF_8 else self.encoding
        byte = error.object[error.start] if error.start < len(error.object) else 0
        return CommandError(f"{self.name} is not {name} text (byte 0x{byte:02x}): {advice}")


def opened(path: str, encoding: str = UTF_8) -> Source:
    """The source that a command names: a file, or ``-`` for standard input."""
    try:
        if path == STANDARD_INPUT:
            if sys.stdin is None:
                raise CommandError("standard input is closed; name a file")
            return Source("standard input", encoding, sys.stdin.buffer.read())
        if os.path.isdir(path):
            raise CommandError(f"{path} is a folder; give a CSV file")
        if os.path.exists(path) and not os.path.isfile(path):  # a pipe, which is read only once
            with open(path, "rb") as file:
                return Source(path, encoding, file.read())
    except OSError as error:
        raise CommandError(one_line(error)) from None
    return Source(path, encoding)
