"""What networks, layers and circuits have in common: their attributes are set once."""


class Immutable:
    """A class whose objects stay what they were made as; they set attributes by object.__setattr__.

    Raises
    ------
    AttributeError
        If an attribute is set or deleted.
    """

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(
            f"a {type(self).__name__} is immutable ({name} cannot be set); make another one"
        )

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a {type(self).__name__} is immutable ({name} cannot be deleted)")
