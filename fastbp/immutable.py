"""What networks, layers, circuits, models and objectives have in common: they stay as made."""

from typing import Any, ClassVar

_set_attribute = object.__setattr__


class Immutable:
    """A class whose attributes are set by its own code alone, through `_set`.

    `_nature` says in messages why nothing can be set, and `_made_by` which call makes another one.

    Raises
    ------
    AttributeError
        If an attribute is set or deleted.
    """

    __slots__ = ()

    _nature: ClassVar[str] = ""  # "a Dense is immutable" unless given
    _made_by: ClassVar[str] = ""

    def _set(self, **attributes: Any) -> None:
        """Sets attributes: all of them when the object is made, later only what it remembers."""
        for name, value in attributes.items():
            _set_attribute(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        way = f" with {self._made_by}" if self._made_by else ""
        raise AttributeError(f"{self._reason()}: {name} cannot be set; make another one{way}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{self._reason()}: {name} cannot be deleted")

    def _reason(self) -> str:
        """Why nothing can be set, in words."""
        return self._nature or f"a {type(self).__name__} is immutable"
