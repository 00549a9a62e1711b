import { plural } from "../../format.ts";
import { Badge } from "../../parts/badge.tsx";

const many = 6;

/** The tags of a version, as far as there is room for them. */
export const Tags = ({ tags }: { readonly tags: readonly string[] }) => (
  <>
    {tags.slice(0, many).map((tag) => (
      <Badge key={tag} tone="accent">
        {tag}
      </Badge>
    ))}
    {tags.length > many && (
      <span class="faint" title={tags.join(", ")}>
        and {plural(tags.length - many, "tag")}
      </span>
    )}
  </>
);
