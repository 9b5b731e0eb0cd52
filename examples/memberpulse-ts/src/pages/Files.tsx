import { useMutation } from "convex/react";
import { useRef, useState, type DragEvent } from "react";
import { api } from "../../convex/_generated/api";
import type { Id } from "../../convex/_generated/dataModel";
import { Card, Empty, Waiting } from "../components/Card";
import { Icon } from "../components/Icon";
import { useToast } from "../components/Toasts";
import { ago, bytes, useNow } from "../format";
import { messageOf, useChange, useLive } from "../live";
import { memberOf } from "../members";
import { useSession } from "../session";
import { upload } from "../upload";

interface Transfer {
  id: number;
  name: string;
  size: number;
  share: number;
  error?: string;
  stop: () => void;
}

let number = 0;

/** The uploads under way, and how to begin one. */
function useTransfers() {
  const { member, organizationId } = useSession();
  const generateUploadUrl = useMutation(api.files.generateUploadUrl);
  const saveFile = useMutation(api.files.saveFile);
  const toast = useToast();
  const [transfers, setTransfers] = useState<Transfer[]>([]);

  const change = (id: number, fields: Partial<Transfer>) =>
    setTransfers((all) => all.map((one) => (one.id === id ? { ...one, ...fields } : one)));
  const remove = (id: number) => setTransfers((all) => all.filter((one) => one.id !== id));

  const begin = async (file: File) => {
    const id = ++number;
    const stopped = new AbortController();
    const transfer = { id, name: file.name, size: file.size, share: 0, stop: () => stopped.abort() };
    setTransfers((all) => [...all, transfer]);
    try {
      const url = await generateUploadUrl();
      const { storageId } = await upload(url, file, (share) => change(id, { share }), stopped.signal);
      await saveFile({
        storageId: storageId as Id<"_storage">,
        fileName: file.name,
        fileType: file.type || "application/octet-stream",
        uploadedBy: member.id,
        organizationId,
      });
      remove(id);
      toast({ tone: "good", text: `${file.name} is there for everybody.` });
    } catch (error) {
      if (stopped.signal.aborted) remove(id);
      else change(id, { error: messageOf(error), stop: () => remove(id) });
    }
  };
  return { transfers, begin };
}

export function Files() {
  const { transfers, begin } = useTransfers();
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);

  const take = (files: FileList | null) => {
    for (const file of files ?? []) void begin(file);
  };
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  return (
    <div className="stack">
      <div
        className={over ? "drop-zone over" : "drop-zone"}
        onDragOver={(event) => (event.preventDefault(), setOver(true))}
        onDragLeave={() => setOver(false)}
        onDrop={onDrop}
      >
        <Icon name="upload" size={30} />
        <p>
          <strong>Drop files here</strong> for everybody in the organization
        </p>
        <button className="button primary" onClick={() => input.current!.click()}>
          Choose files
        </button>
        <input
          ref={input}
          className="visually-hidden"
          type="file"
          multiple
          tabIndex={-1}
          aria-label="Files to upload"
          onChange={(event) => (take(event.target.files), (event.target.value = ""))}
        />
      </div>
      {transfers.length > 0 && (
        <ul className="rows card transfers" aria-label="Uploads">
          {transfers.map((transfer) => (
            <TransferRow key={transfer.id} transfer={transfer} />
          ))}
        </ul>
      )}
      <FileList />
    </div>
  );
}

function TransferRow({ transfer: { name, size, share, error, stop } }: { transfer: Transfer }) {
  const percent = Math.round(share * 100);
  return (
    <li className={error ? "row failed" : "row"}>
      <span className="glyph">
        <Icon name={error ? "cross" : "upload"} size={18} />
      </span>
      <div className="grow">
        <div className="spread">
          <strong>{name}</strong>
          <small>{error ? bytes(size) : `${percent} % of ${bytes(size)}`}</small>
        </div>
        {error ? (
          <p role="alert">{error}</p>
        ) : (
          <progress aria-label={`Upload of ${name}`} max={100} value={percent} />
        )}
      </div>
      <button className="icon-button small" aria-label={error ? `Dismiss ${name}` : `Stop ${name}`} onClick={stop}>
        <Icon name="cross" size={16} />
      </button>
    </li>
  );
}

function FileList() {
  const { member, organizationId } = useSession();
  const files = useLive(api.files.list, { organizationId });
  const remove = useChange(api.files.remove);
  const now = useNow();
  if (files === undefined) return <Waiting lines={4} />;
  return (
    <Card title="Files" aside={<span className="count">{files.length}</span>}>
      {files.length === 0 ? (
        <Empty icon="files">No files yet.</Empty>
      ) : (
        <ul className="file-grid" aria-label="Files">
          {files.map(({ _id, fileName, fileType, uploadedBy, uploadedAt, url, size }) => (
            <li key={_id} className="file">
              <a href={url ?? undefined} target="_blank" rel="noreferrer">
                <span className="preview">
                  {url && fileType.startsWith("image/") ? (
                    <img src={url} alt="" loading="lazy" />
                  ) : (
                    <span className="extension">{fileName.split(".").pop()!.slice(0, 4)}</span>
                  )}
                </span>
                <strong>{fileName}</strong>
              </a>
              <div className="spread">
                <small>
                  {memberOf(uploadedBy).name.split(" ")[0]} · {bytes(size)} · {ago(uploadedAt, now)}
                </small>
                <button
                  className="icon-button small"
                  aria-label={`Delete ${fileName}`}
                  onClick={() => remove({ fileId: _id, removedBy: member.id })}
                >
                  <Icon name="trash" size={16} />
                </button>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
