import { Dialog } from "../parts/dialog.tsx";
import { Switch } from "../parts/field.tsx";
import { keysOn, shortcuts, toggleKeys } from "../keys.ts";
import { session } from "../session.ts";

export const Help = ({ onClose }: { readonly onClose: () => void }) => (
  <Dialog title="Keys" onClose={onClose}>
    <Switch label="Shortcuts with single keys" on={keysOn.value} onToggle={toggleKeys}>
      <span class="faint">none of them works while you type in a field</span>
    </Switch>
    <dl class="keys">
      {shortcuts.value.map(({ keys, does }) => (
        <div key={keys}>
          <dt>
            {keys.split(" ").map((key) => (
              <kbd key={key}>{key}</kbd>
            ))}
          </dt>
          <dd>{does}</dd>
        </div>
      ))}
      <div>
        <dt>
          <kbd>↑</kbd>
          <kbd>↓</kbd>
          <kbd>Enter</kbd>
        </dt>
        <dd>go through a list, and open</dd>
      </div>
      <div>
        <dt>
          <kbd>Esc</kbd>
        </dt>
        <dd>close, or undo what is typed</dd>
      </div>
    </dl>
    <p class="faint">Citadel {session.value?.version}</p>
  </Dialog>
);
