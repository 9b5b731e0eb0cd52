from rtdb import define_schema, define_table, v

# Jobs are numbered by whoever schedules them. `runs` has a document for each time that one of them wrote, `ticks` one
# for each run of a cron job.
schema = define_schema(
    {
        "runs": define_table({"batch": v.string(), "number": v.number(), "at": v.number()}).index(
            "by_number", ["batch", "number"]
        ),
        "ticks": define_table({"cron": v.string(), "at": v.number()}).index("by_cron", ["cron", "at"]),
        "plans": define_table({"batch": v.string(), "number": v.number(), "job": v.string(), "kind": v.string()}).index(
            "by_number", ["batch", "number"]
        ),
    }
)
