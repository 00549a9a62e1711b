import { boolean, string } from "@oclif/core/flags";

/** Which settings file a command works on. */
export const fileFlags = {
  project: boolean({
    description: "the citadel.json5 of the project around, instead of the user's",
    exclusive: ["file"],
  }),
  file: string({ helpValue: "<path>", description: "this file" }),
};
