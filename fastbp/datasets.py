"""The data that comes with fastbp."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIGITS = Path(__file__).with_name("data") / "digits.csv"
LONGEST = 10**6  # characters; the file has a third of them


def load_digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Handwritten digits: 1797 images of 8 x 8 pixels.

    Returns
    -------
    X : float64, shape (1797, 64)
        Pixel (row r, column c) of an image is column ``8 r + c``; values are the integers 0 to 16
        (0 is paper, 16 is ink). Divide by 16 before training.
    y : int64, shape (1797,)
        The digit each image shows, 0 to 9.

    Both arrays are fresh on every call.

    Raises
    ------
    OSError, ValueError
        If the file that comes with fastbp is missing or damaged.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
    Learning Repository, https://doi.org/10.24432/C50P49 (its test part), CC BY 4.0.
    """
    with open(DIGITS, encoding="ascii") as file:
        file.readline(LONGEST)
        text = file.read(LONGEST)
    separators = text.count(",") + text.count("\n")
    whole = text.endswith("\n") and separators == 1797 * 65
    if not whole or ",," in text or text.strip("0123456789,\n"):
        raise ValueError(f"{DIGITS} is damaged; install fastbp again")
    # np.loadtxt takes twice as long
    numbers = np.fromstring(text.replace("\n", ","), dtype=np.int64, sep=",")
    table = numbers.reshape(1797, 65)
    return table[:, :64].astype(np.float64), table[:, 64].copy()
