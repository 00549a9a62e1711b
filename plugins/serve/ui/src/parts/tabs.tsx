import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export interface Tab {
  readonly name: string;
  readonly content: () => ComponentChildren;
}

/** Several views of one thing, one at a time; arrow keys go through them. */
export function Tabs({
  label,
  tabs,
  first = 0,
  onChange,
}: {
  readonly label: string;
  readonly tabs: readonly Tab[];
  readonly first?: number;
  readonly onChange?: (n: number) => void;
}) {
  const id = useId();
  const at = useSignal(first);
  const choose = (n: number): void => {
    at.value = (n + tabs.length) % tabs.length;
    onChange?.(at.value);
    document.getElementById(`${id}-${at.value}`)?.focus();
  };
  const onKeyDown = ({ key }: KeyboardEvent): void => {
    if (key === "ArrowRight") choose(at.value + 1);
    if (key === "ArrowLeft") choose(at.value - 1);
    if (key === "Home") choose(0);
    if (key === "End") choose(tabs.length - 1);
  };
  return (
    <div class="tabs">
      <div role="tablist" aria-label={label} onKeyDown={onKeyDown}>
        {tabs.map(({ name }, n) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${n}`}
            aria-selected={n === at.value}
            aria-controls={`${id}-panel`}
            tabIndex={n === at.value ? 0 : -1}
            onClick={() => choose(n)}
          >
            {name}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${at.value}`}>
        {tabs[at.value]?.content()}
      </div>
    </div>
  );
}
