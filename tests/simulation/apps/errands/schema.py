from rtdb import define_schema, define_table, v

schema = define_schema(
    {"steps": define_table({"errand": v.string(), "step": v.number()}).index("by_errand", ["errand", "step"])}
)
