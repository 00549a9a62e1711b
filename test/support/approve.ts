import { request } from "./http.ts";

/** The address of an approval in what a client prints. */
export const approvalIn = (said: string): string | undefined =>
  /http\S+\/-\/auth\/[\w-]{32}/.exec(said)?.[0];

/** Signs in on the page of a log-in, makes the account first where there is none, and allows it; as a browser would send it. */
export async function approve(
  url: string,
  user: { name: string; password: string },
): Promise<void> {
  const first = await request(url);
  const form = (text: string) => /name="form" value="([\w-]+)"/.exec(text)?.[1] ?? "";
  const send = (values: Readonly<Record<string, string>>) =>
    request(url, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        origin: new URL(url).origin,
      },
      body: new URLSearchParams(values).toString(),
    });
  const start = { form: form(first.text()), ...user };
  let second = await send({ ...start, do: "sign-in" });
  if (second.status === 401) second = await send({ ...start, do: "sign-up", email: "" });
  if (second.status !== 200) throw new Error(`${url}: ${second.status} ${second.text()}`);
  const last = await send({ do: "allow", form: form(second.text()) });
  if (last.status !== 200) throw new Error(`${url}: ${last.status} ${last.text()}`);
}
