// The app that browser.mjs opens for files: the three steps of an upload, and what it has led to, for everybody to see.
import { createRoot } from "react-dom/client";
import { ConvexProvider, ConvexReactClient, useMutation, useQuery } from "convex/react";
import { makeFunctionReference } from "convex/server";

const client = new ConvexReactClient(window.deployment);
const organizationId = window.subject;

// What the page has shown of each file, without repeats.
window.shown = [];

function FileUploader() {
  const generateUploadUrl = useMutation(makeFunctionReference("files:generateUploadUrl"));
  const saveFile = useMutation(makeFunctionReference("files:saveFile"));
  const handleUpload = async (file) => {
    const uploadUrl = await generateUploadUrl();
    const result = await fetch(uploadUrl, {
      method: "POST",
      headers: { "Content-Type": file.type },
      body: file,
    });
    const answer = await result.json();
    if (!result.ok) return window.shown.push(`${file.name}: ${result.status} ${answer.code}`);
    await saveFile({
      storageId: answer.storageId,
      fileName: file.name,
      fileType: file.type,
      uploadedBy: "ada",
      organizationId,
    });
  };
  return <input type="file" onChange={(event) => handleUpload(event.target.files[0])} />;
}

function Files() {
  const files = useQuery(makeFunctionReference("files:list"), { organizationId }) ?? [];
  return (
    <ul>
      {files.map((file) => (
        <li key={file._id}>
          {file.fileName}
          <img src={file.url} onLoad={({ target }) => window.shown.push(`${file.fileName}: ${target.naturalWidth} wide`)} />
        </li>
      ))}
    </ul>
  );
}

// For a script of the page to read: a part of a file, and what the page is allowed to see of the answer.
window.part = async (range) => {
  const [file] = await client.query(makeFunctionReference("files:list"), { organizationId });
  const response = await fetch(file.url, { headers: { Range: range } });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return [response.status, response.headers.get("content-range"), response.headers.get("etag"), bytes.length];
};

createRoot(document.getElementById("root")).render(
  <ConvexProvider client={client}>
    <FileUploader />
    <Files />
  </ConvexProvider>,
);
