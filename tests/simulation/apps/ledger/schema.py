from rtdb import define_schema, define_table, v

schema = define_schema(
    {
        "accounts": define_table({"owner": v.string(), "balance": v.number()}).index("by_owner", ["owner"]),
        "counters": define_table({"name": v.string(), "count": v.number()}).index("by_name", ["name"]),
        "entries": define_table({"book": v.string(), "number": v.number(), "text": v.string()}).index(
            "by_book", ["book", "number"]
        ),
    }
)
