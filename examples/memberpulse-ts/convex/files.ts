/**
 * Files that members upload: the server keeps the content, the app what it is called and whose it is.
 *
 * A page uploads in three steps: it asks for an address (`generateUploadUrl`), posts the file there, and saves the id
 * that it is answered with (`saveFile`).
 */
import { ConvexError, v } from "convex/values";
import { note } from "./activity";
import { mutation, query } from "./_generated/server";

export const generateUploadUrl = mutation(async (ctx) => {
  return await ctx.storage.generateUploadUrl();
});

export const saveFile = mutation({
  args: {
    storageId: v.id("_storage"),
    fileName: v.string(),
    fileType: v.string(),
    uploadedBy: v.string(),
    organizationId: v.string(),
  },
  handler: async (ctx, args) => {
    const fileId = await ctx.db.insert("files", { ...args, uploadedAt: Date.now() });
    await note(ctx, {
      organizationId: args.organizationId,
      userId: args.uploadedBy,
      action: "uploaded",
      entityType: "file",
      entityId: fileId,
      metadata: { subject: args.fileName },
    });
    return fileId;
  },
});

export const getFileUrl = query({
  args: { storageId: v.id("_storage") },
  handler: async (ctx, args) => {
    return await ctx.storage.getUrl(args.storageId);
  },
});

/** The newest files of an organization, each with the address it is read from and its size in bytes. */
export const list = query({
  args: { organizationId: v.string() },
  handler: async (ctx, args) => {
    const files = await ctx.db
      .query("files")
      .withIndex("by_org", (q) => q.eq("organizationId", args.organizationId))
      .order("desc")
      .take(50);
    return await Promise.all(
      files.map(async (file) => ({
        ...file,
        url: await ctx.storage.getUrl(file.storageId),
        size: (await ctx.db.system.get(file.storageId))?.size ?? 0,
      })),
    );
  },
});

/** Forget a file and delete its content: both or neither. */
export const remove = mutation({
  args: { fileId: v.id("files"), removedBy: v.string() },
  handler: async (ctx, { fileId, removedBy }) => {
    const file = await ctx.db.get(fileId);
    if (file === null) {
      throw new ConvexError({ code: "FileGone", message: "Somebody else has deleted this file already." });
    }
    await ctx.storage.delete(file.storageId);
    await ctx.db.delete(fileId);
    await note(ctx, {
      organizationId: file.organizationId,
      userId: removedBy,
      action: "deleted",
      entityType: "file",
      entityId: fileId,
      metadata: { subject: file.fileName },
    });
  },
});
