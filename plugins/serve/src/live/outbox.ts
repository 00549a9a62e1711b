/** What a socket is, whatever the runtime. */
export interface Wire {
  send(data: string | Uint8Array): void;
  /** bytes that the system has not taken yet */
  buffered(): number;
  ping(data: Uint8Array): void;
  close(code: number, reason: string): void;
  /** ends it at once */
  cut(): void;
}

/** bytes on their way: with more than these, what may be dropped waits for its turn, and gives way to what is newer */
const crowded = 256 * 1024;
/** with more than these the reader is too slow */
const drowned = 2 ** 20;
/** so it is when something is on its way for longer than so many ms */
const patience = 10_000;

interface Entry {
  readonly data: string | Uint8Array;
  /** ms */
  readonly at: number;
  /** may give way to a newer one of the same kind */
  readonly kind: string | undefined;
}

export interface Outbox {
  /** @param kind what it may give way to; undefined: it is never dropped */
  put(data: string | Uint8Array, kind?: string): void;
  /** Sends what waits, as far as there is room. */
  flush(): void;
  /** Whether the reader does not keep up. */
  isSlow(): boolean;
}

/** @param dropped hears the kind of what has given way @param now ms, for tests */
export function createOutbox(
  wire: Wire,
  dropped: (kind: string) => void,
  now: () => number = Date.now,
): Outbox {
  let waiting: Entry[] = [];
  let waitingBytes = 0;
  /** bytes that the wire was given */
  let given = 0;
  /** what was given and is not known to be gone: where it ends in all that was given, and when it came */
  let marks: { readonly end: number; readonly at: number }[] = [];

  const give = ({ data, at }: Entry): void => {
    given += sizeOf(data);
    marks.push({ end: given, at });
    wire.send(data);
  };
  const flush = (): void => {
    let sent = 0;
    for (const entry of waiting) {
      if (wire.buffered() > crowded) break;
      waitingBytes -= sizeOf(entry.data);
      give(entry);
      sent++;
    }
    if (sent > 0) waiting = waiting.slice(sent);
    const gone = given - wire.buffered();
    const first = marks.findIndex(({ end }) => end > gone);
    marks = first < 0 ? [] : marks.slice(first);
  };

  return {
    put(data, kind) {
      const entry = { data, at: now(), kind };
      flush();
      if (waiting.length === 0 && wire.buffered() <= crowded) return give(entry);
      const older = kind === undefined ? -1 : waiting.findIndex((each) => each.kind === kind);
      const [gone] = older < 0 ? [] : waiting.splice(older, 1);
      if (gone) {
        waitingBytes -= sizeOf(gone.data);
        dropped(kind ?? "");
      }
      waiting.push(entry);
      waitingBytes += sizeOf(data);
    },
    flush,
    isSlow() {
      flush();
      const oldest = marks[0] ?? waiting[0];
      return (
        wire.buffered() + waitingBytes > drowned ||
        (oldest !== undefined && now() - oldest.at > patience)
      );
    },
  };
}

const sizeOf = (data: string | Uint8Array): number =>
  typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
