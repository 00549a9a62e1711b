/** How a version is drawn: its colour and shape. */
export type DrawnStatus = "current" | "rollback" | "ahead" | "archived" | "removed";

/** A version in a picture. */
export interface DrawnNode {
  /** unique */
  readonly id: string;
  readonly status: DrawnStatus;
  /** what is said of it @default the status */
  readonly said?: string;
  readonly tags: readonly string[];
  /** ISO 8601 UTC; null where it is not known */
  readonly date: string | null;
  readonly author: string | null;
  readonly remarks: readonly string[];
  /** branch; empty where there are none */
  readonly line: string;
}

/** A history in a picture: trees and flowcharts are drawn of it. */
export interface DrawnGraph {
  readonly title: string;
  /** one line */
  readonly summary: string;
  /** from the oldest to the newest */
  readonly nodes: readonly DrawnNode[];
  /** from an older node to a newer one, by id; the word is one of ours */
  readonly links: readonly {
    readonly source: string;
    readonly target: string;
    readonly type: string;
  }[];
}
