"""What MemberPulse keeps, and the indexes its queries read by.

A document must match its table's fields on every write. Each index ends in the creation time, so that documents with
equal fields come out in the order they were made.
"""

from rtdb import define_schema, define_table, v

schema = define_schema(
    {
        "notifications": define_table(
            {
                "userId": v.string(),
                "organizationId": v.string(),
                "type": v.string(),
                "title": v.string(),
                "message": v.string(),
                "link": v.optional(v.string()),
                "read": v.boolean(),
                "createdAt": v.number(),
            }
        )
        .index("by_user", ["userId"])
        .index("by_org", ["organizationId"]),
        "presence": define_table(
            {
                "userId": v.string(),
                "organizationId": v.string(),
                "currentPage": v.string(),
                "lastSeen": v.number(),
            }
        )
        .index("by_user", ["userId"])
        .index("by_org", ["organizationId"]),
        "activity": define_table(
            {
                "organizationId": v.string(),
                "userId": v.string(),
                "action": v.string(),
                "entityType": v.string(),
                "entityId": v.string(),
                "metadata": v.optional(v.any()),
                "createdAt": v.number(),
            }
        )
        .index("by_org", ["organizationId"])
        .index("by_user", ["userId"]),
        "approvals": define_table(
            {
                "organizationId": v.string(),
                "requestedBy": v.string(),
                "subject": v.string(),
                "status": v.union(v.literal("pending"), v.literal("approved"), v.literal("rejected")),
                "createdAt": v.number(),
            }
        ).index("by_org_status", ["organizationId", "status"]),
        "files": define_table(
            {
                "storageId": v.id("_storage"),
                "fileName": v.string(),
                "fileType": v.string(),
                "uploadedBy": v.string(),
                "organizationId": v.string(),
                "uploadedAt": v.number(),
            }
        )
        .index("by_org", ["organizationId"])
        .index("by_user", ["uploadedBy"]),
    }
)
