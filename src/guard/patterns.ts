/** What a text looks like it holds, by the rules of secretlint. */
export interface Looks {
  /** such as `GITHUB_TOKEN` */
  readonly what: string;
  readonly rule: string;
  /** 1, 2, … */
  readonly line: number;
}

/** Looks for keys and tokens of known services, and private keys. The rules are loaded once, when they are needed. */
export async function createPatterns(): Promise<
  (path: string, content: Buffer) => Promise<Looks[]>
> {
  const [{ lintSource }, { creator }] = await Promise.all([
    import("@secretlint/core"),
    import("@secretlint/secretlint-rule-preset-recommend"),
  ]);
  const id = "@secretlint/secretlint-rule-preset-recommend";
  return async (path, content) => {
    if (content.includes(0)) return []; // no text
    const { messages } = await lintSource({
      source: { filePath: path, content: content.toString(), contentType: "text" },
      options: {
        config: { rules: [{ id, rule: creator }] },
        maskSecrets: true,
        noPhysicFilePath: true,
      },
    });
    return messages.map(({ messageId, ruleId, loc }) => ({
      what: messageId,
      rule: ruleId.replace("@secretlint/secretlint-rule-", ""),
      line: loc.start.line,
    }));
  };
}
