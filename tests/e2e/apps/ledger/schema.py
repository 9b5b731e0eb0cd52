from rtdb import define_schema, define_table, v

schema = define_schema(
    {"entries": define_table({"client": v.number(), "number": v.number()}).index("by_client", ["client", "number"])}
)
