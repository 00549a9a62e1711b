import { useSignal } from "@preact/signals";
import { notify } from "../announce.ts";
import { type Failure } from "../api.ts";
import { Field } from "../parts/field.tsx";
import { Page } from "../parts/page.tsx";
import { sentence } from "../parts/state.tsx";
import { failureOf } from "../resource.ts";
import { go, query } from "../router.ts";
import { session, signIn, type SignIn } from "../session.ts";

/** By name and password, or by a token; a code is asked for where the account needs one. */
export default function SignInScreen() {
  const way = useSignal<"password" | "token">("password");
  const username = useSignal("");
  const password = useSignal("");
  const otp = useSignal("");
  const token = useSignal("");
  const failure = useSignal<Failure | undefined>(undefined);
  const busy = useSignal(false);
  const needsCode = failure.value?.code === "E_OTP_REQUIRED" || otp.value !== "";

  const enter = async (): Promise<void> => {
    const by: SignIn =
      way.value === "token"
        ? { token: token.value.trim() }
        : {
            username: username.value.trim(),
            password: password.value,
            ...(otp.value !== "" && { otp: otp.value.trim() }),
          };
    busy.value = true;
    try {
      await signIn(by);
      notify(`Signed in as ${session.value?.user ?? ""}`);
      go(new URLSearchParams(query.value).get("to") ?? "/", { replace: true });
    } catch (error) {
      failure.value = failureOf(error);
    } finally {
      busy.value = false;
    }
  };
  const error = failure.value && sentence(failure.value.message);

  return (
    <div class="narrow">
      <Page title="Sign in" lead="With the account that you use with npm on this registry.">
        <form
          class="card"
          onSubmit={(event) => {
            event.preventDefault();
            void enter();
          }}
        >
          {way.value === "password" ? (
            <>
              <Field
                label="User name"
                value={username.value}
                autoComplete="username"
                required
                onInput={(text) => (username.value = text)}
              />
              <Field
                label="Password"
                secret
                value={password.value}
                autoComplete="current-password"
                required
                error={needsCode ? undefined : error}
                onInput={(text) => (password.value = text)}
              />
              {needsCode && (
                <Field
                  label="One-time password"
                  value={otp.value}
                  autoComplete="one-time-code"
                  inputMode="numeric"
                  error={error}
                  onInput={(text) => (otp.value = text)}
                />
              )}
            </>
          ) : (
            <Field
              label="Token or API key"
              secret
              value={token.value}
              autoComplete="off"
              required
              error={error}
              help="It begins with npm_ or ctdl_. The session may what the token may, and ends with it."
              onInput={(text) => (token.value = text)}
            />
          )}
          <div class="row">
            <button type="submit" class="primary" disabled={busy.value}>
              Sign in
            </button>
            <button
              type="button"
              class="quiet"
              onClick={() => {
                way.value = way.value === "token" ? "password" : "token";
                failure.value = undefined;
              }}
            >
              {way.value === "token" ? "Use a password" : "Use a token"}
            </button>
          </div>
        </form>
        <p class="faint">
          On the machine of the server: <code>citadel serve --open</code> signs you in by a link
          that works once.
        </p>
      </Page>
    </div>
  );
}
