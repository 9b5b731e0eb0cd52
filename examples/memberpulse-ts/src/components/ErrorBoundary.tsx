import { Component, type ReactNode } from "react";
import { messageOf } from "../live";

interface State {
  error?: unknown;
}

/** Instead of an empty page: what went wrong, and a way to try again. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  state: State = {};

  static getDerivedStateFromError(error: unknown): State {
    return { error };
  }

  render() {
    if (this.state.error === undefined) return this.props.children;
    return (
      <section className="card failure" role="alert">
        <h2>This could not be shown</h2>
        <pre>{messageOf(this.state.error)}</pre>
        <button className="button primary" onClick={() => this.setState({ error: undefined })}>
          Try again
        </button>
      </section>
    );
  }
}
