"""Files that members upload: the server keeps the content, the app what it is called and whose it is.

A page uploads in three steps: it asks for an address (``generateUploadUrl``), posts the file there, and saves the id
that it is answered with (``saveFile``).
"""

from collections.abc import Sequence
from typing import Any

from rtdb import mutation, query, v

from ._generated.data_model import FilesId
from ._generated.server import MutationContext, QueryContext


@mutation(name="generateUploadUrl", returns=v.string())
def generate_upload_url(ctx: MutationContext) -> str:
    return ctx.storage.generate_upload_url()


@mutation(
    name="saveFile",
    args={
        "storageId": v.id("_storage"),
        "fileName": v.string(),
        "fileType": v.string(),
        "uploadedBy": v.string(),
        "organizationId": v.string(),
    },
    returns=v.id("files"),
)
def save_file(
    ctx: MutationContext, storageId: str, fileName: str, fileType: str, uploadedBy: str, organizationId: str
) -> FilesId:
    return ctx.db.insert(
        "files",
        {
            "storageId": storageId,
            "fileName": fileName,
            "fileType": fileType,
            "uploadedBy": uploadedBy,
            "organizationId": organizationId,
            "uploadedAt": ctx.now(),
        },
    )


@query(name="getFileUrl", args={"storageId": v.id("_storage")}, returns=v.union(v.string(), v.null()))
def get_file_url(ctx: QueryContext, storageId: str) -> str | None:
    return ctx.storage.get_url(storageId)


@query(args={"organizationId": v.string()})
def list(ctx: QueryContext, organizationId: str) -> Sequence[Any]:
    """The newest files of an organization, each with the address it is read from."""
    files = (
        ctx.db.query("files")
        .with_index("by_org", lambda q: q.eq("organizationId", organizationId))
        .order("desc")
        .take(50)
    )
    return [{**file, "url": ctx.storage.get_url(file["storageId"])} for file in files]


@mutation(args={"fileId": v.id("files")}, returns=v.null())
def remove(ctx: MutationContext, fileId: FilesId) -> None:
    """Forget a file and delete its content: both or neither."""
    file = ctx.db.get(fileId)
    if file is not None:
        ctx.storage.delete(file["storageId"])
        ctx.db.delete(fileId)
