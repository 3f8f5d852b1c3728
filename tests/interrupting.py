"""A signal in the middle of a call, however fast, slow or busy the machine is.

No length is chosen beforehand: a call that ended before the engine looked for signals proves
nothing, and is made again with twice the work. The time that counts is what the calling thread
worked in that very call, so nothing depends on what else the machine did then or before.
"""

import signal
import time

AFTER = 0.02  # seconds from the start of the call to the signal
ENOUGH = 0.5  # seconds of work with no look for signals are a failure: ten times what is promised


def stop_in_the_middle(make, size, error=KeyboardInterrupt):
    """Raises `error` by a signal in the middle of a call; returns the size of the call.

    ``make(size)`` returns the call and a function that tells how many calls went on to their end.
    """

    def handler(number, frame):
        raise error("from the handler")

    before = signal.signal(signal.SIGALRM, handler)
    try:
        while True:
            call, count = make(size)
            finished, start = count(), time.thread_time()
            try:
                signal.setitimer(signal.ITIMER_REAL, AFTER)
                call()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except error as raised:
                arrived = raised
                if count() == finished:
                    break
            took = time.thread_time() - start
            assert took < ENOUGH, f"{took} s of work went on to their end"
            size *= 2
        assert arrived.args == ("from the handler",), arrived
        return size
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def counted(function, *arguments):
    """(call, count) of a function of C, for `stop_in_the_middle`.

    What it returns is appended before the interpreter looks for signals again.
    """
    results = []
    return lambda: results.extend(map(function, *([each] for each in arguments))), results.__len__
