import { useSignal } from "@preact/signals";
import { notify } from "../announce.ts";
import { isFailure } from "../api.ts";
import { Icon, Logo } from "../parts/icon.tsx";
import { base, href, path } from "../router.ts";
import { isAdmin, session, signOut } from "../session.ts";
import { theme, toggleTheme } from "../theme.ts";

const site = document.body.dataset["site"] ?? "";

/** `under`: the first part of addresses that belong to it */
const places = [
  { name: "Packages", to: "/", under: /^\/(?:$|package)/, admin: false },
  { name: "Metrics", to: "/metrics", under: /^\/metrics/, admin: true },
  { name: "Security", to: "/security", under: /^\/security/, admin: true },
  { name: "People", to: "/people", under: /^\/people/, admin: true },
  { name: "Policy", to: "/policy", under: /^\/policy/, admin: true },
  { name: "Webhooks", to: "/hooks", under: /^\/hooks/, admin: true },
  { name: "Configuration", to: "/configuration", under: /^\/configuration/, admin: true },
  { name: "Audit", to: "/audit", under: /^\/audit/, admin: true },
] as const;

export function Header({ onHelp }: { readonly onHelp: () => void }) {
  const open = useSignal(false);
  const dark = theme.value === "dark";
  return (
    <header class="top">
      <a class="brand" href={href("/")}>
        <Logo />
        <span>
          <strong>Citadel</strong>
          <span class="site">{site}</span>
        </span>
      </a>
      <nav aria-label="Dashboard">
        <ul>
          {places
            .filter(({ admin }) => !admin || isAdmin.value)
            .map(({ name, to, under }) => (
              <li key={name}>
                <a href={href(to)} {...(under.test(path.value) && { "aria-current": "page" })}>
                  {name}
                </a>
              </li>
            ))}
          {isAdmin.value && (
            <li>
              <a href={`${base}/terminal`}>Terminal</a>
            </li>
          )}
        </ul>
      </nav>
      <div class="tools">
        <button type="button" class="quiet square" aria-label="Help and keys" onClick={onHelp}>
          <Icon name="help" />
        </button>
        <button
          type="button"
          class="quiet square"
          aria-label="Dark theme"
          aria-pressed={dark}
          onClick={toggleTheme}
        >
          <Icon name={dark ? "moon" : "sun"} />
        </button>
        <Account open={open.value} onToggle={(now) => (open.value = now)} />
      </div>
    </header>
  );
}

function Account({
  open,
  onToggle,
}: {
  readonly open: boolean;
  readonly onToggle: (open: boolean) => void;
}) {
  const now = session.value;
  if (!now) return null;
  if (now.user === null)
    return (
      <a class="button" href={href("/sign-in")}>
        Sign in
      </a>
    );
  const leave = async (): Promise<void> => {
    try {
      await signOut();
      notify("You are signed out");
    } catch (error) {
      notify(isFailure(error) ? error.message : "signing out failed", "bad");
    }
  };
  return (
    <details
      class="account"
      open={open}
      onToggle={(event) => onToggle(event.currentTarget.open)}
      onKeyDown={(event) => {
        if (event.key === "Escape") onToggle(false);
      }}
      onFocusOut={({ currentTarget, relatedTarget }) => {
        if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget)))
          onToggle(false);
      }}
    >
      <summary>
        <Icon name="user" />
        <span class="who">{now.user}</span>
      </summary>
      <div class="menu" tabIndex={-1}>
        <p>
          Signed in as <strong>{now.user}</strong>
          <br />
          <span class="faint">{rightsInWords(now.kind, now.rights.admin, now.rights.write)}</span>
        </p>
        <button type="button" onClick={() => void leave()}>
          Sign out
        </button>
      </div>
    </details>
  );
}

function rightsInWords(kind: string, admin: boolean, write: boolean): string {
  if (kind === "local") return "by the link of the start, with all rights";
  if (admin) return "administrator";
  return write ? "may publish" : "may read";
}
