import { notify } from "../../announce.ts";
import { Empty } from "../../parts/state.tsx";
import { failureOf } from "../../resource.ts";
import { changePolicy, modes, type PartProps } from "./types.ts";

const means = {
  enforce: "versions that a rule refuses are not served",
  "dry-run": "they are served, and listed here",
  off: "no rule counts",
} as const;

/** What is refused, and whether that counts. */
export function Rules({ now, changed }: PartProps) {
  const choose = async (mode: string): Promise<void> => {
    try {
      await changePolicy({ type: "mode", mode });
      notify(`The policy is now: ${mode}`);
    } catch (error) {
      notify(failureOf(error).message, "bad");
    }
    changed();
  };
  return (
    <>
      <h2>Rules</h2>
      <div class="field mode">
        <label for="mode">Mode</label>
        <select
          id="mode"
          value={now.mode}
          aria-describedby="mode-help"
          onChange={({ currentTarget: { value } }) => void choose(value)}
        >
          {modes.map((mode) => (
            <option key={mode}>{mode}</option>
          ))}
        </select>
        <p class="help" id="mode-help">
          {means[now.mode]}
        </p>
      </div>
      {now.rules.length === 0 ? (
        <Empty icon="list" title="There are no rules">
          <p>
            <code>citadel registry:policy:block</code> and its sisters make some.
          </p>
        </Empty>
      ) : (
        <ul>
          {now.rules.map(({ id, effect, reason }) => (
            <li key={id}>
              <code>{id}</code>: {effect}{" "}
              {reason !== undefined && <span class="faint">({reason})</span>}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
