import type { Notice } from "./notices.ts";

/** What a notice says to everybody who looks; undefined: it is not for everybody. */
export function noticeText({ type, data }: Pick<Notice, "type" | "data">): string | undefined {
  switch (type) {
    case "backup.finished":
      return data["result"] === "ok" ? "a backup is done" : "a backup failed";
    case "storage.quota": {
      if (data["state"] === "full") return "nothing more can be published: the storage is full";
      const part = Number(data["used"]) / Number(data["limit"]);
      return `${Math.round(100 * part)} % of the storage for packages is used`;
    }
    default:
      return undefined;
  }
}
