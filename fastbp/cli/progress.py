"""The line that tells how training is going."""

import shutil
import time
from typing import TextIO

REDRAW = 0.05  # seconds between two live redraws
WIDEST = 300  # columns; the environment may say there are any number


class Progress:
    """One live line on a terminal; elsewhere a plain line at iterations 1, 2, 5, 10, 20, 50, ...

    Parameters
    ----------
    stream
        Where to write.
    total
        The most iterations there can be, for the time left.
    """

    def __init__(self, stream: TextIO, total: int) -> None:
        self.stream = stream
        self.total = total
        self.live = stream.isatty()
        self.start = self.drawn = time.perf_counter()
        self.next = 1
        self.shown = -1

    def update(self, iteration: int, evaluations: int, cost: float, norm: float | None) -> None:
        """Take note of the state; writes only when a line is due."""
        now = time.perf_counter()
        if self.live:
            if now - self.drawn >= REDRAW:
                self._draw(self._line(iteration, evaluations, cost, norm, now))
        elif iteration >= self.next:
            while self.next <= iteration:
                self.next = _following(self.next)
            self.shown = iteration
            self._write(self._line(iteration, evaluations, cost, norm, now) + "\n")

    def finish(self, iteration: int, evaluations: int, cost: float, norm: float | None) -> None:
        """Show the last state and end the line."""
        now = time.perf_counter()
        if self.live:
            self._draw(self._line(iteration, evaluations, cost, norm, now, over=True))
            self._write("\n")
        elif self.shown != iteration:
            self._write(self._line(iteration, evaluations, cost, norm, now, over=True) + "\n")

    def _line(
        self,
        iteration: int,
        evaluations: int,
        cost: float,
        norm: float | None,
        now: float,
        over: bool = False,
    ) -> str:
        """The state in the order of its importance, as much of it as there is room for."""
        elapsed = max(now - self.start, 1e-9)
        parts = [f"iteration {iteration}/{self.total}", f"cost {cost:.5g}"]
        if over:
            parts.append(f"{duration(elapsed)} in all")
        elif iteration:
            left = elapsed / iteration * max(self.total - iteration, 0)
            parts.append(f"{duration(left)} left")
        if norm is not None:
            parts.append(f"gradient norm {norm:.1e}")
        parts.append(f"{evaluations / elapsed:.0f} evaluations/s")
        line, *rest = parts
        if len(f"{line}  {rest[0]}") > _columns():
            line = line.removeprefix("iteration ")
        for part in rest:
            if len(f"{line}  {part}") > _columns():
                break
            line += f"  {part}"
        return line

    def _draw(self, line: str) -> None:
        """Writes the line over the one before."""
        self.drawn = time.perf_counter()
        columns = _columns()
        self._write("\r" + line[:columns].ljust(columns))

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


class Silent(Progress):
    """Says nothing."""

    def __init__(self) -> None:
        pass

    def update(self, iteration: int, evaluations: int, cost: float, norm: float | None) -> None:
        pass

    finish = update


def _columns() -> int:
    """Of the terminal, but the last: a line that fills it begins another in some terminals."""
    return min(shutil.get_terminal_size().columns, WIDEST) - 1


def duration(seconds: float) -> str:
    """Seconds as a reader says them: 0.12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def _following(mark: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    return mark * 5 // 2 if str(mark)[0] == "2" else mark * 2
