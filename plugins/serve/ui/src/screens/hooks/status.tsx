import { Badge } from "../../parts/badge.tsx";
import type { Hook } from "./hook.ts";

export const Status = ({ status, response_code }: Hook) => {
  const [tone, icon] = (
    {
      active: ["good", "check"],
      failing: ["warn", "warning"],
      disabled: ["bad", "pause"],
    } as const
  )[status];
  return (
    <>
      <Badge tone={tone} icon={icon}>
        {status}
      </Badge>
      {status !== "active" && response_code !== null && response_code >= 300 && (
        <span class="faint"> answered {response_code}</span>
      )}
    </>
  );
};
