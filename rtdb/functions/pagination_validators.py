"""What paginated queries take and give, as validators and as types: the shapes of clients' paginated hooks.

::

    @query(args={"channel": v.string(), "paginationOpts": pagination_options_validator})
    def list(ctx, channel, paginationOpts):
        return ctx.db.query("messages").order("desc").paginate(paginationOpts)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar

from rtdb.schema.validators import ObjectValidator, ValidatorLike, v

__all__ = ["PaginationOptions", "PaginationResult", "pagination_options_validator", "pagination_result_validator"]

_Row = TypeVar("_Row", bound=Mapping[str, Any])


class PaginationOptions(TypedDict):
    """What a client's paginated query sends; ``cursor`` is None for the first page."""

    numItems: float
    cursor: str | None
    endCursor: NotRequired[str | None]
    id: NotRequired[float]
    maximumRowsRead: NotRequired[float]
    maximumBytesRead: NotRequired[float]


class PaginationResult(TypedDict, Generic[_Row]):
    """A page, and where the next one begins."""

    page: list[_Row]
    isDone: bool
    continueCursor: str
    splitCursor: str | None
    pageStatus: Literal["SplitRecommended", "SplitRequired"] | None


PAGE_STATUSES = ("SplitRecommended", "SplitRequired")

pagination_options_validator = v.object(
    {
        "numItems": v.number(),
        "cursor": v.union(v.string(), v.null()),
        "endCursor": v.optional(v.union(v.string(), v.null())),
        "id": v.optional(v.number()),
        "maximumRowsRead": v.optional(v.number()),
        "maximumBytesRead": v.optional(v.number()),
    }
)


def pagination_result_validator(item: ValidatorLike) -> ObjectValidator:
    """Return the validator of a page whose rows match ``item``."""
    return v.object(
        {
            "page": v.array(item),
            "continueCursor": v.string(),
            "isDone": v.boolean(),
            "splitCursor": v.optional(v.union(v.string(), v.null())),
            "pageStatus": v.optional(v.union(*map(v.literal, PAGE_STATUSES), v.null())),
        }
    )
