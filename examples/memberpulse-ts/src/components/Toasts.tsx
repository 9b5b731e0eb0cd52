import { createContext, useCallback, useContext, useState, type ReactNode } from "react";
import { Icon } from "./Icon";

interface Toast {
  tone: "good" | "bad";
  text: string;
}

const SHOWN_MS = 6_000;
const SHOWN_MAX = 4;
const ToastContext = createContext<(toast: Toast) => void>(() => {});
let number = 0;

/** Short messages in the corner, read aloud when they come. */
export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<(Toast & { id: number })[]>([]);
  const close = useCallback((id: number) => setToasts((shown) => shown.filter((toast) => toast.id !== id)), []);
  const show = useCallback(
    (toast: Toast) => {
      const id = ++number;
      setToasts((shown) => [...shown, { ...toast, id }].slice(-SHOWN_MAX));
      setTimeout(() => close(id), SHOWN_MS);
    },
    [close],
  );
  return (
    <ToastContext value={show}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {toasts.map((toast) => (
          <div key={toast.id} className={`toast ${toast.tone}`}>
            <Icon name={toast.tone === "good" ? "check" : "cross"} size={18} />
            <span>{toast.text}</span>
            <button className="icon-button small" aria-label="Dismiss" onClick={() => close(toast.id)}>
              <Icon name="cross" size={14} />
            </button>
          </div>
        ))}
      </div>
    </ToastContext>
  );
}

export function useToast(): (toast: Toast) => void {
  return useContext(ToastContext);
}
