import { ChangeCommand } from "../../change.ts";

export default class SecretsUndelete extends ChangeCommand {
  static override summary = "Take back a deletion";
  static override description =
    "Of all versions that are deleted, or of those that are named. What is destroyed stays so.";
  protected readonly op = "undelete";
  protected readonly said = ["restored", "has no such deleted version"] as const;
}
