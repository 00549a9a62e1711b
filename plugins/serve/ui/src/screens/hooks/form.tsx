import { useSignal } from "@preact/signals";
import { ask } from "../../api.ts";
import { Field } from "../../parts/field.tsx";
import { FormDialog } from "../../parts/form.tsx";
import { newSecret, type Hook } from "./hook.ts";

const about = {
  registry: "the whole registry",
  package: "one package",
  scope: "a scope",
  owner: "what a user owns",
} as const;
const names = {
  package: ["Package", "Its whole name."],
  scope: ["Scope", "@acme"],
  owner: ["User", "All packages that they own."],
} as const;

const words = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

export function HookForm({
  onClose,
  onMade,
}: {
  readonly onClose: () => void;
  readonly onMade: (secret: string) => void;
}) {
  const endpoint = useSignal("");
  const type = useSignal<Hook["type"]>("registry");
  const name = useSignal("");
  const events = useSignal("");
  const packages = useSignal("");
  const send = async (): Promise<void> => {
    const secret = newSecret();
    const whole = type.value === "registry";
    const [only, of] = [words(events.value), words(packages.value)];
    await ask<Hook>("/-/npm/v1/hooks/hook", {
      method: "POST",
      body: {
        ...{ type: type.value, endpoint: endpoint.value.trim(), secret },
        name: whole ? "*" : name.value.trim(),
        ...(whole && only.length > 0 && { events: only }),
        ...(whole && of.length > 0 && { packages: of }),
      },
    });
    onMade(secret);
  };
  return (
    <FormDialog title="New webhook" action="Make the webhook" onClose={onClose} send={send}>
      <Field
        label="Address"
        help="https, on the public internet or on a host that hooks.allow names."
        placeholder="https://ci.example.com/citadel"
        value={endpoint.value}
        required
        onInput={(text) => (endpoint.value = text)}
      />
      <div class="field">
        <label for="about">Hears of</label>
        <select
          id="about"
          value={type.value}
          onChange={(event) => (type.value = event.currentTarget.value as Hook["type"])}
        >
          {Object.entries(about).map(([one, means]) => (
            <option key={one} value={one}>
              {means}
            </option>
          ))}
        </select>
      </div>
      {type.value === "registry" ? (
        <>
          <Field
            label="Events"
            help="Types such as package.published, alert.*; empty for all."
            value={events.value}
            onInput={(text) => (events.value = text)}
          />
          <Field
            label="Packages"
            help="Of packages only these, such as @acme/*; empty for all."
            value={packages.value}
            onInput={(text) => (packages.value = text)}
          />
        </>
      ) : (
        <Field
          key={type.value}
          label={names[type.value][0]}
          help={names[type.value][1]}
          value={name.value}
          required
          onInput={(text) => (name.value = text)}
        />
      )}
    </FormDialog>
  );
}
