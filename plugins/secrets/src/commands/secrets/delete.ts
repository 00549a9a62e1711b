import { ChangeCommand } from "../../change.ts";

export default class SecretsDelete extends ChangeCommand {
  static override summary = "Hand out a secret no longer";
  static override description =
    "All versions, or those that are named. secrets:undelete takes it back, secrets:destroy makes it final.";
  protected readonly op = "delete";
  protected readonly said = ["deleted", "is deleted already"] as const;
}
