import { useSignal } from "@preact/signals";
import { ask } from "../../api.ts";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form.tsx";
import { session } from "../../session.ts";
import type { NewKey } from "./keys.tsx";

const permissions = [
  ["read", "install packages"],
  ["stage", "propose versions"],
  ["write", "publish"],
  ["admin", "everything that its user may"],
  ["metrics", "read /metrics, as Prometheus does"],
] as const;

const words = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

export function KeyForm({
  onClose,
  onMade,
}: {
  readonly onClose: () => void;
  readonly onMade: (key: NewKey) => void;
}) {
  const name = useSignal("");
  const user = useSignal(session.value?.kind === "user" ? (session.value.user ?? "") : "");
  const allowed = useSignal<readonly string[]>(["read"]);
  const expires = useSignal("90d");
  const packages = useSignal("");
  const cidr = useSignal("");
  const toggle = (one: string): void => {
    allowed.value = allowed.value.includes(one)
      ? allowed.value.filter((each) => each !== one)
      : [...allowed.value, one];
  };
  const send = async (): Promise<void> => {
    const body = {
      name: name.value.trim(),
      user: user.value.trim(),
      permissions: allowed.value,
      expires: expires.value.trim(),
      ...(words(packages.value).length > 0 && { packages: words(packages.value) }),
      ...(words(cidr.value).length > 0 && { cidr: words(cidr.value) }),
    };
    onMade(await ask<NewKey>("/_api/security/keys", { method: "POST", body }));
  };
  return (
    <FormDialog title="New API key" action="Make the key" onClose={onClose} send={send}>
      <Field
        label="Name"
        help="What it is for, such as the pipeline that uses it."
        value={name.value}
        required
        onInput={(text) => (name.value = text)}
      />
      <Field
        label="User"
        help="It may never do more than this account."
        value={user.value}
        required
        onInput={(text) => (user.value = text)}
      />
      <fieldset>
        <legend>May</legend>
        {permissions.map(([one, means]) => (
          <label key={one} class="check">
            <input
              type="checkbox"
              checked={allowed.value.includes(one)}
              onChange={() => toggle(one)}
            />
            <span>
              {one} <span class="faint">{means}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <Field
        label="Works for"
        help="90d, 12h"
        value={expires.value}
        required
        onInput={(text) => (expires.value = text)}
      />
      <Field
        label="Packages"
        help="Patterns such as @acme/*; empty for all."
        value={packages.value}
        onInput={(text) => (packages.value = text)}
      />
      <Field
        label="Addresses"
        help="Addresses or blocks that it may be used from, such as 10.0.0.0/8; empty for any."
        value={cidr.value}
        onInput={(text) => (cidr.value = text)}
      />
    </FormDialog>
  );
}
