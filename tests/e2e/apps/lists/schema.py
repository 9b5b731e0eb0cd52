from rtdb import define_schema, define_table, v

schema = define_schema(
    {
        "arrays": define_table({"key": v.string(), "values": v.array(v.number())}).index("by_key", ["key"]),
        "rows": define_table({"key": v.string(), "place": v.number(), "value": v.number()}).index(
            "by_key", ["key", "place"]
        ),
    }
)
