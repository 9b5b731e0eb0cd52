// Queries being read: rows come from the parent many at once and are given to the app's code one by one.
//
// What the parent has to know for an exact read set is how many rows of each were consumed, and whether the end was
// seen; it hears so with every frame. Rows that came before a write of the same execution may not be true any more:
// they are dropped, and the parent reads on after the last row that was consumed.

class QueryStream {
  constructor(id, open) {
    this.id = id;
    this.open = open; // what `1.0/queryStream` was called with, until the parent has it
    this.rows = [];
    this.next = 0;
    this.consumed = 0;
    this.isDone = false; // whether the parent has no more than `rows`
    this.hasEnded = false;
    this.isClosed = false;
  }

  // Return the next row as the answer to `1.0/queryStreamNext`, undefined if the parent must be asked.
  take() {
    if (this.next < this.rows.length) {
      this.consumed += 1;
      return `{"value":${this.rows[this.next++]},"done":false}`;
    }
    if (!this.isDone) return undefined;
    this.hasEnded = true;
    return '{"value":null,"done":true}';
  }

  drop() {
    // What was the end may not be it any more, unless it has been seen.
    this.isDone = this.hasEnded;
    this.rows = [];
    this.next = 0;
  }
}

export class QueryStreams {
  #streams = new Map();
  #nextId;
  #changed = new Set();
  #drops = 0;

  // `nextId` returns an id that no query before has had.
  constructor(nextId) {
    this.#nextId = nextId;
  }

  // Return the id of a query that is read from now on. Nothing is asked of the parent before its first row.
  open(json) {
    const id = this.#nextId();
    this.#streams.set(id, new QueryStream(id, json));
    return id;
  }

  close(id) {
    const stream = this.#streams.get(id);
    if (stream === undefined) return false;
    this.#streams.delete(id);
    // The parent has never heard of it.
    if (stream.open !== null) return true;
    stream.isClosed = true;
    this.#changed.add(stream);
    return true;
  }

  // Return {answer}, or the {request} that the parent must be sent (how the query was opened, null after the first),
  // or null for a query that is not being read.
  next(id) {
    const stream = this.#streams.get(id);
    if (stream === undefined) return null;
    const answer = this.#take(stream);
    if (answer !== undefined) return { answer };
    const request = stream.open ?? "null";
    stream.open = null;
    const drops = this.#drops;
    const received = (rows, isDone) => {
      stream.rows = rows;
      stream.next = 0;
      stream.isDone = isDone;
      const first = this.#take(stream) ?? '{"value":null,"done":true}';
      // A write was asked for after these rows were, and has been done by now.
      if (drops !== this.#drops) stream.drop();
      return first;
    };
    return { request, received };
  }

  #take(stream) {
    const answer = stream.take();
    if (answer !== undefined) this.#changed.add(stream);
    return answer;
  }

  // Forget the rows that nobody has seen.
  drop() {
    this.#drops += 1;
    for (const stream of this.#streams.values()) stream.drop();
  }

  // Return [id, rows consumed, whether the end was seen, whether it was closed] of those that have changed.
  uses() {
    const uses = [...this.#changed].map((stream) => [stream.id, stream.consumed, stream.hasEnded, stream.isClosed]);
    this.#changed.clear();
    return uses;
  }
}
