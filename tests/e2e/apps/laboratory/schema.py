"""Tables of the app that the end-to-end tests deploy."""

from rtdb import define_schema, define_table, v

schema = define_schema(
    {
        "counters": define_table({"name": v.string(), "count": v.number()}).index("by_name", ["name"]),
        "accounts": define_table({"owner": v.string(), "balance": v.number()}).index("by_owner", ["owner"]),
        "entries": define_table({"room": v.string(), "rank": v.number(), "text": v.string()}).index(
            "by_rank", ["room", "rank"]
        ),
    }
)
