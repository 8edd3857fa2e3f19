"""Functions of commands, called with a request or with its fields."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

from ddpm.commands.request_fields import checked, make_checked

Fields = ParamSpec("Fields")
Request = TypeVar("Request")
Request_contra = TypeVar("Request_contra", contravariant=True)
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class VerbFunction(Protocol[Fields, Request_contra, Result_co]):
    """A function that is called with a request or with a request's fields."""

    @overload
    def __call__(self, request: Request_contra, /) -> Result_co: ...
    @overload
    def __call__(self, *args: Fields.args, **kwargs: Fields.kwargs) -> Result_co: ...


def takes_fields(
    request: Callable[Fields, Request],
) -> Callable[[Callable[[Request], Result]], VerbFunction[Fields, Request, Result]]:
    """Return a decorator that lets a function of a `request` (a dataclass) also accept the request's fields.

    `evaluate("runs/digits", n=200)` is `evaluate(EvaluationRequest("runs/digits", n=200))`. Type checkers
    and `help()` see the fields. RequestError: an unknown field, or a value of another type or range.
    """

    def decorate(
        function: Callable[[Request], Result],
    ) -> VerbFunction[Fields, Request, Result]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Result:
            kind = cast(type, request)
            is_request = len(args) == 1 and not kwargs and isinstance(args[0], kind)
            return function(checked(args[0]) if is_request else make_checked(kind, args, kwargs))

        call.__signature__ = inspect.signature(request).replace(  # type: ignore[attr-defined]
            return_annotation=inspect.signature(function).return_annotation
        )
        return cast(VerbFunction[Fields, Request, Result], call)

    return decorate
