from rtdb import define_schema, define_table, v

schema = define_schema({"notes": define_table({"name": v.string()})})
