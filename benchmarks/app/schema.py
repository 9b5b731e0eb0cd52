from rtdb import define_schema, define_table, v

record = {"number": v.number(), "group": v.string(), "body": v.string(), "read": v.boolean()}

schema = define_schema(
    {
        "accounts": define_table({"number": v.number(), "balance": v.number()}).index("by_number", ["number"]),
        "messages": define_table({"channel": v.string(), "body": v.string()}).index("by_channel", ["channel"]),
        "records": define_table(record).index("by_group", ["group"]).index("by_number", ["number"]),
    }
)
