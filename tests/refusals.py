"""What the tests of errors share."""


def check(cases):
    """Each case: (call, error, words of the message in their order)."""
    wrong = []
    for number, (call, error, *words) in enumerate(cases):
        try:
            result = call()
        except error as raised:
            text, start = str(raised), 0
            for word in words:
                start = text.find(word, start)
                if start < 0:
                    wrong.append(f"case {number}: no {word!r} in {text!r}")
                    break
        except Exception as raised:
            wrong.append(f"case {number}: {type(raised).__name__}: {raised}")
        else:
            wrong.append(f"case {number}: no error, but {result!r}")
    assert wrong == []
