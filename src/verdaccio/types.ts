/** One entry of `packages:`. Groups are user names and `$all`, `$anonymous`, `$authenticated`. */
export interface VerdaccioRule {
  /** as written there: a glob */
  readonly glob: string;
  /** patterns of Citadel that mean the same; empty when there are none */
  readonly patterns: readonly string[];
  readonly access: readonly string[];
  readonly publish: readonly string[];
  /** absent: whoever may publish */
  readonly unpublish?: readonly string[];
  /** names of uplinks, in order */
  readonly proxy: readonly string[];
}

export interface VerdaccioUplink {
  readonly name: string;
  readonly url: string;
  /** how long a packument is believed, as written: `2m` */
  readonly maxAge?: string;
  /** is something set that Citadel has to be told by hand, such as a token or a certificate */
  readonly secret: boolean;
}

/** What a Verdaccio configuration says, as far as Citadel has a use for it. Paths are absolute. */
export interface VerdaccioConfig {
  readonly path: string;
  /** folders of packages; the first one has the list of local packages */
  readonly folders: readonly string[];
  readonly htpasswd?: { readonly file: string; readonly maxUsers: number };
  readonly rules: readonly VerdaccioRule[];
  readonly uplinks: readonly VerdaccioUplink[];
  /** as written: `host:port`, a port, an address, `unix:path` */
  readonly listen: readonly string[];
  /** address that clients use, where it is given in full */
  readonly publicUrl?: string;
  /** bytes */
  readonly maxBodySize?: number;
  /** CIDR blocks or addresses of proxies */
  readonly trustProxy: readonly string[];
  /** keys that stand there and have no use here, `a.b` */
  readonly unused: readonly string[];
}
