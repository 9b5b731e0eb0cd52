"""Validators for what paginated queries take and give: the shapes that clients' paginated hooks send and expect.

::

    @query(args={"channel": v.string(), "paginationOpts": pagination_options_validator})
    def list(ctx, channel, paginationOpts):
        return ctx.db.query("messages").order("desc").paginate(paginationOpts)
"""

from __future__ import annotations

from rtdb.schema.validators import ObjectValidator, ValidatorLike, v

__all__ = ["pagination_options_validator", "pagination_result_validator"]

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
