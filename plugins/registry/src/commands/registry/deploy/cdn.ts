import { DeployCommand } from "../../../deploy/command.ts";

export default class RegistryDeployCdn extends DeployCommand {
  static override summary = "Hand out packages from Cloudflare: write the Worker, and deploy it";
  static override description =
    "Writes the project of a Worker that serves what citadel sync:upload --views brings to an R2 bucket. Files that are there already are left alone; of the configuration only the bucket and the path change, after a question. Where wrangler is installed it deploys, else the next steps are shown.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ./cdn --url https://npm.example.com/",
    "<%= config.bin %> <%= command.id %> ./cdn --write-only",
  ];
  protected readonly environment = "production";
}
