declare module "@npmcli/map-workspaces" {
  /** Name → folder of the packages that the patterns in `workspaces` mean, below `cwd`. */
  export default function mapWorkspaces(options: {
    readonly cwd: string;
    readonly pkg: { readonly workspaces: readonly string[] };
  }): Promise<Map<string, string>>;
}
